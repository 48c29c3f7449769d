#include <map>
#include <memory>
#include <set>
#include <span>
#include <utility>

#include "artifacts/base/error.h"
#include "artifacts/tensor/safetensors.h"
#include "manifests/state.h"
#include "verify/verify.h"

namespace repro::verify {
namespace {

constexpr std::uint64_t kMaxManifestBytes = std::uint64_t{64} << 20;
constexpr std::string_view kTensorSuffix = ".safetensors";
constexpr std::string_view kRawSuffix = ".bin";

class FolderCheck {
 public:
  FolderCheck(FileSystem& files, const std::string& folder, const VerifyOptions& options)
      : files_(files), folder_(folder), options_(options) {}

  Verification run() {
    const std::string path = join_path(folder_, kStateFile);
    if (!files_.exists(path)) {
      throw Error(Code::not_found, "nothing in " + folder_ + " says what its tensors should be",
                  "`repro checkout` writes " + std::string(kStateFile) +
                      " beside them; without it only `repro diff` of two folders can tell");
    }
    state_ = manifests::parse_state(files_.read_file(path, kMaxManifestBytes), path);
    for (const auto& tensor : state_.tensors) expected_[tensor.name] = &tensor;
    if (!options_.tensor.empty() && !expected_.contains(options_.tensor)) {
      throw Error(Code::not_found, "the state has no tensor " + options_.tensor);
    }
    for (const std::string& name : files_.list(folder_)) {
      if (name.ends_with(kTensorSuffix)) check_file(join_path(folder_, name));
    }
    for (const auto& tensor : state_.tensors) {
      if (wanted(tensor.name)) check_raw(tensor);
    }
    describe();
    sort_findings(result_.findings);
    return std::move(result_);
  }

 private:
  bool wanted(const std::string& name) const {
    return options_.tensor.empty() || options_.tensor == name;
  }

  void add(Severity severity, const std::string& path, std::string message) {
    result_.findings.push_back({severity,
                                "tensor",
                                path,
                                "",
                                {"state " + state_.state_root.short_hex()},
                                std::move(message)});
  }

  void check_file(const std::string& path) {
    try {
      const auto mapping = files_.map(path);
      const auto header = artifacts::parse_safetensors(mapping->bytes(), path);
      for (const auto& tensor : header.tensors) {
        if (!wanted(tensor.name)) continue;
        check_tensor(
            path, tensor,
            mapping->bytes().subspan(header.data_offset + tensor.begin, tensor.end - tensor.begin));
      }
    } catch (const Error& error) {
      result_.findings.push_back(finding_of(error, "tensor", path));
    }
  }

  // One file a tensor, as `checkout --format raw` writes it. Names in a manifest were checked to be
  // relative and normalised.
  void check_raw(const manifests::StateTensor& tensor) {
    const std::string path = join_path(folder_, tensor.name + std::string(kRawSuffix));
    const auto status = files_.find_status(path);
    if (!status) return;
    if (status->kind != FileKind::regular) {
      add(Severity::corruption, path, "is not a regular file");
      return;
    }
    check_tensor(path, {tensor.name, tensor.dtype, tensor.shape, 0, 0}, files_.map(path)->bytes());
  }

  void check_tensor(const std::string& path, const artifacts::TensorInfo& tensor,
                    std::span<const std::byte> bytes) {
    const auto found = expected_.find(tensor.name);
    if (found == expected_.end()) {
      add(Severity::mismatch, path, "tensor " + tensor.name + " is not of this state");
      return;
    }
    const manifests::StateTensor& claim = *found->second;
    seen_.insert(tensor.name);
    ++result_.num_tensors;
    result_.num_bytes += bytes.size();
    if (claim.dtype != tensor.dtype || claim.shape != tensor.shape) {
      add(Severity::mismatch, path, "tensor " + tensor.name + " has another dtype or shape");
    } else if (sha256(bytes) != claim.digest) {
      add(Severity::corruption, path,
          "tensor " + tensor.name + " does not match its digest " + claim.digest.hex());
    } else if (tensor_root(bytes) != claim.root) {
      add(Severity::mismatch, path, "tensor " + tensor.name + " has another Merkle root");
    }
  }

  void describe() {
    std::uint64_t weights = 0;
    std::uint64_t others = 0;
    for (const auto& [name, tensor] : expected_) {
      if (seen_.contains(name) || !wanted(name)) continue;
      ++(manifests::is_weight(name) ? weights : others);
    }
    result_.checked.push_back(std::to_string(result_.num_tensors) +
                              " tensors: raw digest, Merkle root, dtype and shape");
    result_.checked.push_back("state manifest: model root " + state_.model_root.hex() +
                              " and state root from the tensors' roots");
    if (weights != 0) {
      result_.complete = false;
      result_.not_checked.push_back(std::to_string(weights) +
                                    " weights that are not in the folder");
    }
    if (others != 0) {
      result_.not_checked.push_back(std::to_string(others) +
                                    " tensors of the optimiser and trainer: not in the folder");
    }
    if (!options_.tensor.empty()) {
      result_.not_checked.push_back("any tensor but " + options_.tensor);
    }
    result_.not_checked.emplace_back(
        "who made it: nothing here is signed, so the verdict is consistent, not authentic");
  }

  FileSystem& files_;
  const std::string& folder_;
  const VerifyOptions& options_;
  manifests::State state_;
  std::map<std::string, const manifests::StateTensor*> expected_;
  std::set<std::string> seen_;
  Verification result_;
};

}  // namespace

Verification verify_folder(FileSystem& files, const std::string& folder,
                           const VerifyOptions& options) {
  return FolderCheck(files, folder, options).run();
}

}  // namespace repro::verify

#include "verify/olmo_trainer.h"

#include <functional>
#include <utility>

#include "artifacts/base/error.h"
#include "imports/olmo_checkpoint.h"
#include "imports/stored_tensors.h"

namespace repro::verify {
namespace {

using Bytes = std::span<const std::byte>;

class TrainerReader {
 public:
  TrainerReader(FileSystem& files, OlmoCheckpoint& checkpoint, std::vector<Finding>& findings)
      : files_(files), checkpoint_(checkpoint), findings_(findings) {}

  void read(const OlmoTrainerFiles& names) {
    attempt(names.model, [&](Bytes file, const std::string& path) { read_model(file, path); });
    attempt(names.optimizer,
            [&](Bytes file, const std::string& path) { read_optimizer(file, path); });
    attempt(names.trainer, [&](Bytes file, const std::string& path) {
      checkpoint_.counters = imports::read_counters(imports::TorchFile(file, path).pickle());
    });
  }

 private:
  // The mapping of model.pt lives as long as this object: the importer borrows it.
  void attempt(const std::string& name,
               const std::function<void(Bytes, const std::string&)>& read_file) {
    if (name.empty()) return;
    const std::string path = join_path(checkpoint_.path, name);
    try {
      mappings_.push_back(files_.map(path));
      read_file(mappings_.back()->bytes(), path);
    } catch (const Error& error) {
      findings_.push_back(finding_of(error, "checkpoint", path));
    }
  }

  // Sound files that do not fit together.
  bool fits(const std::string& path, const std::function<void()>& act) {
    try {
      act();
      return true;
    } catch (const Error& error) {
      if (error.code() != Code::corruption) throw;
      findings_.push_back({Severity::mismatch, "checkpoint", path, "", {}, error.what()});
      return false;
    }
  }

  void read_model(Bytes file, const std::string& path) {
    const std::vector<imports::StoredTensor> tensors = imports::read_stored_tensors(file, path);
    const auto& run = checkpoint_.run;
    const auto& model = run && run->model ? run->model : checkpoint_.model;
    if (model && fits(path, [&] { original_.emplace(*model, tensors, path); })) {
      place_originals(file, path);
    }
  }

  // Where the parts of each tensor lie in the file.
  void place_originals(Bytes file, const std::string& path) {
    bool placed = true;
    original_->for_each([&](const manifests::NamedShape& shape, Bytes bytes) {
      OlmoCheckpoint::Tensor tensor;
      tensor.info = {shape.name, shape.dtype, shape.shape, 0, bytes.size()};
      tensor.file = path;
      const std::less_equal<const std::byte*> before;
      if (!bytes.empty()) {
        const bool inside = before(file.data(), bytes.data()) &&
                            before(bytes.data() + bytes.size(), file.data() + file.size());
        placed = placed && inside;
        if (inside) tensor.offset = static_cast<std::uint64_t>(bytes.data() - file.data());
      }
      checkpoint_.originals[shape.name] = tensor;
    });
    if (placed) return;
    checkpoint_.originals.clear();
    findings_.push_back({Severity::warning,
                         "checkpoint",
                         path,
                         "",
                         {},
                         "has rows that do not follow each other; its tensors are not compared"});
  }

  void read_optimizer(Bytes file, const std::string& path) {
    const imports::OlmoOptimizer optimizer = imports::read_optimizer(file, path);
    checkpoint_.rates = optimizer.rates;
    if (!original_) return;
    if (fits(path, [&] { original_->add_optimizer(optimizer.tensors, optimizer.names, path); })) {
      checkpoint_.optimizer_step = original_->optimizer_step();
    }
  }

  FileSystem& files_;
  OlmoCheckpoint& checkpoint_;
  std::vector<Finding>& findings_;
  std::vector<std::unique_ptr<Mapping>> mappings_;
  std::optional<imports::OlmoCheckpoint> original_;
};

}  // namespace

void read_olmo_trainer(FileSystem& files, const OlmoTrainerFiles& names, OlmoCheckpoint& checkpoint,
                       std::vector<Finding>& findings) {
  TrainerReader(files, checkpoint, findings).read(names);
}

}  // namespace repro::verify

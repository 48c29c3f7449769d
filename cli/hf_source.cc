#include "cli/hf_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <future>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "artifacts/base/digest.h"
#include "artifacts/base/error.h"
#include "artifacts/base/json.h"
#include "artifacts/tensor/convert.h"
#include "cli/findings.h"

namespace repro::cli {
namespace {

constexpr std::uint64_t kMaxConfigBytes = std::uint64_t{1} << 20;
constexpr std::uint64_t kMaxTextBytes = std::uint64_t{64} << 20;
constexpr const char* kConfig = "config.json";
constexpr const char* kGenerationConfig = "generation_config.json";
constexpr const char* kTokenizer = "tokenizer.json";

[[noreturn]] void fail_changed(const std::string& path) {
  throw Error(Code::conflict, path + " changed while it was imported",
              "wait until nothing writes to it, then import it again");
}

void read_exactly(File& file, std::span<std::byte> into, const std::string& path) {
  while (!into.empty()) {
    const std::size_t count = file.read(into);
    if (count == 0) fail_changed(path);
    into = into.subspan(count);
  }
}

// A file as it passes: hashed on a thread of its own while the tensors in it are put into the
// store, since both take as long.
class FileHash {
 public:
  void update(std::span<const std::byte> bytes, const std::function<void()>& meanwhile) {
    auto hashed = std::async(std::launch::async, [&] { hasher_.update(bytes); });
    if (meanwhile) meanwhile();
    hashed.get();
  }
  Sha256& hasher() { return hasher_; }

 private:
  Sha256 hasher_;
};

std::vector<const artifacts::TensorInfo*> in_file_order(
    const std::vector<artifacts::TensorInfo>& tensors) {
  std::vector<const artifacts::TensorInfo*> order;
  for (const artifacts::TensorInfo& tensor : tensors) order.push_back(&tensor);
  std::sort(order.begin(), order.end(), [](const auto* a, const auto* b) {
    return std::pair(a->begin, a->end) < std::pair(b->begin, b->end);
  });
  return order;
}

}  // namespace

HfSource::HfSource(FileSystem& files, std::string folder)
    : files_(files), folder_(std::move(folder)) {
  const auto status = files_.find_status(folder_);
  if (!status) throw Error(Code::not_found, "there is no folder " + folder_);
  if (status->kind != FileKind::directory) {
    throw Error(Code::invalid_argument, folder_ + " is no folder",
                "give the folder that holds config.json and model.safetensors");
  }
  config_ = imports::parse_hf_config(take_text(kConfig, kMaxConfigBytes), path(kConfig));
  if (has(kGenerationConfig)) {
    const std::string text = take_text(kGenerationConfig, kMaxConfigBytes);
    parse_json(text, path(kGenerationConfig), kMaxConfigBytes);
  }
  if (has(kTokenizer)) tokenizer_ = take_text(kTokenizer, kMaxTextBytes);
  read_headers(find_weight_files());
  check_tensors();
}

FileStatus HfSource::require_file(std::string_view name) const {
  const auto status = files_.find_status(path(name));
  if (!status) {
    throw Error(Code::not_found, "there is no file " + path(name),
                "a folder to import holds config.json and model.safetensors, or its index and "
                "shards");
  }
  if (status->kind != FileKind::regular) {
    throw Error(Code::invalid_argument, path(name) + " is not a regular file",
                "symlinks are not followed: give a folder that holds the files themselves");
  }
  return *status;
}

std::string HfSource::take_text(const std::string& name, std::uint64_t max_bytes) {
  require_file(name);
  texts_.push_back({name, files_.read_file(path(name), max_bytes)});
  return texts_.back().bytes;
}

std::vector<std::string> HfSource::find_weight_files() {
  const std::string single(imports::kHfWeightsName);
  const std::string index_name(imports::kHfIndexName);
  const bool sharded = has(index_name);
  if (sharded && has(single)) {
    throw Error(Code::corruption, folder_ + " has both " + single + " and " + index_name,
                "remove the one that is not the model's");
  }
  if (!sharded) return {single};
  const std::string text = take_text(index_name, kMaxTextBytes);
  return imports::parse_hf_index(text, path(index_name)).shards;
}

void HfSource::read_headers(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    const FileStatus before = require_file(name);
    const auto file = files_.open(path(name), OpenMode::read);
    if (file->status() != before) fail_changed(path(name));
    artifacts::SafetensorsFile header = artifacts::read_safetensors_header(*file, path(name));
    shards_.push_back({name, std::move(header.tensors)});
    statuses_.push_back(before);
  }
}

void HfSource::check_tensors() const {
  for (const Text& text : texts_) {
    if (text.name != imports::kHfIndexName) continue;
    const std::string what = path(text.name);
    imports::check_hf_index(imports::parse_hf_index(text.bytes, what), shards_, what);
  }
  std::vector<manifests::NamedShape> present;
  for (const imports::HfShard& shard : shards_) {
    for (const artifacts::TensorInfo& tensor : shard.tensors) {
      if (!artifacts::is_weight_dtype(tensor.dtype)) {
        throw Error(Code::unsupported,
                    fmt::format("{}: tensor {} is {}; weights are float32, bfloat16 or float16",
                                path(shard.name), printable(tensor.name), tensor.dtype));
      }
      present.push_back({tensor.name, "", tensor.shape});
    }
  }
  manifests::check_weight_shapes(config_.model, std::move(present), folder_);
}

std::string HfSource::dtype() const {
  std::set<std::string> dtypes;
  for (const imports::HfShard& shard : shards_) {
    for (const artifacts::TensorInfo& tensor : shard.tensors) dtypes.insert(tensor.dtype);
  }
  return dtypes.size() == 1 ? *dtypes.begin() : "mixed";
}

std::uint64_t HfSource::model_bytes() const {
  std::uint64_t bytes = 0;
  for (const imports::HfShard& shard : shards_) {
    for (const artifacts::TensorInfo& tensor : shard.tensors) {
      const std::uint64_t widening = sizeof(float) / artifacts::dtype_size(tensor.dtype);
      bytes += widening * (tensor.end - tensor.begin);
    }
  }
  return bytes;
}

std::vector<std::string> HfSource::others() const {
  std::set<std::string> known;
  for (const Text& text : texts_) known.insert(text.name);
  for (const imports::HfShard& shard : shards_) known.insert(shard.name);
  std::vector<std::string> others;
  for (const std::string& name : files_.list(folder_)) {
    if (!known.contains(name)) others.push_back(name);
  }
  return others;
}

manifests::ModelFile HfSource::read_shard(std::size_t number, const Sink& sink) const {
  const imports::HfShard& shard = shards_[number];
  const std::string file_path = path(shard.name);
  const auto file = files_.open(file_path, OpenMode::read);
  if (file->status() != statuses_[number]) fail_changed(file_path);
  std::uint64_t data = statuses_[number].size;
  for (const auto& tensor : shard.tensors) data -= tensor.end - tensor.begin;
  std::vector<std::byte> bytes(data);  // the header; at most 64 MiB, or it had not been read
  read_exactly(*file, bytes, file_path);
  FileHash hash;
  hash.hasher().update(bytes);
  std::vector<std::byte> widened;
  for (const artifacts::TensorInfo* tensor : in_file_order(shard.tensors)) {
    bytes.resize(tensor->end - tensor->begin);
    read_exactly(*file, bytes, file_path);
    hash.update(bytes, [&] {
      if (!sink) return;
      sink({tensor->name, "float32", tensor->shape},
           artifacts::widen_to_float32(tensor->dtype, bytes, widened));
    });
  }
  if (file->status() != statuses_[number]) fail_changed(file_path);
  return {shard.name, hash.hasher().finish(), static_cast<std::int64_t>(statuses_[number].size)};
}

std::vector<manifests::ModelFile> HfSource::read(const Sink& sink) const {
  std::vector<manifests::ModelFile> files;
  for (const Text& text : texts_) {
    files.push_back({text.name, sha256(text.bytes), static_cast<std::int64_t>(text.bytes.size())});
  }
  for (std::size_t i = 0; i < shards_.size(); ++i) files.push_back(read_shard(i, sink));
  std::sort(files.begin(), files.end(),
            [](const auto& a, const auto& b) { return a.path < b.path; });
  return files;
}

}  // namespace repro::cli

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "artifacts/base/digest.h"
#include "artifacts/base/error.h"
#include "artifacts/base/json.h"
#include "artifacts/tensor/dtype.h"
#include "artifacts/tensor/safetensors.h"

namespace repro::artifacts {
namespace {

constexpr std::size_t kLengthBytes = 8;
constexpr std::size_t kAlignment = 8;
constexpr const char* kMetadataKey = "__metadata__";

// A writer's tensors are our own: a wrong one is a usage error of the caller, named.
[[noreturn]] void fail(const std::string& name, const std::string& why) {
  throw Error(Code::invalid_argument, "tensor \"" + name + "\" " + why);
}

std::uint64_t byte_count(const TensorToWrite& tensor) {
  dtype_size(tensor.dtype);
  const auto bytes = find_byte_count(*find_dtype(tensor.dtype), tensor.shape);
  if (!bytes) fail(tensor.name, "has an impossible shape");
  return *bytes;
}

void check_names(const std::vector<TensorToWrite>& sorted) {
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    if (sorted[i].name == kMetadataKey) fail(sorted[i].name, "has a reserved name");
    if (i != 0 && sorted[i].name == sorted[i - 1].name) fail(sorted[i].name, "is there twice");
  }
}

std::string encode_header(const std::vector<TensorToWrite>& sorted,
                          const std::map<std::string, std::string>& metadata) {
  Json header = Json::object();
  if (!metadata.empty()) header[kMetadataKey] = metadata;
  std::uint64_t position = 0;
  for (const TensorToWrite& tensor : sorted) {
    const std::uint64_t end = position + byte_count(tensor);
    header[tensor.name] = {{"data_offsets", Json::array({position, end})},
                           {"dtype", find_dtype(tensor.dtype)->file_name},
                           {"shape", tensor.shape}};
    position = end;
  }
  std::string text = encode_json(header);
  while (text.size() % kAlignment != 0) text.push_back(' ');
  return text;
}

std::array<std::byte, kLengthBytes> encode_length(std::uint64_t length) {
  std::array<std::byte, kLengthBytes> bytes{};
  for (std::size_t i = 0; i < kLengthBytes; ++i) bytes[i] = std::byte(length >> (8 * i));
  return bytes;
}

}  // namespace

void write_safetensors(
    File& file, std::vector<TensorToWrite> tensors,
    const std::map<std::string, std::string>& metadata,
    const std::function<void(const std::string& name, const TensorSink&)>& fill) {
  std::sort(tensors.begin(), tensors.end(),
            [](const TensorToWrite& a, const TensorToWrite& b) { return a.name < b.name; });
  check_names(tensors);
  const std::string header = encode_header(tensors, metadata);
  file.write(encode_length(header.size()));
  file.write(as_bytes(header));
  for (const TensorToWrite& tensor : tensors) {
    const std::uint64_t expected = byte_count(tensor);
    std::uint64_t written = 0;
    fill(tensor.name, [&](std::span<const std::byte> bytes) {
      written += bytes.size();
      REPRO_CHECK(written <= expected);
      file.write(bytes);
    });
    REPRO_CHECK(written == expected);
  }
}

}  // namespace repro::artifacts

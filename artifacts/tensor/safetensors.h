// The safetensors format (header length, JSON header, data): strict reader and canonical writer.
// Canonical: tensors in bytewise name order, no gaps, header keys sorted, header padded with spaces
// to 8 bytes; the same tensors give the same bytes. Source: huggingface/safetensors README,
// "Format".
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "artifacts/base/file_system.h"

namespace repro::artifacts {

struct TensorInfo {
  std::string name;
  std::string dtype;  // "float32", "int64", ... (docs/formats.md), not the file's "F32"
  std::vector<std::int64_t> shape;
  std::uint64_t begin = 0;  // in the file's data section
  std::uint64_t end = 0;
};

// Parses and checks a whole header (sizes, ranges without overlap or hole, trailing bytes,
// duplicate keys, dtype and shape against byte count). Error(corruption) says which tensor.
struct SafetensorsFile {
  std::vector<TensorInfo> tensors;  // in name order
  std::map<std::string, std::string> metadata;
  std::uint64_t data_offset = 0;
};
SafetensorsFile parse_safetensors(std::span<const std::byte> file, const std::string& what);
// The same of an open file, of which the header alone is read; no more of it than the file's size
// allows. Leaves the position at the data.
SafetensorsFile read_safetensors_header(File& file, const std::string& what);

// Bytes of one dtype element; Error(unsupported) for unknown names.
std::uint64_t dtype_size(const std::string& dtype);

// Writes a file; `fill(name, sink)` must hand over exactly the tensor's bytes.
struct TensorToWrite {
  std::string name;
  std::string dtype;
  std::vector<std::int64_t> shape;
};
using TensorSink = std::function<void(std::span<const std::byte>)>;
void write_safetensors(File& file, std::vector<TensorToWrite> tensors,
                       const std::map<std::string, std::string>& metadata,
                       const std::function<void(const std::string& name, const TensorSink&)>& fill);

}  // namespace repro::artifacts

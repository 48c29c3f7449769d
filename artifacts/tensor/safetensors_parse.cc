#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>
#include <vector>

#include "artifacts/base/error.h"
#include "artifacts/base/json.h"
#include "artifacts/tensor/dtype.h"
#include "artifacts/tensor/safetensors.h"

namespace repro::artifacts {
namespace {

constexpr std::size_t kLengthBytes = 8;
constexpr std::uint64_t kMaxHeaderBytes = std::uint64_t{64} << 20;
constexpr std::size_t kMaxRank = 32;
constexpr std::string_view kMetadataKey = "__metadata__";

[[noreturn]] void fail(const std::string& what, const std::string& why) {
  throw Error(Code::corruption, what + " is no sound safetensors file: " + why);
}

// `beginning` as a count of the file, not of the machine: little-endian. It is shorter than 8 bytes
// where the file is.
std::uint64_t header_length(std::span<const std::byte> beginning, std::uint64_t file_size,
                            const std::string& what) {
  if (beginning.size() < kLengthBytes) {
    fail(what, "it has only " + std::to_string(beginning.size()) + " bytes");
  }
  std::uint64_t length = 0;
  for (std::size_t i = 0; i < kLengthBytes; ++i) {
    length |= std::to_integer<std::uint64_t>(beginning[i]) << (8 * i);
  }
  if (length > kMaxHeaderBytes) {
    fail(what, "its header claims " + std::to_string(length) + " bytes, more than the " +
                   std::to_string(kMaxHeaderBytes) + " allowed");
  }
  if (length > file_size - kLengthBytes) {
    fail(what, "its header claims " + std::to_string(length) + " bytes, the file has " +
                   std::to_string(file_size));
  }
  return length;
}

Json parse_header(std::span<const std::byte> bytes, const std::string& what) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (!text.starts_with('{')) fail(what, "its header does not begin with '{'");
  try {
    return parse_json(text, "its header", kMaxHeaderBytes);
  } catch (const Error& error) {
    fail(what, error.message());
  }
}

std::uint64_t unsigned_of(const Json& value, const std::string& what, const std::string& where) {
  if (!value.is_number_unsigned()) fail(what, where + " is not a count");
  return value.get<std::uint64_t>();
}

std::vector<std::int64_t> parse_shape(const Json& shape, const std::string& what,
                                      const std::string& where) {
  if (shape.size() > kMaxRank) fail(what, where + " has too many dimensions");
  std::vector<std::int64_t> dimensions;
  for (const Json& dimension : shape) {
    const std::uint64_t value = unsigned_of(dimension, what, where + " has a dimension that");
    if (value > INT64_MAX) fail(what, where + " has a dimension that is too large");
    dimensions.push_back(static_cast<std::int64_t>(value));
  }
  return dimensions;
}

TensorInfo parse_tensor(const std::string& name, const Json& entry, const std::string& what) {
  const std::string where = "tensor \"" + name + "\"";
  const std::string document = what + ", " + where;
  check_json_keys(entry, {"data_offsets", "dtype", "shape"}, {}, document);
  const std::string dtype_name = json_string(entry, "dtype", document);
  const auto dtype = find_file_dtype(dtype_name);
  if (!dtype) {
    throw Error(Code::unsupported,
                document + " has the dtype \"" + dtype_name.substr(0, 80) + "\", unknown here");
  }
  TensorInfo tensor;
  tensor.name = name;
  tensor.dtype = dtype->name;
  tensor.shape = parse_shape(json_array(entry, "shape", document), what, where);
  const Json& offsets = json_array(entry, "data_offsets", document);
  if (offsets.size() != 2) fail(what, where + " has not two data_offsets");
  tensor.begin = unsigned_of(offsets[0], what, where + " has a data offset that");
  tensor.end = unsigned_of(offsets[1], what, where + " has a data offset that");
  const auto bytes = find_byte_count(*dtype, tensor.shape);
  if (!bytes || tensor.end < tensor.begin || tensor.end - tensor.begin != *bytes) {
    fail(what, where + " has a byte range that does not fit its shape");
  }
  return tensor;
}

std::map<std::string, std::string> parse_metadata(const Json& entry, const std::string& what) {
  if (!entry.is_object()) fail(what, "its __metadata__ is not an object");
  std::map<std::string, std::string> metadata;
  for (const auto& item : entry.items()) {
    if (!item.value().is_string()) fail(what, "its __metadata__ has a value that is no string");
    metadata[item.key()] = item.value().get<std::string>();
  }
  return metadata;
}

// Every byte of the data section belongs to exactly one tensor.
void check_cover(const std::vector<TensorInfo>& tensors, std::uint64_t data_size,
                 const std::string& what) {
  std::vector<const TensorInfo*> order;
  for (const TensorInfo& tensor : tensors) order.push_back(&tensor);
  std::sort(order.begin(), order.end(), [](const TensorInfo* a, const TensorInfo* b) {
    return std::pair(a->begin, a->end) < std::pair(b->begin, b->end);
  });
  std::uint64_t position = 0;
  for (const TensorInfo* tensor : order) {
    if (tensor->begin < position) {
      fail(what, "tensor \"" + tensor->name + "\" overlaps another");
    }
    if (tensor->begin > position) {
      fail(what, "there is a hole before tensor \"" + tensor->name + "\"");
    }
    position = tensor->end;
  }
  if (position > data_size) {
    fail(what, "it is cut off: its tensors need " + std::to_string(position) +
                   " bytes of data, there are " + std::to_string(data_size));
  }
  if (position < data_size) {
    fail(what, std::to_string(data_size - position) + " bytes follow the last tensor");
  }
}

SafetensorsFile parse_sections(std::span<const std::byte> header_bytes, std::uint64_t file_size,
                               const std::string& what) {
  const Json header = parse_header(header_bytes, what);
  SafetensorsFile parsed;
  parsed.data_offset = kLengthBytes + header_bytes.size();
  for (const auto& item : header.items()) {
    if (item.key() == kMetadataKey) {
      parsed.metadata = parse_metadata(item.value(), what);
    } else {
      parsed.tensors.push_back(parse_tensor(item.key(), item.value(), what));
    }
  }
  std::sort(parsed.tensors.begin(), parsed.tensors.end(),
            [](const TensorInfo& a, const TensorInfo& b) { return a.name < b.name; });
  check_cover(parsed.tensors, file_size - parsed.data_offset, what);
  return parsed;
}

std::size_t read_up_to(File& file, std::span<std::byte> into) {
  std::size_t used = 0;
  while (used < into.size()) {
    const std::size_t count = file.read(into.subspan(used));
    if (count == 0) break;
    used += count;
  }
  return used;
}

}  // namespace

SafetensorsFile parse_safetensors(std::span<const std::byte> file, const std::string& what) {
  const auto beginning = file.first(std::min(file.size(), kLengthBytes));
  const std::uint64_t length = header_length(beginning, file.size(), what);
  return parse_sections(file.subspan(kLengthBytes, length), file.size(), what);
}

SafetensorsFile read_safetensors_header(File& file, const std::string& what) {
  const std::uint64_t file_size = file.status().size;
  std::array<std::byte, kLengthBytes> beginning{};
  file.seek(0);
  const std::size_t count = read_up_to(file, beginning);
  const std::uint64_t length = header_length(std::span(beginning).first(count), file_size, what);
  std::vector<std::byte> header(length);
  if (read_up_to(file, header) != length) fail(what, "its header is cut off");
  return parse_sections(header, file_size, what);
}

}  // namespace repro::artifacts

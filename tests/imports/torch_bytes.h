// Bytes as torch.save and pickle.dumps write them, and as nobody should: opcodes and archives made
// by hand.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace repro::imports_test {

struct ZipEntry {
  std::string name;
  std::string bytes;
  std::uint16_t method = 0;
  std::uint16_t flags = 0;
  std::optional<std::uint32_t> crc = std::nullopt;  // another one than that of the bytes
};
// `wide`: sizes and offsets stand in zip64 fields, as behind 4 GiB.
std::string make_zip(const std::vector<ZipEntry>& entries, bool wide = false);

std::string little(std::uint64_t value, int bytes);

// Opcodes of protocol 2.
std::string op_text(const std::string& text);
std::string op_int(std::int32_t value);
std::string op_global(const std::string& module, const std::string& name);
std::string op_tuple(const std::vector<std::string>& items);
std::string op_dict(const std::vector<std::pair<std::string, std::string>>& items);
std::string op_call(const std::string& module, const std::string& name,
                    const std::vector<std::string>& arguments);
std::string op_tensor(const std::string& storage_class, const std::string& key, std::int32_t count,
                      std::int32_t offset, const std::vector<std::int32_t>& shape,
                      const std::vector<std::int32_t>& strides);
// Header and end around them.
std::string pickled(const std::string& opcodes);

}  // namespace repro::imports_test

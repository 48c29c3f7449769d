#include "tests/imports/torch_bytes.h"

#include <span>

#include "imports/stored_zip.h"

namespace repro::imports_test {
namespace {

std::string sizes(bool wide, std::uint64_t size) {
  return wide ? little(0xFFFFFFFF, 4) + little(0xFFFFFFFF, 4) : little(size, 4) + little(size, 4);
}

std::string wide_field(std::uint64_t size, std::uint64_t offset) {
  return little(1, 2) + little(24, 2) + little(size, 8) + little(size, 8) + little(offset, 8);
}

}  // namespace

std::string little(std::uint64_t value, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i) text += static_cast<char>(value >> (8 * i));
  return text;
}

std::string make_zip(const std::vector<ZipEntry>& entries, bool wide) {
  std::string file;
  std::string directory;
  for (const ZipEntry& entry : entries) {
    const std::uint64_t offset = file.size();
    const std::uint64_t size = entry.bytes.size();
    const std::uint32_t crc =
        entry.crc.value_or(imports::crc32(std::as_bytes(std::span(entry.bytes))));
    const std::string common = little(entry.flags, 2) + little(entry.method, 2) + little(0, 4) +
                               little(crc, 4) + sizes(wide, size) + little(entry.name.size(), 2);
    const std::string padding = "FB" + little(3, 2) + "ZZZ";  // as torch pads
    file += "PK\x03\x04" + little(0, 2) + common + little(padding.size(), 2) + entry.name +
            padding + entry.bytes;
    const std::string field = wide ? wide_field(size, offset) : "";
    directory += "PK\x01\x02" + little(0, 2) + little(0, 2) + common + little(field.size(), 2) +
                 little(0, 2) + little(0, 2) + little(0, 2) + little(0, 4) +
                 little(wide ? 0xFFFFFFFF : offset, 4) + entry.name + field;
  }
  const std::uint64_t at = file.size();
  file += directory;
  if (wide) {
    const std::uint64_t end64 = file.size();
    file += "PK\x06\x06" + little(44, 8) + little(0, 2) + little(0, 2) + little(0, 4) +
            little(0, 4) + little(entries.size(), 8) + little(entries.size(), 8) +
            little(directory.size(), 8) + little(at, 8);
    file += "PK\x06\x07" + little(0, 4) + little(end64, 8) + little(1, 4);
  }
  file += "PK\x05\x06" + little(0, 2) + little(0, 2) + little(wide ? 0xFFFF : entries.size(), 2) +
          little(wide ? 0xFFFF : entries.size(), 2) +
          little(wide ? 0xFFFFFFFF : directory.size(), 4) + little(wide ? 0xFFFFFFFF : at, 4) +
          little(0, 2);
  return file;
}

std::string op_text(const std::string& text) { return "X" + little(text.size(), 4) + text; }

std::string op_int(std::int32_t value) {
  return "J" + little(static_cast<std::uint32_t>(value), 4);
}

std::string op_global(const std::string& module, const std::string& name) {
  return "c" + module + "\n" + name + "\n";
}

std::string op_tuple(const std::vector<std::string>& items) {
  std::string text = "(";
  for (const std::string& item : items) text += item;
  return text + "t";
}

std::string op_dict(const std::vector<std::pair<std::string, std::string>>& items) {
  std::string text = "}(";
  for (const auto& [key, value] : items) text += key + value;
  return text + "u";
}

std::string op_call(const std::string& module, const std::string& name,
                    const std::vector<std::string>& arguments) {
  return op_global(module, name) + op_tuple(arguments) + "R";
}

std::string op_tensor(const std::string& storage_class, const std::string& key, std::int32_t count,
                      std::int32_t offset, const std::vector<std::int32_t>& shape,
                      const std::vector<std::int32_t>& strides) {
  const auto ints = [](const std::vector<std::int32_t>& values) {
    std::vector<std::string> items;
    for (const std::int32_t value : values) items.push_back(op_int(value));
    return op_tuple(items);
  };
  const std::string storage = op_tuple({op_text("storage"), op_global("torch", storage_class),
                                        op_text(key), op_text("cpu"), op_int(count)}) +
                              "Q";
  return op_call("torch._utils", "_rebuild_tensor_v2",
                 {storage, op_int(offset), ints(shape), ints(strides), "\x89",
                  op_call("collections", "OrderedDict", {})});
}

std::string pickled(const std::string& opcodes) { return "\x80\x02" + opcodes + "."; }

}  // namespace repro::imports_test

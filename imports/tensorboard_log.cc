// TensorBoard's event files: records in TFRecord's frame (length, masked CRC-32C of it, bytes,
// masked CRC-32C of them; tensorflow/core/lib/io/record_writer.h), each an Event in protobuf's wire
// format (tensorflow/core/util/event.proto, framework/summary.proto, tensor.proto). Only the fields
// of scalars are read; others are passed over by their wire type. Every length is checked against
// what is left before it is used.
#include <array>
#include <bit>
#include <cstring>
#include <optional>

#include "artifacts/base/error.h"
#include "imports/foreign_log.h"

namespace repro::imports {
namespace {

constexpr std::size_t kHeaderBytes = 12;  // length and its checksum
constexpr std::size_t kChecksumBytes = 4;

std::array<std::uint32_t, 256> make_crc_table() {
  constexpr std::uint32_t kCastagnoli = 0x82f63b78;  // reflected
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < table.size(); ++i) {
    std::uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) != 0 ? kCastagnoli : 0);
    table[i] = value;
  }
  return table;
}

std::uint32_t masked_crc(std::string_view bytes) {
  static const std::array<std::uint32_t, 256> kTable = make_crc_table();
  std::uint32_t crc = 0xffffffff;
  for (const char c : bytes) crc = (crc >> 8) ^ kTable[(crc ^ static_cast<unsigned char>(c)) & 255];
  crc = ~crc;
  return std::rotr(crc, 15) + 0xa282ead8U;
}

template <class Word>
Word little_endian(std::string_view bytes) {
  Word word = 0;
  for (std::size_t i = sizeof(Word); i > 0; --i) {
    word = static_cast<Word>(word << 8) | static_cast<unsigned char>(bytes[i - 1]);
  }
  return word;
}

// One field of a message.
struct Field {
  std::uint64_t number = 0;
  int wire = 0;            // 0 varint, 1 eight bytes, 2 bytes, 5 four bytes
  std::uint64_t word = 0;  // wires 0, 1, 5
  std::string_view bytes;  // wire 2
};

// Walks a message; `fail` says what is wrong.
class Message {
 public:
  explicit Message(std::string_view bytes) : rest_(bytes) {}

  // nullopt at the end. Error(corruption).
  std::optional<Field> next() {
    if (rest_.empty()) return std::nullopt;
    const std::uint64_t key = varint();
    Field field;
    field.number = key >> 3;
    field.wire = static_cast<int>(key & 7);
    if (field.number == 0) fail("a field has number 0");
    switch (field.wire) {
      case 0:
        field.word = varint();
        break;
      case 1:
        field.word = little_endian<std::uint64_t>(take(8));
        break;
      case 2:
        field.bytes = take(varint());
        break;
      case 5:
        field.word = little_endian<std::uint32_t>(take(4));
        break;
      default:
        fail("a field has wire type " + std::to_string(field.wire));
    }
    return field;
  }

  [[noreturn]] static void fail(const std::string& why) { throw Error(Code::corruption, why); }

 private:
  std::string_view take(std::uint64_t count) {
    if (count > rest_.size()) fail("a field is longer than its message");
    const std::string_view bytes = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return bytes;
  }

  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const auto byte = static_cast<unsigned char>(take(1).front());
      if (shift == 63 && byte > 1) fail("a number does not fit 64 bits");
      value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if ((byte & 0x80) == 0) return value;
    }
    fail("a number does not end");
  }

  std::string_view rest_;
};

double float_of(std::uint64_t word) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(word));
}

// The value of a tensor of one element; nullopt for others.
std::optional<double> scalar_of(std::string_view tensor) {
  constexpr std::uint64_t kFloat = 1;  // DataType
  constexpr std::uint64_t kDouble = 2;
  Message message(tensor);
  std::uint64_t dtype = 0;
  std::string_view content;
  while (const auto field = message.next()) {
    if (field->number == 1 && field->wire == 0) dtype = field->word;
    if (field->number == 4 && field->wire == 2) content = field->bytes;
    if (field->number == 5 && field->wire == 2) content = field->bytes;  // float_val, packed
    if (field->number == 6 && field->wire == 2) content = field->bytes;  // double_val, packed
    if (field->number == 5 && field->wire == 5) return float_of(field->word);
    if (field->number == 6 && field->wire == 1) return std::bit_cast<double>(field->word);
  }
  if (dtype == kFloat && content.size() == 4)
    return float_of(little_endian<std::uint32_t>(content));
  if (dtype == kDouble && content.size() == 8) {
    return std::bit_cast<double>(little_endian<std::uint64_t>(content));
  }
  return std::nullopt;
}

void read_value(std::string_view bytes, std::int64_t step, LogCollector& log) {
  Message message(bytes);
  std::string tag;
  std::optional<double> value;
  while (const auto field = message.next()) {
    if (field->number == 1 && field->wire == 2) tag = field->bytes;
    if (field->number == 2 && field->wire == 5) value = float_of(field->word);
    if (field->number == 8 && field->wire == 2) value = scalar_of(field->bytes);
  }
  if (value) {
    log.add(tag, step, *value);
  } else {
    log.ignore(tag);
  }
}

void read_event(std::string_view bytes, bool first, LogCollector& log) {
  Message message(bytes);
  std::int64_t step = 0;
  std::string_view version;
  std::vector<std::string_view> summaries;
  while (const auto field = message.next()) {
    if (field->number == 2 && field->wire == 0) step = static_cast<std::int64_t>(field->word);
    if (field->number == 3 && field->wire == 2) version = field->bytes;
    if (field->number == 5 && field->wire == 2) summaries.push_back(field->bytes);
  }
  if (first && version != "brain.Event:2") Message::fail("it is no head of an event file");
  if (step < 0 || step > kMaxLogStep) Message::fail("its step is out of range");
  for (const std::string_view summary : summaries) {
    Message values(summary);
    while (const auto field = values.next()) {
      if (field->number == 1 && field->wire == 2) read_value(field->bytes, step, log);
    }
  }
}

// Takes a record's bytes off `rest`. Error(corruption).
std::string_view take_record(std::string_view& rest) {
  const auto cut = [] { Message::fail("the file ends within it"); };
  if (rest.size() < kHeaderBytes) cut();
  const auto length = little_endian<std::uint64_t>(rest);
  if (masked_crc(rest.substr(0, 8)) != little_endian<std::uint32_t>(rest.substr(8))) {
    Message::fail("the checksum of its length does not fit");
  }
  rest.remove_prefix(kHeaderBytes);
  if (length > rest.size() || rest.size() - length < kChecksumBytes) cut();
  const std::string_view bytes = rest.substr(0, length);
  if (masked_crc(bytes) != little_endian<std::uint32_t>(rest.substr(length))) {
    Message::fail("its checksum does not fit");
  }
  rest.remove_prefix(length + kChecksumBytes);
  return bytes;
}

}  // namespace

ForeignLog read_tensorboard_log(std::string_view file, std::string_view bytes) {
  LogCollector log(file);
  std::string_view rest = bytes;
  for (std::int64_t number = 1; !rest.empty(); ++number) {
    const std::size_t begin = bytes.size() - rest.size();
    try {
      read_event(take_record(rest), number == 1, log);
    } catch (const Error& error) {
      if (error.code() != Code::corruption) throw;
      throw Error(Code::corruption,
                  std::string(file) + ": record " + std::to_string(number) + " at byte " +
                      std::to_string(begin) + ": " + error.message(),
                  "if its writer was killed, the first " + std::to_string(begin) +
                      " bytes are a whole log");
    }
  }
  return log.take();
}

}  // namespace repro::imports

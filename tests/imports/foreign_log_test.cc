// Logs of other trainers: CSV, JSON lines, TensorBoard's event files made here byte by byte.
#include "imports/foreign_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>

#include "artifacts/base/error.h"
#include "imports/csv.h"

namespace repro::imports {
namespace {

using manifests::Curve;
using manifests::Series;
using testing::ElementsAre;
using testing::HasSubstr;

std::vector<Curve> curves(const ForeignLog& log) {
  std::vector<Curve> list;
  for (const auto& record : log.records) list.push_back(std::get<Curve>(record));
  return list;
}

Curve curve(const std::string& name, std::vector<std::int64_t> steps, std::vector<double> values) {
  return {name, {Series{name, std::move(steps), std::move(values)}}};
}

void expect_error(LogFormat format, const std::string& bytes, Code code,
                  const std::string& message) {
  try {
    read_foreign_log(format, "log", bytes);
    ADD_FAILURE() << message;
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.message();
    EXPECT_THAT(error.message(), HasSubstr(message));
  }
}

TEST(Csv, ReadsQuotesAndRefusesHalfOnes) {
  EXPECT_EQ(split_csv_line(""), std::vector<std::string>{""});
  EXPECT_EQ(split_csv_line("a,,c"), (std::vector<std::string>{"a", "", "c"}));
  EXPECT_EQ(split_csv_line("\"a,\"\"b\"\"\",c,"), (std::vector<std::string>{"a,\"b\"", "c", ""}));
  for (const char* bad : {"\"a", "\"a\"b", "a\"b\"", "\"a\"\""}) {
    EXPECT_EQ(split_csv_line(bad), std::nullopt) << bad;
  }
}

TEST(CsvLog, EachColumnIsACurve) {
  const ForeignLog log = read_csv_log(
      "log", "time,step,train/loss,lr\r\nnoon,1,2.5,1e-3\r\nlater,2,,+2e-3\r\nlast,3,NaN,inf");
  ASSERT_EQ(log.records.size(), 2U);
  EXPECT_EQ(curves(log)[0], curve("lr", {1, 2, 3}, {1e-3, 2e-3, INFINITY}));
  const Curve loss = curves(log)[1];
  EXPECT_EQ(loss.series[0].steps, (std::vector<std::int64_t>{1, 3}));
  EXPECT_TRUE(std::isnan(loss.series[0].values[1]));
  EXPECT_EQ(log.points, 5);
  EXPECT_EQ(log.not_finite, 2);
  EXPECT_THAT(log.ignored, ElementsAre("time"));
}

TEST(CsvLog, OfAStepLoggedTwiceTheLastCounts) {
  const ForeignLog log = read_csv_log("log", "step,a\n1,1\n2,2\n1,3\n");
  EXPECT_EQ(curves(log)[0], curve("a", {1, 2}, {3, 2}));
  EXPECT_EQ(log.replaced, 1);
}

TEST(CsvLog, BadOnesAreRefusedWithTheirLine) {
  const auto bad = Code::invalid_argument;
  expect_error(LogFormat::csv, "", bad, "log:1: no column is named step");
  expect_error(LogFormat::csv, "step,a,a\n", bad, "log:1: two columns have one name");
  expect_error(LogFormat::csv, "step,a\n1\n", bad, "log:2: 1 fields, not 2");
  expect_error(LogFormat::csv, "step,a\n1,1\nx,1\n", bad, "log:3: 'x' is no step");
  expect_error(LogFormat::csv, "step,a\n-1,1\n", bad, "'-1' is no step");
  expect_error(LogFormat::csv, "step,a\n1.5,1\n", bad, "'1.5' is no step");
  expect_error(LogFormat::csv, "step,a\nnan,1\n", bad, "'nan' is no step");
  expect_error(LogFormat::csv, "step,a\n1,1\n2,x\n", bad, "log:3: 'x' is no number");
  expect_error(LogFormat::csv, "step,a\n1,\"1\n", bad, "log:2: its quotes do not fit");
  expect_error(LogFormat::csv, "step,a\n1,x\n", bad, "holds no numbers of steps");
  expect_error(LogFormat::csv, "step,\x1b\n1,1\n", bad, "a name is empty, longer");
  expect_error(LogFormat::csv, "step,\n1,1\n", bad, "a name is empty, longer");
  expect_error(LogFormat::csv, std::string((1 << 20) + 1, 'a'), bad, "longer than 1 MiB");
}

TEST(JsonLog, NumbersOfEachLineAreItsPoints) {
  const ForeignLog log = read_jsonl_log(
      "log",
      "{\"step\":1,\"loss\":2,\"eval\":{\"loss\":3.5},\"note\":\"x\",\"none\":null}\n\n"
      "{\"epoch\":1}\n{\"step\":2.0,\"loss\":1}\n");
  EXPECT_THAT(curves(log),
              ElementsAre(curve("eval.loss", {1}, {3.5}), curve("loss", {1, 2}, {2, 1})));
  EXPECT_THAT(log.ignored, ElementsAre("note"));
}

TEST(JsonLog, BadOnesAreRefusedWithTheirLine) {
  const auto bad = Code::invalid_argument;
  expect_error(LogFormat::jsonl, "{\"step\":1,\"a\":1}\n{\"step\":2,\"a\":NaN}", bad, "log:2");
  expect_error(LogFormat::jsonl, "[1]", bad, "log:1: is no JSON object");
  expect_error(LogFormat::jsonl, "{\"step\":1,\"a\":1,\"a\":2}", bad, "log:1");
  expect_error(LogFormat::jsonl, "{\"step\":-1,\"a\":1}", bad, "holds no numbers of steps");
  expect_error(LogFormat::jsonl, std::string(100, '['), bad, "log:1");
}

TEST(ForeignLog, ThereAreLimits) {
  std::string wide = "step";
  for (int i = 0; i < 4100; ++i) wide += ",c" + std::to_string(i);
  expect_error(LogFormat::csv, wide + "\n", Code::invalid_argument, "more than 4096 columns");
  LogCollector names("log");
  for (int i = 0; i < 4096; ++i) names.add("c" + std::to_string(i), 0, 0);
  EXPECT_THROW(names.add("one more", 0, 0), Error);
  LogCollector points("log");
  const std::string name = "c";
  for (int i = 0; i < 1'000'000; ++i) points.add(name, i, 0);
  EXPECT_NO_THROW(points.add("c", 0, 1));
  EXPECT_THROW(points.add("c", 1'000'000, 0), Error);
}

TEST(ForeignLog, NamesOfFilesSayTheirFormat) {
  EXPECT_EQ(guess_log_format("a.csv"), LogFormat::csv);
  EXPECT_EQ(guess_log_format("a.ndjson"), LogFormat::jsonl);
  EXPECT_EQ(guess_log_format("events.out.tfevents.1.host"), LogFormat::tensorboard);
  EXPECT_THROW(guess_log_format("a.txt"), Error);
  EXPECT_THROW(parse_log_format("xml"), Error);
}

// --- event files ---------------------------------------------------------------------------------

std::string little(std::uint64_t value, std::size_t bytes) {
  std::string text;
  for (std::size_t i = 0; i < bytes; ++i) text += static_cast<char>(value >> (8 * i));
  return text;
}

// CRC-32C bit by bit, another way than the reader's.
std::uint32_t masked(const std::string& bytes) {
  std::uint32_t crc = 0xffffffff;
  for (const char c : bytes) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) crc = (crc & 1) != 0 ? (crc >> 1) ^ 0x82f63b78 : crc >> 1;
  }
  crc = ~crc;
  return ((crc >> 15) | (crc << 17)) + 0xa282ead8;
}

std::string record(const std::string& bytes) {
  const std::string length = little(bytes.size(), 8);
  return length + little(masked(length), 4) + bytes + little(masked(bytes), 4);
}

std::string varint(std::uint64_t value) {
  std::string text;
  for (; value >= 128; value >>= 7) text += static_cast<char>(value | 128);
  return text + static_cast<char>(value);
}

std::string bytes_field(int number, const std::string& bytes) {
  return varint(static_cast<std::uint64_t>(number) << 3 | 2) + varint(bytes.size()) + bytes;
}
std::string word_field(int number, std::uint64_t value) {
  return varint(static_cast<std::uint64_t>(number) << 3) + varint(value);
}
std::string float_field(int number, float value) {
  return varint(static_cast<std::uint64_t>(number) << 3 | 5) +
         little(std::bit_cast<std::uint32_t>(value), 4);
}

std::string head() {
  return record("\x09" + little(std::bit_cast<std::uint64_t>(1.5), 8) +
                bytes_field(3, "brain.Event:2"));
}
std::string event(std::uint64_t step, const std::string& value) {
  return record("\x09" + little(0, 8) + word_field(2, step) +
                bytes_field(5, bytes_field(1, value)));
}
std::string scalar(const std::string& tag, float value) {
  return bytes_field(1, tag) + float_field(2, value);
}
std::string tensor(const std::string& tag, const std::string& content) {
  return bytes_field(1, tag) + bytes_field(8, content) + bytes_field(9, "metadata");
}

// The check value of CRC-32C (RFC 3720, B.4: 32 bytes of zeros), masked.
TEST(EventFile, ChecksumIsCastagnolis) {
  EXPECT_EQ(masked(std::string(32, '\0')),
            ((0x8a9136aaU >> 15) | (0x8a9136aaU << 17)) + 0xa282ead8);
}

TEST(EventFile, ScalarsOfBothKindsAreRead) {
  std::string doubles = word_field(1, 2) + bytes_field(2, "") +
                        bytes_field(4, little(std::bit_cast<std::uint64_t>(0.1), 8));
  const ForeignLog log = read_tensorboard_log(
      "log", head() + event(1, scalar("loss", 2.5F)) + event(2, scalar("loss", 1.5F)) +
                 event(2, tensor("lr", word_field(1, 1) + float_field(5, 0.5F))) +
                 event(3, tensor("lr", doubles)) +
                 event(4, tensor("lr", word_field(1, 1) + bytes_field(5, little(0, 4)))) +
                 event(4, bytes_field(1, "picture") + bytes_field(4, "pixels")) +
                 record(word_field(2, 9) + bytes_field(4, "a graph")));
  EXPECT_THAT(curves(log), ElementsAre(curve("loss", {1, 2}, {2.5, 1.5}),
                                       curve("lr", {2, 3, 4}, {0.5, 0.1, 0})));
  EXPECT_THAT(log.ignored, ElementsAre("picture"));
}

TEST(EventFile, RestartsReplaceAndWhatIsNotFiniteStays) {
  const ForeignLog log =
      read_tensorboard_log("log", head() + event(1, scalar("a", 1)) + event(2, scalar("a", 2)) +
                                      event(1, scalar("a", INFINITY)));
  EXPECT_EQ(curves(log)[0], curve("a", {1, 2}, {INFINITY, 2}));
  EXPECT_EQ(log.replaced, 1);
  EXPECT_EQ(log.not_finite, 1);
}

TEST(EventFile, EveryCutIsFound) {
  const std::string whole = head() + event(1, scalar("a", 1));
  for (std::size_t size = 1; size < whole.size(); ++size) {
    if (size == head().size()) continue;  // a whole record, and no number
    expect_error(LogFormat::tensorboard, whole.substr(0, size), Code::corruption,
                 "the file ends within it");
  }
  expect_error(LogFormat::tensorboard, whole + "x", Code::corruption,
               "record 3 at byte " + std::to_string(whole.size()));
  expect_error(LogFormat::tensorboard, head(), Code::invalid_argument, "holds no numbers");
  expect_error(LogFormat::tensorboard, "", Code::invalid_argument, "holds no numbers");
}

TEST(EventFile, EveryFlippedBitIsFound) {
  const std::string whole = head() + event(1, scalar("a", 1));
  for (std::size_t i = 0; i < whole.size() * 8; ++i) {
    std::string damaged = whole;
    damaged[i / 8] = static_cast<char>(damaged[i / 8] ^ (1 << (i % 8)));
    expect_error(LogFormat::tensorboard, damaged, Code::corruption, "record ");
  }
}

// Sound checksums, bad content: whoever wrote the file can do that.
TEST(EventFile, HostileMessagesAreRefused) {
  const auto refuse = [](const std::string& bytes, const std::string& message) {
    expect_error(LogFormat::tensorboard, head() + record(bytes), Code::corruption, message);
  };
  refuse(bytes_field(5, "x").substr(0, 2), "a field is longer than its message");
  refuse(varint(5U << 3 | 2) + varint(~0ULL), "a field is longer than its message");
  refuse(bytes_field(5, varint(1U << 3 | 2) + varint(1ULL << 40)), "longer than its message");
  refuse(std::string(10, '\xff'), "a number does not fit 64 bits");
  refuse("\x80", "a field is longer than its message");
  refuse("\x0b", "a field has wire type 3");
  refuse(std::string(2, '\0'), "a field has number 0");
  refuse(word_field(2, ~0ULL), "its step is out of range");
  refuse(word_field(2, 1ULL << 49), "its step is out of range");
  expect_error(LogFormat::tensorboard, record(word_field(2, 1)), Code::corruption,
               "it is no head of an event file");
  const std::string huge = little(~0ULL, 8);
  expect_error(LogFormat::tensorboard, head() + huge + little(masked(huge), 4), Code::corruption,
               "the file ends within it");
  expect_error(LogFormat::tensorboard, head() + event(1, scalar("\x1b[2J", 1)),
               Code::invalid_argument, "a name is empty");
}

}  // namespace
}  // namespace repro::imports

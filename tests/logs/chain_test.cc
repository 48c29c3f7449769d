#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "artifacts/base/environment.h"
#include "artifacts/base/error.h"
#include "artifacts/base/file_system.h"
#include "logs/run_log.h"

namespace repro::logs {
namespace {

using testing::HasSubstr;

Digest digest_of(int byte) {
  Digest digest;
  digest.bytes.fill(static_cast<std::uint8_t>(byte));
  return digest;
}

const std::string& start() {
  static const std::string head = genesis(kLogSchema, digest_of(0xd1).hex());
  return head;
}

std::vector<Json> sample_events() {
  StepEvent step;
  step.step = 1;
  step.tokens = 64;
  step.loss_sum = 381000000000;
  step.z_loss_sum = 21000000;
  step.grad_norm = 2.5;
  step.learning_rate = 0.00075F;
  step.batch = digest_of(0xb1);
  step.model_root = digest_of(0xc1);
  step.state_root = digest_of(0xc2);
  StepEvent plain = step;
  plain.step = 2;
  plain.model_root.reset();
  plain.state_root.reset();
  return {encode_segment({0, digest_of(0xd1), digest_of(0xa1), digest_of(0xa2)}), encode_step(step),
          encode_step(plain), encode_eval({2, 64, 379000000000, 5})};
}

std::string sample_log(std::string* head = nullptr) {
  Chain chain(start());
  std::string text;
  for (const Json& event : sample_events()) text += chain.append(event);
  if (head != nullptr) *head = chain.head();
  return text;
}

// The code of the Error that checking throws; `internal` where it throws none.
Code code_of(std::string_view text, bool allow_torn_tail = false) {
  try {
    check_lines(text, start(), "log", allow_torn_tail);
  } catch (const Error& error) {
    return error.code();
  }
  return Code::internal;
}

TEST(Log, CheckInvertsAppend) {
  std::string head;
  const std::string text = sample_log(&head);
  const CheckedLines checked = check_lines(text, start(), "log", false);
  EXPECT_EQ(checked.head, head);
  EXPECT_EQ(checked.bytes, text.size());
  EXPECT_FALSE(checked.torn_tail);
  const auto events = sample_events();
  ASSERT_EQ(checked.events.size(), events.size());
  for (std::size_t i = 0; i < events.size(); ++i) {
    Json event = checked.events[i];
    event.erase("chain");
    EXPECT_EQ(event, events[i]);
  }
}

TEST(Log, EmptyLogKeepsTheHead) {
  const CheckedLines checked = check_lines("", start(), "log", false);
  EXPECT_EQ(checked.head, start());
  EXPECT_TRUE(checked.events.empty());
}

TEST(Log, PiecesChainLikeOneFile) {
  const std::string text = sample_log();
  const std::size_t cut = text.find('\n') + 1;
  const CheckedLines first = check_lines(text.substr(0, cut), start(), "log", false);
  const CheckedLines second = check_lines(text.substr(cut), first.head, "log", false);
  EXPECT_EQ(second.head, check_lines(text, start(), "log", false).head);
  EXPECT_THROW(check_lines(text.substr(cut), start(), "log", false), Error);
}

TEST(Log, GenesisDependsOnSchemaAndSubject) {
  EXPECT_NE(genesis(kLogSchema, "a"), genesis(kTelemetrySchema, "a"));
  EXPECT_NE(genesis(kLogSchema, "a"), genesis(kLogSchema, "b"));
}

TEST(Log, EveryFlippedBitIsFound) {
  const std::string sound = sample_log();
  std::string text = sound;
  for (std::size_t bit = 0; bit < sound.size() * 8; ++bit) {
    text[bit / 8] = static_cast<char>(text[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_EQ(code_of(text), Code::corruption) << "bit " << bit;
    text[bit / 8] = sound[bit / 8];
  }
}

// With a torn tail allowed, a flip in the last newline looks like a crash: fewer lines, never other
// ones. The manifest's count of lines tells.
TEST(Log, FlippedBitsInATornLogNeverGiveOtherLines) {
  const std::string sound = sample_log() + "{\"batch\":\"half a li";
  const std::size_t complete = sound.rfind('\n') + 1;
  std::string text = sound;
  for (std::size_t bit = 0; bit < complete * 8; ++bit) {
    text[bit / 8] = static_cast<char>(text[bit / 8] ^ (1 << (bit % 8)));
    if (bit / 8 + 1 == complete) {
      const CheckedLines checked = check_lines(text, start(), "log", true);
      EXPECT_EQ(checked.events.size(), sample_events().size() - 1);
    } else {
      EXPECT_EQ(code_of(text, true), Code::corruption) << "bit " << bit;
    }
    text[bit / 8] = sound[bit / 8];
  }
}

TEST(Log, TornTailIsAnErrorUnlessAllowed) {
  const std::string sound = sample_log();
  for (std::size_t size = 0; size < sound.size(); ++size) {
    const std::string text = sound.substr(0, size);
    const bool torn = !text.empty() && text.back() != '\n';
    EXPECT_EQ(code_of(text), torn ? Code::corruption : Code::internal);
    const CheckedLines checked = check_lines(text, start(), "log", true);
    EXPECT_EQ(checked.torn_tail, torn);
    EXPECT_EQ(checked.bytes, text.rfind('\n') == std::string::npos ? 0 : text.rfind('\n') + 1);
  }
}

TEST(Log, LinesCannotBeMovedDroppedOrRepeated) {
  const std::string text = sample_log();
  std::vector<std::string> lines;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = text.find('\n', begin) + 1;
    lines.push_back(text.substr(begin, end - begin));
    begin = end;
  }
  EXPECT_EQ(code_of(lines[1] + lines[2] + lines[3]), Code::corruption);
  EXPECT_EQ(code_of(lines[0] + lines[2] + lines[3]), Code::corruption);
  EXPECT_EQ(code_of(lines[0] + lines[2] + lines[1] + lines[3]), Code::corruption);
  EXPECT_EQ(code_of(lines[0] + lines[0]), Code::corruption);
  EXPECT_EQ(code_of(lines[0] + "\n" + lines[1]), Code::corruption);
}

TEST(Log, OnlyCanonicalLinesAreTaken) {
  const std::string line = sample_log().substr(0, sample_log().find('\n'));
  for (const std::string& text :
       {" " + line, line + " ", line + "\r", Json::parse(line).dump(1), "[" + line + "]",
        std::string("null"), std::string("{}"), std::string(2 << 20, '['), std::string(500, '[')}) {
    EXPECT_EQ(code_of(text + "\n"), Code::corruption) << text.substr(0, 80);
  }
}

TEST(Log, ErrorsNameFileAndLine) {
  std::string text = sample_log();
  text[text.find('\n') + 20] ^= 1;
  try {
    check_lines(text, start(), "run 3f2a log", false);
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("run 3f2a log:2"));
  }
}

// docs/formats.md shows these bytes. REPRO_UPDATE_DOCS=1 rewrites them.
TEST(Log, GoldenBytes) {
  const std::string path =
      join_path(find_environment("REPRO_SOURCE_DIR").value_or("."), "docs/formats.md");
  FileSystem& files = system_file_system();
  std::string text = files.read_file(path);
  const std::string mark = "<!-- log -->\n```\n";
  const std::size_t begin = text.find(mark);
  ASSERT_NE(begin, std::string::npos);
  const std::size_t first = begin + mark.size();
  const std::size_t last = text.find("```", first);
  const std::string expected = "genesis " + start() + "\n" + sample_log();
  if (find_environment("REPRO_UPDATE_DOCS")) {
    files.write_file_atomically(path, text.replace(first, last - first, expected));
  } else {
    EXPECT_EQ(text.substr(first, last - first), expected);
  }
}

}  // namespace
}  // namespace repro::logs

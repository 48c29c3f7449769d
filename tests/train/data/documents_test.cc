#include "train/data/documents.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "tests/support/temporary_folder.h"
#include "tests/train/data/bytes.h"
#include "train/data/text.h"

namespace repro::train {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct Documents {
  ReadFile file;
  std::vector<std::string> texts;
};

Documents read(const std::string& path) {
  const std::vector<std::string> paths = {path};
  const SourceList list = find_sources(system_file_system(), paths);
  Documents result;
  result.file = read_documents(system_file_system(), list.files.at(0),
                               [&](std::string_view text) { result.texts.emplace_back(text); });
  return result;
}

Error read_error(const std::string& path) {
  return catch_error([&] { read(path); });
}

TEST(Documents, ATextFileIsOneDocument) {
  const support::TemporaryFolder scratch;
  const std::string text = "one\n\ntwo \xC3\xA9\n";
  const Documents documents = read(scratch.write("a.txt", text));
  EXPECT_THAT(documents.texts, ElementsAre(text));
  EXPECT_EQ(documents.file.digest, sha256(text));
  EXPECT_EQ(documents.file.size, static_cast<std::int64_t>(text.size()));
}

TEST(Documents, AnEmptyFileIsNoDocument) {
  const support::TemporaryFolder scratch;
  const Documents documents = read(scratch.write("a.txt", ""));
  EXPECT_THAT(documents.texts, IsEmpty());
  EXPECT_EQ(documents.file.empty_documents, 1);
}

TEST(Documents, EachJsonlLineIsADocument) {
  const support::TemporaryFolder scratch;
  const std::string lines =
      "{\"text\": \"a\\n\", \"score\": 0.5}\r\n\n{\"id\":1,\"text\":\"\"}\n{\"text\":\"\\u00e9\"}";
  const Documents documents = read(scratch.write("a.jsonl", lines));
  EXPECT_THAT(documents.texts, ElementsAre("a\n", "\xC3\xA9"));
  EXPECT_EQ(documents.file.documents, 2);
  EXPECT_EQ(documents.file.empty_documents, 1);
  EXPECT_EQ(documents.file.digest, sha256(lines));
}

TEST(Documents, JsonlLinesMayCrossReadBuffers) {
  const support::TemporaryFolder scratch;
  std::string lines;
  std::vector<std::string> texts;
  for (int i = 0; i < 40; ++i) {
    texts.push_back(
        std::string(static_cast<std::size_t>(90'000 + i), static_cast<char>('a' + i % 26)));
    lines += "{\"text\":\"" + texts.back() + "\"}\n";
  }
  EXPECT_EQ(read(scratch.write("a.jsonl", lines)).texts, texts);
}

TEST(Documents, ABrokenJsonlLineIsNamedWithItsNumber) {
  const support::TemporaryFolder scratch;
  for (const char* line : {"{\"text\": \"b\"", "[1]", "{\"txt\":\"b\"}", "{\"text\":5}", "7",
                           "\xFF", "{\"text\":\"a\xFF\"}", "{\"text\":\"a\",\"text\":\"b\"}"}) {
    const std::string path =
        scratch.write("a.jsonl", std::string("{\"text\":\"a\"}\n\n") + line + "\n");
    const Error error = read_error(path);
    EXPECT_EQ(error.code(), Code::invalid_argument) << line;
    EXPECT_THAT(error.what(), HasSubstr(path + ":3")) << line;
  }
}

TEST(Documents, NulInsideJsonlTextIsRefused) {
  const support::TemporaryFolder scratch;
  EXPECT_THAT(read_error(scratch.write("a.jsonl", "{\"text\":\"ab\\u0000\"}")).message(),
              HasSubstr("a.jsonl:1 is not text: NUL byte at byte 2"));
}

TEST(Documents, TooLongAJsonlLineIsRefused) {
  const support::TemporaryFolder scratch;
  const std::string line(kMaxLineBytes + 10, ' ');
  EXPECT_THAT(read_error(scratch.write("a.jsonl", line)).message(), HasSubstr("a.jsonl:1"));
}

TEST(Documents, TooLongADocumentIsRefused) {
  const support::TemporaryFolder scratch;
  const std::string path = scratch.write("a.txt", "x");
  std::filesystem::resize_file(path, kMaxDocumentBytes + 1);  // a hole; takes no room
  EXPECT_THAT(read_error(path).message(), HasSubstr(path));
}

TEST(Documents, BinaryGarbageIsRefusedWithNameAndOffset) {
  const support::TemporaryFolder scratch;
  EXPECT_THAT(read_error(scratch.write("a.png", std::string("abc\0def", 7))).message(),
              HasSubstr("a.png is not text: NUL byte at byte 3"));
  EXPECT_THAT(read_error(scratch.write("b.bin", "ab\xFF\xFE\x80")).message(),
              HasSubstr("3 bytes of 5 are not UTF-8, the first one at byte 2"));
}

TEST(Documents, AFewStrayBytesAreTakenAsTheyAre) {
  const support::TemporaryFolder scratch;
  const std::string latin1 =
      "Der m\xFC"
      "de Wanderer ging den Weg entlang.";
  EXPECT_THAT(read(scratch.write("a.txt", latin1)).texts, ElementsAre(latin1));
}

TEST(Documents, AFileChangedSinceItWasFoundIsAConflict) {
  const support::TemporaryFolder scratch;
  const std::vector<std::string> paths = {scratch.write("a.txt", "before")};
  const SourceList list = find_sources(system_file_system(), paths);
  scratch.write("a.txt", "after it");
  const Error error = catch_error(
      [&] { read_documents(system_file_system(), list.files[0], [](std::string_view) {}); });
  EXPECT_EQ(error.code(), Code::conflict);
  EXPECT_THAT(error.message(), HasSubstr("a.txt changed"));
}

// Root may read everything, so a test that runs as root becomes nobody for a while.
class AsNobody {
 public:
  AsNobody() { REPRO_CHECK(::geteuid() != 0 || ::seteuid(65534) == 0); }
  ~AsNobody() { static_cast<void>(::seteuid(::getuid())); }
  AsNobody(const AsNobody&) = delete;
  AsNobody& operator=(const AsNobody&) = delete;
};

TEST(Documents, AMissingOrUnreadableFileIsNamed) {
  const support::TemporaryFolder scratch;
  const std::vector<std::string> paths = {scratch.write("a.txt", "text")};
  std::filesystem::permissions(paths[0], std::filesystem::perms::none);
  const SourceList list = find_sources(system_file_system(), paths);
  const auto read_it = [&] {
    return catch_error(
        [&] { read_documents(system_file_system(), list.files[0], [](std::string_view) {}); });
  };
  {
    const AsNobody nobody;
    const Error locked = read_it();
    EXPECT_EQ(locked.code(), Code::io);
    EXPECT_THAT(locked.message(), HasSubstr(paths[0]));
    EXPECT_THAT(locked.hint(), HasSubstr("permissions"));
  }
  std::filesystem::remove(paths[0]);
  const Error gone = read_it();
  EXPECT_EQ(gone.code(), Code::not_found);
  EXPECT_THAT(gone.message(), HasSubstr(paths[0]));
}

TEST(Text, ToUtf8ReplacesStrayBytes) {
  EXPECT_EQ(to_utf8("a\xFF\xC3\xA9\xC3"), "a\xEF\xBF\xBD\xC3\xA9\xEF\xBF\xBD");
}

}  // namespace
}  // namespace repro::train

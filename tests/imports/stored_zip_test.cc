// Archives of stored entries: what is read, and that no other archive is.
#include "imports/stored_zip.h"

#include <gmock/gmock.h>

#include <span>

#include "artifacts/base/error.h"
#include "tests/imports/torch_bytes.h"

namespace repro::imports_test {
namespace {

using testing::HasSubstr;

std::map<std::string, imports::StoredEntry> read(const std::string& file) {
  return imports::read_stored_zip(std::as_bytes(std::span(file)), "a.pt");
}

std::string refusal(const std::string& file) {
  try {
    for (const auto& [name, entry] : read(file)) imports::check_crc(entry, "a.pt, " + name);
  } catch (const Error& error) {
    return std::string(code_name(error.code())) + ": " + error.message();
  }
  return "";
}

// With `bytes` instead of what stands `from_end` bytes before the end.
std::string patched(std::string file, std::size_t from_end, const std::string& bytes) {
  return file.replace(file.size() - from_end, bytes.size(), bytes);
}

TEST(StoredZip, ChecksumIsThatOfTheStandard) {
  const std::string digits = "123456789";
  EXPECT_EQ(imports::crc32(std::as_bytes(std::span(digits))), 0xCBF43926U);
  EXPECT_EQ(imports::crc32({}), 0U);
}

TEST(StoredZip, ReadsEntriesAsSpansOfTheFile) {
  for (const bool wide : {false, true}) {
    const std::string file = make_zip(
        {{"a/data.pkl", "hello", 0, 0x0808}, {"a/data/0", std::string(100, 'x')}, {"b", ""}}, wide);
    const auto entries = read(file);
    ASSERT_EQ(entries.size(), 3U);
    const auto bytes = entries.at("a/data.pkl").bytes;
    EXPECT_EQ(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()), "hello");
    EXPECT_EQ(entries.at("a/data/0").bytes.size(), 100U);
    EXPECT_EQ(refusal(file), "");
  }
  EXPECT_TRUE(read(make_zip({})).empty());
}

TEST(StoredZip, WhatIsPackedIsUnsupported) {
  EXPECT_THAT(refusal(make_zip({{"a", "x", 8}})), HasSubstr("unsupported: a.pt has an entry"));
  EXPECT_THAT(refusal(make_zip({{"a", "x", 0, 1}})), HasSubstr("unsupported"));
}

TEST(StoredZip, DamageIsCorruption) {
  const std::string good = make_zip({{"a", "hello"}, {"b", "world"}});
  const std::string wide = make_zip({{"a", "hello"}, {"b", "world"}}, true);
  EXPECT_THAT(refusal(make_zip({{"a", "hello", 0, 0, 7U}})), HasSubstr("checksum of the archive"));
  EXPECT_THAT(refusal(make_zip({{"a", "x"}, {"a", "y"}})), HasSubstr("two entries of one name"));
  EXPECT_THAT(refusal(good + "x"), HasSubstr("corruption"));
  // Numbers of entries, size and offset of the directory, volumes.
  for (const std::size_t from_end : {12U, 10U, 6U, 18U}) {
    EXPECT_THAT(refusal(patched(good, from_end, "\xfe\xff")), HasSubstr("corruption")) << from_end;
  }
  EXPECT_THAT(refusal(patched(wide, 22 + 12, std::string(8, '\xff'))), HasSubstr("zip64"));
  EXPECT_THAT(refusal(patched(wide, 22 + 20 + 24, std::string(8, '\xff'))), HasSubstr("entries"));
  std::string renamed = good;
  renamed[30] = 'c';  // the name in the first local header
  EXPECT_THAT(refusal(renamed), HasSubstr("two names"));
}

TEST(StoredZip, EntriesMayNotOverlap) {
  // One that reaches into the next one's header.
  std::string longer = make_zip({{"a", "0123456789"}, {"b", "x"}});
  const std::size_t at = longer.find("PK\x01\x02");
  longer.replace(at + 20, 8, little(30, 4) + little(30, 4));
  EXPECT_THAT(refusal(longer), HasSubstr("overlap"));
}

TEST(StoredZip, EveryPieceAndEveryFlippedByteIsReadOrRefused) {
  for (const bool wide : {false, true}) {
    const std::string good = make_zip({{"a/data.pkl", "hello"}, {"a/data/0", "world"}}, wide);
    for (std::size_t size = 0; size < good.size(); ++size) {
      EXPECT_NE(refusal(good.substr(0, size)), "") << size;
    }
    for (std::size_t i = 0; i < good.size(); ++i) {
      for (const int flip : {1, 0x80, 0xFF}) {
        std::string bad = good;
        bad[i] = static_cast<char>(bad[i] ^ flip);
        refusal(bad);  // any outcome but a crash
      }
    }
  }
}

}  // namespace
}  // namespace repro::imports_test

#include "train/data/reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "tests/train/data/fixture.h"

namespace repro::train {
namespace {

using testing::HasSubstr;

constexpr std::int64_t kShardBytes = 16;  // eight ids

class Reader : public testing::Test, protected DataFixture {
 protected:
  // Documents of 5, 20 and 3 ids, counting up: shards of 8, 8, 8 and 4 ids.
  manifests::Dataset counting() {
    std::vector<std::vector<std::uint32_t>> documents(3);
    const std::size_t sizes[] = {5, 20, 3};
    std::uint32_t next = 0;
    for (std::size_t d = 0; d < 3; ++d) {
      for (std::size_t i = 0; i < sizes[d]; ++i) documents[d].push_back(next++);
    }
    return make_dataset(store(), documents, kShardBytes);
  }

  Error open_error(const manifests::Dataset& dataset) {
    return catch_error([&] {
      TokenStream stream(store(), dataset);
      std::vector<std::uint32_t> ids(1);
      stream.read(0, ids);
      stream.find_documents(0, 1);
    });
  }
};

TEST_F(Reader, ReadsAnyRangeAcrossShards) {
  const manifests::Dataset dataset = counting();
  ASSERT_EQ(dataset.shards.size(), 4U);
  for (const std::int64_t cache : {std::int64_t{0}, std::int64_t{1} << 20}) {
    TokenStream stream(store(), dataset, nullptr, cache);
    ASSERT_EQ(stream.num_tokens(), 28);
    for (std::int64_t first = 0; first <= 28; ++first) {
      for (std::int64_t count = 0; first + count <= 28; ++count) {
        std::vector<std::uint32_t> ids(static_cast<std::size_t>(count));
        stream.read(first, ids);
        for (std::int64_t i = 0; i < count; ++i) {
          ASSERT_EQ(ids[static_cast<std::size_t>(i)], first + i) << first << "+" << count;
        }
      }
    }
  }
}

TEST_F(Reader, ReadingOutsideTheStreamIsAProgrammersError) {
  TokenStream stream(store(), counting());
  std::vector<std::uint32_t> ids(2);
  EXPECT_EQ(catch_error([&] { stream.read(27, ids); }).code(), Code::internal);
  EXPECT_EQ(catch_error([&] { stream.read(-1, ids); }).code(), Code::internal);
}

TEST_F(Reader, NamesTheDocumentsOfARange) {
  TokenStream stream(store(), counting());
  const auto all = stream.find_documents(0, 28);
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[1].first, 5);
  EXPECT_EQ(all[1].end, 25);
  EXPECT_EQ(all[1].source, "source1");
  const auto some = stream.find_documents(24, 2);
  ASSERT_EQ(some.size(), 2U);
  EXPECT_EQ(some[0].index, 1);
  EXPECT_EQ(some[0].first, 24);
  EXPECT_EQ(some[0].end, 25);
  EXPECT_EQ(some[1].index, 2);
  EXPECT_EQ(some[1].end, 26);
  EXPECT_TRUE(stream.find_documents(3, 0).empty());
}

TEST_F(Reader, DocumentsOfASourceAreNumberedInIt) {
  scratch().write("d/a", "text");
  scratch().write("d/b.jsonl", "{\"text\":\"x\"}\n{\"text\":\"y\"}\n");
  TokenStream stream(store(), add("d", {scratch() / "d"}).dataset);
  const auto parts = stream.find_documents(7, 2);
  ASSERT_EQ(parts.size(), 1U);
  EXPECT_EQ(parts[0].source, "b.jsonl");
  EXPECT_EQ(parts[0].index_in_source, 1);
}

TEST_F(Reader, AMissingShardIsNamed) {
  manifests::Dataset dataset = counting();
  dataset.shards[0].tokens = sha256("absent");
  const Error error = open_error(dataset);
  EXPECT_EQ(error.code(), Code::not_found);
  EXPECT_THAT(error.what(), HasSubstr(sha256("absent").hex().substr(0, 12)));
}

TEST_F(Reader, AShardThatDoesNotFitTheManifestIsCorruption) {
  std::vector<manifests::Dataset> bad(5, counting());
  bad[0].shards[0].num_tokens = 7;
  bad[1].vocab_size = 5;
  bad[2].shards[0].num_documents = 2;
  bad[3].shards[0].documents = store().put(std::string_view("\x09\0\0\0\0\0\0\0", 8)).digest;
  bad[4].shards[0].documents =
      store().put(std::string_view("\x05\0\0\0\0\0\0\0\x04\0\0\0\0\0\0\0", 16)).digest;
  bad[4].shards[0].num_documents = 2;
  for (const auto& dataset : bad) EXPECT_EQ(open_error(dataset).code(), Code::corruption);
}

}  // namespace
}  // namespace repro::train

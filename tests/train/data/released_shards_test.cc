// Shards as they were released: files of ids that stay where they are.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/train/data/fixture.h"
#include "train/data/batch.h"

namespace repro::train {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

using Ids = std::vector<std::uint32_t>;

constexpr std::int64_t kReadInParts = 16;  // bytes above which a shard is

class ReleasedShards : public testing::Test, protected DataFixture {
 protected:
  // Two files of 20 and 12 ids, in place; document ends behind each 9.
  ReleasedShards() {
    scratch().write("d/part-0.npy", encode_ids(first_, 4));
    scratch().write("d/part-1.npy", encode_ids(second_, 4));
    IngestSpec spec;
    spec.name = "released";
    spec.paths = {scratch() / "d"};
    spec.intake = artifacts::Intake::in_place;
    spec.end_of_text = 9;
    dataset_ = add(spec).dataset;
  }

  std::string path(const char* name) const { return scratch() / "d" + ("/" + std::string(name)); }
  TokenStream stream_in_parts(artifacts::Catalogue* catalogue = nullptr) {
    return TokenStream(store(), dataset_, catalogue, 1 << 20, kReadInParts);
  }
  static Ids read(TokenStream& stream, std::int64_t first, std::size_t count) {
    Ids ids(count);
    stream.read(first, ids);
    return ids;
  }
  SampleOrder order() const {
    OrderSpec spec;
    spec.name = "olmo_order";
    spec.seed = 42;
    spec.sequence_length = 8;
    spec.batch_size = 3;
    for (const auto& shard : dataset_.shards) spec.shard_tokens.push_back(shard.num_tokens);
    return SampleOrder(spec);
  }

  const Ids first_ = {9, 3, 4, 5, 5, 9, 6, 5, 9, 3, 5, 1, 2, 3, 4, 5, 6, 7, 8, 7};
  const Ids second_ = {3, 4, 5, 5, 9, 6, 5, 9, 3, 5, 1, 9};
  manifests::Dataset dataset_;
};

TEST_F(ReleasedShards, EachFileIsAShardAndStaysWhereItIs) {
  ASSERT_EQ(dataset_.shards.size(), 2U);
  EXPECT_EQ(dataset_.shards[0].num_tokens, 20);
  EXPECT_EQ(dataset_.shards[1].tokens, sha256(encode_ids(second_, 4)));
  EXPECT_EQ(store().find_link(dataset_.shards[1].tokens), path("part-1.npy"));
  EXPECT_EQ(dataset_.dtype, "uint32");
  EXPECT_EQ(dataset_.vocab_size, 10);
}

TEST_F(ReleasedShards, WithAHeaderTooAFileIsAShard) {
  scratch().write("h/a.npy", encode_numpy("<u4", "(20,)", encode_ids(first_, 4)));
  scratch().write("h/b.npy", encode_numpy("<u4", "(12,)", encode_ids(second_, 4)));
  IngestSpec spec;
  spec.paths = {scratch() / "h"};
  spec.end_of_text = 9;
  EXPECT_EQ(add(spec).dataset.shards, dataset_.shards);
}

TEST_F(ReleasedShards, PartsAreTheTokensOfTheWhole) {
  TokenStream parts = stream_in_parts();
  TokenStream whole(store(), dataset_);
  for (std::int64_t first = 0; first < 32; ++first) {
    for (std::int64_t end = first; end <= 32; ++end) {
      const auto count = static_cast<std::size_t>(end - first);
      ASSERT_EQ(read(parts, first, count), read(whole, first, count));
    }
  }
}

TEST_F(ReleasedShards, DocumentsEndBehindTheEndOfText) {
  TokenStream stream = stream_in_parts();
  std::vector<std::int64_t> lengths;
  for (const DocumentPart& part : stream.find_documents(0, 32)) {
    lengths.push_back(part.end - part.first);
  }
  EXPECT_THAT(lengths, ElementsAre(1, 5, 3, 11, 5, 3, 4));
  const auto some = stream.find_documents(18, 8);
  ASSERT_EQ(some.size(), 3U);
  EXPECT_EQ(some[0].index, 3);
  EXPECT_EQ(some[1].source, "part-1.npy");
  EXPECT_EQ(some[1].index_in_source, 0);
  EXPECT_EQ(some[2].index_in_source, 1);
  EXPECT_EQ(some[2].end, 26);
}

TEST_F(ReleasedShards, TextHasAnEndOfItsOwn) {
  scratch().write("t/a", "text");
  IngestSpec spec;
  spec.paths = {scratch() / "t"};
  spec.end_of_text = 9;
  const Error error = catch_error([&] { add(spec); });
  EXPECT_EQ(error.code(), Code::invalid_argument);
  EXPECT_THAT(error.message(), HasSubstr("is text"));
  EXPECT_THAT(error.hint(), HasSubstr("--end-of-text"));
}

TEST_F(ReleasedShards, OtherBytesAreFoundWhenAShardIsFirstTouched) {
  Ids other = second_;
  other[11] = 8;
  scratch().write("d/part-1.npy", encode_ids(other, 4));
  TokenStream stream = stream_in_parts();
  EXPECT_EQ(read(stream, 0, 8), Ids(first_.begin(), first_.begin() + 8));
  const Error error = catch_error([&] { read(stream, 20, 1); });
  EXPECT_EQ(error.code(), Code::corruption);
  EXPECT_THAT(error.message(), HasSubstr(path("part-1.npy") + ", has other bytes now"));
}

TEST_F(ReleasedShards, AnotherSizeIsNamed) {
  scratch().write("d/part-1.npy", encode_ids(Ids{1, 2}, 4));
  TokenStream stream = stream_in_parts();
  const Error error = catch_error([&] { read(stream, 20, 1); });
  EXPECT_EQ(error.code(), Code::corruption);
  EXPECT_THAT(error.message(), HasSubstr("part-1.npy, has 8 bytes instead of 48"));
}

TEST_F(ReleasedShards, AFileThatIsWrittenToWhileItIsInUseIsRefused) {
  TokenStream stream = stream_in_parts();
  read(stream, 20, 1);
  scratch().write("d/part-1.npy", encode_ids(second_, 4));
  const Error error = catch_error([&] { read(stream, 20, 1); });
  EXPECT_EQ(error.code(), Code::corruption);
  EXPECT_THAT(error.message(), HasSubstr(path("part-1.npy") + " was changed while it was in use"));
}

TEST_F(ReleasedShards, AFileThatTheCatalogueKnowsIsNotHashedAgain) {
  Ids other = second_;
  other[11] = 8;
  scratch().write("d/part-1.npy", encode_ids(other, 4));  // hashing would find it
  auto catalogue = artifacts::Catalogue::open(scratch() / "known.sqlite");
  const FileStatus status = *system_file_system().find_status(path("part-1.npy"));
  catalogue.remember_file(path("part-1.npy"), status, dataset_.shards[1].tokens,
                          status.modified_ns + 10'000'000'000);
  TokenStream stream = stream_in_parts(&catalogue);
  EXPECT_EQ(read(stream, 20, 12), other);
}

TEST_F(ReleasedShards, AnIdAboveTheVocabularyIsFoundInAPart) {
  dataset_.vocab_size = 8;
  TokenStream stream = stream_in_parts();
  EXPECT_EQ(read(stream, 9, 4), (Ids{3, 5, 1, 2}));
  const Error error = catch_error([&] { read(stream, 22, 4); });
  EXPECT_EQ(error.code(), Code::corruption);
  EXPECT_THAT(error.message(), HasSubstr("token 4 is 9, not below"));
}

TEST_F(ReleasedShards, AManifestThatReachesBehindAFileIsCorruption) {
  dataset_.shards[1].num_tokens = 13;
  TokenStream stream = stream_in_parts();
  const Error error = catch_error([&] { read(stream, 32, 1); });
  EXPECT_EQ(error.code(), Code::corruption);
  EXPECT_THAT(error.message(), HasSubstr("48 bytes, but the manifest says 13 ids"));
}

TEST_F(ReleasedShards, WhatIsMissingIsListedWithoutReading) {
  EXPECT_THAT(stream_in_parts().find_missing(), IsEmpty());
  system_file_system().remove(path("part-0.npy"));
  system_file_system().remove(store().object_path(dataset_.shards[1].tokens));
  const auto missing = stream_in_parts().find_missing();
  EXPECT_THAT(missing,
              ElementsAre(path("part-0.npy"),
                          "part-1.npy (object " + dataset_.shards[1].tokens.short_hex() + ")"));
  EXPECT_THAT(describe_missing(dataset_, missing),
              HasSubstr("2 of 2 shards of dataset released are not here: " + path("part-0.npy")));
  EXPECT_THAT(describe_missing(dataset_, std::vector<std::string>(7, "x")),
              HasSubstr("x; x; x; x; x; and 2 more"));
}

TEST_F(ReleasedShards, SamplesAreKnownWithoutTheirTokens) {
  TokenStream there = stream_in_parts();
  const Json expected = describe_samples(there, order(), 0);
  system_file_system().remove(path("part-0.npy"));
  system_file_system().remove(path("part-1.npy"));
  TokenStream stream = stream_in_parts();
  const Json samples = describe_samples(stream, order(), 0);
  EXPECT_EQ(samples, expected);
  ASSERT_EQ(samples.size(), 3U);
  std::vector<std::string> windows;
  for (const Json& sample : samples) {
    windows.push_back(sample["source"].get<std::string>() + " " + sample["window"].dump());
  }
  EXPECT_THAT(windows,
              testing::UnorderedElementsAre("part-0.npy 0", "part-0.npy 1", "part-1.npy 0"));
  system_file_system().remove(store().object_path(dataset_.shards[0].documents));
  system_file_system().remove(store().object_path(dataset_.shards[1].documents));
  TokenStream bare = stream_in_parts();
  EXPECT_TRUE(describe_samples(bare, order(), 0)[0]["documents"].is_null());
}

TEST_F(ReleasedShards, TokensAddDigestsAndWhatIsRepetitive) {
  TokenStream stream = stream_in_parts();
  Json samples = describe_samples(stream, order(), 0);
  describe_tokens(samples, read_batch(stream, order(), 0), {.max_period = 0}, nullptr);
  for (const Json& sample : samples) {
    EXPECT_EQ(sample["repetitive"], false);
    EXPECT_EQ(sample["digest"].get<std::string>().size(), 64U);
    EXPECT_FALSE(sample.contains("text"));
  }
}

}  // namespace
}  // namespace repro::train

#include "train/data/batch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/train/data/fixture.h"
#include "train/data/token_file.h"

namespace repro::train {
namespace {

class BatchTest : public testing::Test, protected DataFixture {
 protected:
  BatchTest() : stream_(store(), make_data()), order_(make_spec()) {}

  manifests::Dataset make_data() {
    scratch().write("d/a", "first text\xFF!");
    scratch().write("d/b", "second, a little longer");
    return add("d", {scratch() / "d"}).dataset;
  }

  OrderSpec make_spec() {
    OrderSpec spec;
    spec.shard_tokens = {stream_.num_tokens()};
    spec.dataset_root = manifests::dataset_root(stream_.dataset());
    spec.sequence_length = 12;
    spec.holdout_every = 3;
    spec.batch_size = 2;
    return spec;
  }

  TokenStream stream_;
  SampleOrder order_;
};

TEST_F(BatchTest, HoldsTheTokensOfItsSamples) {
  const Batch batch = read_batch(stream_, order_, 4);
  EXPECT_EQ(batch.tokens.size(), 24U);
  for (std::size_t i = 0; i < 2; ++i) {
    std::vector<std::uint32_t> ids(12);
    stream_.read(batch.samples[i].first_token, ids);
    EXPECT_TRUE(std::equal(ids.begin(), ids.end(), batch.row(i).begin()));
    EXPECT_EQ(batch.samples[i].index, 8 + static_cast<std::int64_t>(i));
  }
  EXPECT_EQ(batch.digest, token_digest(batch.tokens));
}

TEST_F(BatchTest, HeldOutTokensAreThoseOfTheInstance) {
  ASSERT_EQ(order_.num_held_out(), 1);
  std::vector<std::uint32_t> ids(12);
  stream_.read(24, ids);
  EXPECT_EQ(read_held_out(stream_, order_, 0), ids);
}

// "first text\xFF!" and its end have 13 tokens, "second, a little longer" and its end 24.
TEST_F(BatchTest, DocumentsBeginWhereTheTokensOfOneEnded) {
  ASSERT_EQ(stream_.num_tokens(), 37);
  std::vector<std::int32_t> expected(10, 0);
  expected.resize(12, 10);
  EXPECT_EQ(document_begins(stream_, 3, 12), expected);
  EXPECT_EQ(document_begins(stream_, 13, 24), std::vector<std::int32_t>(24, 0));
  EXPECT_EQ(document_begins(stream_, 12, 3), (std::vector<std::int32_t>{0, 1, 1}));
  EXPECT_TRUE(document_begins(stream_, 5, 0).empty());
}

TEST_F(BatchTest, AnotherStreamThanTheOrdersIsAProgrammersError) {
  OrderSpec spec = make_spec();
  spec.shard_tokens[0] += 1;
  EXPECT_EQ(catch_error([&] { read_batch(stream_, SampleOrder(spec), 0); }).code(), Code::internal);
}

TEST_F(BatchTest, DescriptionNamesDocumentsAndShowsText) {
  const Batch batch = read_batch(stream_, order_, 0);
  const auto tokenizer = make_tokenizer("byte");
  Json samples = describe_samples(stream_, order_, batch.index);
  describe_tokens(samples, batch, {.max_period = 0}, tokenizer.get());
  ASSERT_EQ(samples.size(), 2U);
  const std::size_t second = batch.samples[0].instance == 1 ? 0 : 1;
  const Json& sample = samples[second];
  EXPECT_EQ(sample["instance"], 1);
  EXPECT_EQ(sample["first_token"], 12);
  EXPECT_EQ(sample["epoch"], 0);
  EXPECT_EQ(sample["digest"], token_digest(batch.row(second)).hex());
  EXPECT_EQ(sample["documents"].dump(),
            "[{\"document\":0,\"first\":0,\"source\":\"a\",\"tokens\":1},"
            "{\"document\":0,\"first\":1,\"source\":\"b\",\"tokens\":11}]");
  EXPECT_EQ(sample["text"], "<|end|>second, a l");
  EXPECT_EQ(samples[1 - second]["text"], "first text\xEF\xBF\xBD!");
}

TEST_F(BatchTest, DescriptionWithoutATokenizerHasNoText) {
  Json samples = describe_samples(stream_, order_, 0);
  describe_tokens(samples, read_batch(stream_, order_, 0), {.max_period = 0}, nullptr);
  EXPECT_FALSE(samples[0].contains("text"));
  EXPECT_FALSE(samples[0].contains("repetitive"));
}

// One predicate: what is described is what gives no loss.
TEST_F(BatchTest, RepetitiveIsByTheLimitsOfTheRecipe) {
  scratch().write("r/a",
                  "abcdefghijkl"
                  "xyxyxyxyxyxy"
                  "mnopqrstuvwx");
  const manifests::Dataset dataset = add("r", {scratch() / "r"}).dataset;
  TokenStream stream(store(), dataset);
  OrderSpec spec = make_spec();
  spec.shard_tokens = {stream.num_tokens()};
  spec.dataset_root = manifests::dataset_root(dataset);
  spec.holdout_every = 0;
  spec.batch_size = 3;
  const SampleOrder order(spec);
  const Batch batch = read_batch(stream, order, 0);
  const RepetitionLimits limits{.max_period = 2, .max_count = 6};
  const std::vector<bool> flags = batch.repetitive(limits);
  Json samples = describe_samples(stream, order, 0);
  describe_tokens(samples, batch, limits, nullptr);
  ASSERT_EQ(flags.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(flags[i], batch.samples[i].instance == 1);
    EXPECT_EQ(samples[i]["repetitive"], bool{flags[i]});
  }
  EXPECT_TRUE(batch.repetitive({.max_period = 0}).empty());
}

}  // namespace
}  // namespace repro::train

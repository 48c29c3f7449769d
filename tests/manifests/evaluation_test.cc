#include "manifests/evaluation.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "artifacts/base/json.h"
#include "tests/manifests/samples.h"

namespace repro::manifests {
namespace {

TextScore score(std::int64_t units, std::int64_t bytes) { return {units, 1, bytes, 0}; }

TEST(Evaluation, ComparesSumsExactly) {
  constexpr std::int64_t kGreat = -(std::int64_t{1} << 62);
  // One unit apart, which a double does not tell.
  EXPECT_EQ(likeliest({{score(kGreat, 1), score(kGreat + 1, 1)}, 0}).index, 1U);
  EXPECT_FALSE(likeliest({{score(kGreat, 1), score(kGreat + 1, 1)}, 0}).tie);
  EXPECT_TRUE(likeliest({{score(-5, 1), score(-3, 9), score(-3, 1)}, 0}).tie);
  EXPECT_EQ(likeliest({{score(-5, 1), score(-3, 9), score(-3, 1)}, 0}).index, 1U);
  // A tie that a likelier one ends is none.
  EXPECT_FALSE(likeliest({{score(-5, 1), score(-5, 1), score(-3, 1)}, 0}).tie);
}

TEST(Evaluation, ComparesFractionsExactly) {
  constexpr std::int64_t kGreat = std::int64_t{1} << 60;
  EXPECT_EQ(likeliest_per_byte({{score(-7, 2), score(-10, 3)}, 0}).index, 1U);
  EXPECT_TRUE(likeliest_per_byte({{score(-6, 2), score(-9, 3)}, 0}).tie);
  // Products beyond 64 bits: -3 kGreat/3 against -(kGreat - 1).
  EXPECT_EQ(
      likeliest_per_byte({{score(-3 * kGreat, 3 << 20), score(-kGreat + 1, 1 << 20)}, 0}).index,
      1U);
}

TEST(Evaluation, MeasuresFollowFromTheItems) {
  const Evaluation sample = sample_evaluation();
  const Measures sums = measure(sample);
  EXPECT_EQ(sums.items, 2);
  EXPECT_EQ(sums.correct, 1);
  EXPECT_EQ(sums.correct_per_byte, 1);
  EXPECT_EQ(sums.ties, 1);
  EXPECT_EQ(sums.dropped, 1);
  EXPECT_EQ(sums.units, -(std::int64_t{5} << 30));
  EXPECT_EQ(sums.bytes, 8);
  EXPECT_DOUBLE_EQ(sums.log_likelihood(), -5);
  EXPECT_DOUBLE_EQ(sums.bits_per_byte(), 5 / 0.6931471805599453 / 8);
}

TEST(Evaluation, RecordsOfOtherArithmeticAreOthers) {
  Evaluation native = sample_evaluation();
  native.profile = "native";
  native.held_constant = {{"libtorch", "2.9.1"}, {"threads", "2"}};
  const Json record = Json::parse(encode_evaluation(native));
  EXPECT_EQ(record.at("profile"), "native");
  EXPECT_EQ(record.at("held_constant"), (Json{{"libtorch", "2.9.1"}, {"threads", "2"}}));
  Evaluation elsewhere = native;
  elsewhere.held_constant["threads"] = "3";
  EXPECT_NE(encode_evaluation(native), encode_evaluation(elsewhere));
  EXPECT_NE(encode_evaluation(native), encode_evaluation(sample_evaluation()));
}

}  // namespace
}  // namespace repro::manifests

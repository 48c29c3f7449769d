#include "train/data/builtin.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "artifacts/base/digest.h"
#include "train/data/token_file.h"

namespace repro::train {
namespace {

std::string join(const std::vector<std::string>& documents) {
  std::string all;
  for (const std::string& document : documents) all += document;
  return all;
}

// Golden values of recipes rest on these bytes: a change here is a mistake.
TEST(BuiltinProse, DefaultCorpusIsTheSameEverywhere) {
  const auto documents = make_prose(kDefaultTextBytes);
  EXPECT_EQ(documents.size(), 283U);
  EXPECT_EQ(sha256(join(documents)).hex(),
            "fb0155f4f963e29131de47eaa5d1a33ddb7f71b80d2e662e147a7c4b85e6889a");
}

TEST(BuiltinProse, HasExactlyTheBytesAskedFor) {
  for (const std::int64_t bytes : {1, 2, 999, 5000}) {
    EXPECT_EQ(static_cast<std::int64_t>(join(make_prose(bytes)).size()), bytes);
  }
}

TEST(BuiltinProse, ALongerCorpusBeginsWithTheShorterOne) {
  EXPECT_TRUE(join(make_prose(20'000)).starts_with(join(make_prose(7'777))));
}

TEST(BuiltinProse, IsPrintableAscii) {
  for (const char c : join(make_prose(20'000))) EXPECT_TRUE(c == '\n' || (c >= 32 && c < 127));
}

TEST(BuiltinSums, DefaultCorpusIsTheSameEverywhere) {
  const auto documents = make_sums(kDefaultTextBytes);
  EXPECT_TRUE(documents[0].ends_with(".\n")) << documents[0];
  EXPECT_EQ(sha256(join(documents)).hex(),
            "ed0c240d736548123081c8e3d421a37b80cf3b0f6a975fa5aa4fcd2e1dee5e2a");
  EXPECT_TRUE(join(make_sums(20'000)).starts_with(join(make_sums(7'777))));
}

TEST(BuiltinIds, AreTheSameEverywhere) {
  EXPECT_EQ(token_digest(make_ids(8192, 2'097'152)).hex(),
            "26c5fe7eb87e7737a5984b7dd1aca4baa506aced92afd9500098e4d6d2f1c5b2");
  EXPECT_EQ(token_digest(make_ids(1280, 65'536)).hex(),
            "084fb9a4932fdc47af1928ca6a26c4c812ba34d0a303fe58db4785f3935077e7");
}

TEST(BuiltinIds, StayBelowTheVocabulary) {
  for (const std::int64_t vocab : {2, 3, 1280, 65'537}) {
    const auto ids = make_ids(vocab, 10'000);
    EXPECT_EQ(ids.size(), 10'000U);
    EXPECT_LT(*std::max_element(ids.begin(), ids.end()), vocab);
  }
}

}  // namespace
}  // namespace repro::train

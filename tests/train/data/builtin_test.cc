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
  const auto documents = make_prose(kDefaultProseBytes);
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

TEST(BuiltinIds, AreTheSameEverywhere) {
  EXPECT_EQ(token_digest(make_ids(8192, 2'097'152)).hex(),
            "dd1476c073027a67700fc3cff6f57e31be87a6949d6018af8ecc526f81227484");
  EXPECT_EQ(token_digest(make_ids(1280, 65'536)).hex(),
            "4177392cd55ef0a1c9dc0b48d2043239d21e880fae224090f4e09a2597f21d5a");
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

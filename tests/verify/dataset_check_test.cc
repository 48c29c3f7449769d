#include "verify/dataset_check.h"

#include <gtest/gtest.h>

#include <span>
#include <vector>

#include "tests/support/temporary_folder.h"
#include "tests/verify/store_builder.h"

namespace repro::verify_test {
namespace {

class DatasetCheck : public ::testing::Test {
 protected:
  DatasetCheck() : builder_(folder_ / "store") {
    manifest_ = builder_.add_dataset("corpus");
    dataset_ = manifests::parse_dataset(builder_.store().get(manifest_), "dataset");
  }
  std::vector<verify::Finding> check() {
    return verify::check_dataset_content(builder_.store(), dataset_, manifest_);
  }
  template <class T>
  Digest put(const std::vector<T>& values) {
    return builder_.store().put(std::as_bytes(std::span(values))).digest;
  }

  support::TemporaryFolder folder_;
  StoreBuilder builder_;
  Digest manifest_;
  manifests::Dataset dataset_;
};

TEST_F(DatasetCheck, FindsNothingInASoundOne) { EXPECT_TRUE(check().empty()); }

TEST_F(DatasetCheck, FindsATokenOutsideTheVocabulary) {
  dataset_.vocab_size = 20;
  ASSERT_EQ(check().size(), 1U);
  EXPECT_NE(check().front().message.find("the vocabulary has 20"), std::string::npos);
  EXPECT_EQ(check().front().severity, verify::Severity::mismatch);
}

TEST_F(DatasetCheck, FindsDocumentEndsThatFallOrDoNotReachTheEnd) {
  for (const std::vector<std::uint64_t>& ends :
       {std::vector<std::uint64_t>{50, 40, 96}, {32, 95}, {}, {32, 97}}) {
    dataset_.shards[0].documents = put(ends);
    EXPECT_EQ(check().size(), 1U) << ends.size();
  }
}

TEST_F(DatasetCheck, ADocumentMayGoOnInTheNextShard) {
  const manifests::Shard whole = dataset_.shards[0];
  dataset_.shards[0].documents = put(std::vector<std::uint64_t>{32});
  dataset_.shards.push_back(whole);
  EXPECT_TRUE(check().empty());
  dataset_.shards[0].documents = put(std::vector<std::uint64_t>{97});
  EXPECT_EQ(check().size(), 1U);
}

TEST_F(DatasetCheck, ReadsWideIds) {
  dataset_.dtype = "uint32";
  dataset_.shards[0].tokens = put(std::vector<std::uint32_t>{1, 70000, 5});
  EXPECT_EQ(check().size(), 1U);
  dataset_.vocab_size = 70001;
  EXPECT_TRUE(check().empty());
}

TEST_F(DatasetCheck, LeavesMissingShardsToOthers) {
  dataset_.shards[0].tokens = sha256("nowhere");
  EXPECT_TRUE(check().empty());
}

}  // namespace
}  // namespace repro::verify_test

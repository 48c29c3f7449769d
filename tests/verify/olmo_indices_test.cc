// A run's file of indices, as far as it is checked without its order.
#include "verify/olmo_indices.h"

#include <gmock/gmock.h>

#include <filesystem>

#include "artifacts/base/error.h"
#include "tests/verify/olmo_folder.h"

namespace repro::verify_test {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using verify::Severity;

constexpr const char* kFile = "train_data/global_indices.npy";
constexpr const char* kClaim = "global_indices.npy has every index once, none outside";

class OlmoIndicesTest : public OlmoFolderTest {
 protected:
  void write_indices(const std::vector<std::uint32_t>& indices) {
    folder_.write(kFile, {reinterpret_cast<const char*>(indices.data()), indices.size() * 4});
  }
  void write_config(const std::string& lines = "") {
    folder_.write("config.yaml", std::string(kTrainerConfig) + lines);
  }
};

TEST_F(OlmoIndicesTest, ASoundFileIsReadyForItsOrder) {
  write_config("seed: 7\nepoch: 1\n");
  write_indices({2, 0, 4, 1});
  folder_.write("step4-unsharded/config.yaml", kTrainerConfig);  // the folder of a run
  const auto verification = verify();
  EXPECT_THAT(messages(verification, Severity::note), IsEmpty());
  EXPECT_THAT(verification.result.checked, Contains(kClaim));
  EXPECT_THAT(verification.derived, ElementsAre(HasSubstr("step4-unsharded")));
  ASSERT_TRUE(verification.indices);
  const verify::OlmoIndices& indices = *verification.indices;
  EXPECT_EQ(indices.length, 4);
  EXPECT_EQ(indices.seed, 7);
  EXPECT_EQ(indices.epoch, 1);
  EXPECT_EQ(indices.least, 5);
  EXPECT_EQ(indices.most, 5);  // batches of 2 sequences: one may be left
}

TEST_F(OlmoIndicesTest, TheDatasOwnSeedComesFirst) {
  std::string config = kTrainerConfig;
  config.replace(config.find("drop_last: true"), 15, "drop_last: true, seed: 9");
  folder_.write("config.yaml", config + "seed: 7\n");
  write_indices({1, 0});
  ASSERT_TRUE(verify().indices);
  EXPECT_EQ(verify().indices->seed, 9);
}

TEST_F(OlmoIndicesTest, TheConfigurationMayBeACheckpoints) {
  folder_.write("step4-unsharded/config.yaml", std::string(kTrainerConfig) + "seed: 5\n");
  write_indices({1, 0});
  ASSERT_TRUE(verify().indices);
  EXPECT_EQ(verify().indices->seed, 5);
}

TEST_F(OlmoIndicesTest, IndicesOutsideAndTwiceAreFoundWithTheirPlace) {
  write_config();
  write_indices({2, 0, 5, 1});
  EXPECT_THAT(messages(verify()), ElementsAre("place 2 holds index 5, which points outside: there "
                                              "are at most 5 instances"));
  write_indices({2, 0, 3, 0});
  EXPECT_THAT(messages(verify()),
              ElementsAre("place 3 holds index 0, which stands at another place before"));
  EXPECT_EQ(status(verify()), 1);
  EXPECT_FALSE(verify().indices);
}

TEST_F(OlmoIndicesTest, WhatIsNoListOfIndicesIsCorrupt) {
  write_config();
  for (const char* bytes : {"", "12345"}) {
    folder_.write(kFile, bytes);
    EXPECT_THAT(messages(verify()), ElementsAre(HasSubstr("are no 32-bit indices")));
    EXPECT_EQ(status(verify()), 4);
  }
}

TEST_F(OlmoIndicesTest, TheOrderOfLargeBatchesIsNotTriedOut) {
  write_indices({2, 0, 5, 1});
  const auto write = [&](const char* batch) {
    const std::string key = "global_train_batch_size: ";
    std::string config = kTrainerConfig;
    folder_.write("config.yaml", config.replace(config.find(key) + key.size(), 1, batch));
  };
  write("4096");
  ASSERT_TRUE(verify().indices);
  EXPECT_EQ(verify().indices->most, 4099);
  for (const char* batch : {"4097", "16777216"}) {
    write(batch);
    const auto verification = verify();
    EXPECT_FALSE(verification.indices);
    EXPECT_THAT(verification.result.checked, Contains(kClaim));
    EXPECT_THAT(verification.result.not_checked,
                Contains("global_indices.npy is the order of its seed: needs a batch of at most "
                         "4096 sequences"));
  }
}

TEST_F(OlmoIndicesTest, WithoutWhatItNeedsItIsNotChecked) {
  write_config();
  EXPECT_THAT(verify().result.not_checked, Contains(HasSubstr(kClaim)));
  folder_.write("elsewhere/global_indices.npy", "1234");
  std::filesystem::create_directory_symlink(folder_ / "elsewhere", folder_ / "train_data");
  EXPECT_FALSE(verify().indices);
  std::filesystem::remove(folder_ / "train_data");
  write_indices({1, 0});
  std::string config = kTrainerConfig;
  config.replace(config.find("drop_last: true"), 15, "drop_last: false");
  folder_.write("config.yaml", config);
  EXPECT_FALSE(verify().indices);
  EXPECT_THAT(verify().result.not_checked, Contains(HasSubstr("data.drop_last")));
}

}  // namespace
}  // namespace repro::verify_test

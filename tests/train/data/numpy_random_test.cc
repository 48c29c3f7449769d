#include "train/data/numpy_random.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>
#include <string>
#include <vector>

#include "artifacts/base/digest.h"
#include "artifacts/base/environment.h"
#include "artifacts/base/file_system.h"

namespace repro::train {
namespace {

using nlohmann::json;
using testing::ElementsAre;

// What numpy gave (its version stands in the file).
const json& golden() {
  static const json file = json::parse(system_file_system().read_file(join_path(
      find_environment("REPRO_SOURCE_DIR").value_or("."), "tests/golden/numpy_random.json")));
  return file;
}

std::uint64_t parse_hex(const json& text) {
  return std::stoull(text.get<std::string>(), nullptr, 16);
}

std::vector<std::uint32_t> shuffled(std::size_t count, std::uint64_t seed) {
  std::vector<std::uint32_t> values(count);
  std::iota(values.begin(), values.end(), 0U);
  NumpyGenerator generator(seed);
  shuffle(generator, values);
  return values;
}

std::string digest_of(std::span<const std::uint32_t> values) {
  return sha256(std::as_bytes(values)).hex();
}

TEST(NumpyRandom, SeedsAndOutputsAreNumpys) {
  for (const json& entry : golden()["seeds"]) {
    SCOPED_TRACE(entry["seed"]);
    const std::uint64_t seed = parse_hex(entry["seed"]);
    const auto words = numpy_seed_words(seed);
    NumpyGenerator generator(seed);
    ASSERT_EQ(entry["seed_words"].size(), words.size());
    for (std::size_t i = 0; i < words.size(); ++i) {
      EXPECT_EQ(words[i], parse_hex(entry["seed_words"][i]));
      EXPECT_EQ(generator.next64(), parse_hex(entry["outputs"][i]));
    }
  }
}

TEST(NumpyRandom, A32BitDrawIsTheLowHalfThenTheHighHalf) {
  NumpyGenerator words(6198);
  NumpyGenerator halves(6198);
  for (int i = 0; i < 3; ++i) {
    const std::uint64_t word = words.next64();
    EXPECT_EQ(halves.next32(), static_cast<std::uint32_t>(word));
    EXPECT_EQ(halves.next32(), static_cast<std::uint32_t>(word >> 32));
  }
}

TEST(NumpyRandom, ABoundedDrawRejectsWhatIsMaskedAboveTheBound) {
  NumpyGenerator generator(42);
  NumpyGenerator raw(42);
  for (const std::uint32_t bound : {1U, 5U, 8U, 1000U, 0x80000000U, 0xFFFFFFFFU}) {
    std::uint32_t mask = bound;
    for (int shift = 1; shift < 32; shift *= 2) mask |= mask >> shift;
    std::uint32_t expected = raw.next32() & mask;
    while (expected > bound) expected = raw.next32() & mask;
    EXPECT_EQ(generator.draw(bound), expected);
  }
  EXPECT_EQ(generator.draw(0), 0U);  // takes nothing from the stream
  EXPECT_EQ(generator.next32(), raw.next32());
}

TEST(NumpyRandom, ShufflesAreNumpys) {
  for (const json& entry : golden()["seeds"]) {
    for (const json& values : entry["shuffles"]) {
      EXPECT_EQ(shuffled(values.size(), parse_hex(entry["seed"])),
                values.get<std::vector<std::uint32_t>>());
    }
  }
  for (const json& entry : golden()["digests"]) {
    EXPECT_EQ(digest_of(shuffled(entry["count"], parse_hex(entry["seed"]))), entry["sha256"])
        << entry;
  }
}

// Published with the analysis of OLMo's order, from numpy 1.24.2.
TEST(NumpyRandom, TheShuffleOfOlmosSeed) {
  EXPECT_THAT(shuffled(10, 6198), ElementsAre(2, 4, 7, 3, 8, 9, 0, 6, 1, 5));
  EXPECT_THAT(shuffled(20, 6198),
              ElementsAre(17, 4, 14, 3, 5, 12, 6, 15, 18, 13, 10, 11, 2, 19, 0, 16, 7, 9, 8, 1));
  EXPECT_EQ(digest_of(shuffled(1'000'000, 6198)),
            "915d7b77f7a55b8b545e0b175395dd57bcb5841e37d078d86b2477112e8e2bc1");
  EXPECT_EQ(digest_of(shuffled(1'000'000, 34522)),
            "9c0fd2cee409f936d40906361f042850f443f93bc4be6a7dc0db084667df3742");
}

}  // namespace
}  // namespace repro::train

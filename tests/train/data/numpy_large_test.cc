// The order of OLMo 2's first epoch in full: 3.8 GB and about two minutes.
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>
#include <vector>

#include "artifacts/base/digest.h"
#include "artifacts/base/environment.h"
#include "artifacts/base/file_system.h"
#include "train/data/numpy_random.h"

namespace repro::train {
namespace {

TEST(NumpyLarge, TheOrderOfOlmosFirstEpochIsNumpys) {
  const auto golden = nlohmann::json::parse(
      system_file_system().read_file(join_path(find_environment("REPRO_SOURCE_DIR").value_or("."),
                                               "tests/golden/numpy_random.json")))["olmo"];
  std::vector<std::uint32_t> order(golden["instances"].get<std::size_t>());
  std::iota(order.begin(), order.end(), 0U);
  NumpyGenerator generator(golden["seed"].get<std::uint64_t>());
  shuffle(generator, order);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(order[i], golden["head"][i]);
    EXPECT_EQ(order[order.size() - 4 + i], golden["tail"][i]);
  }
  EXPECT_EQ(sha256(std::as_bytes(std::span(order))).hex(), golden["sha256"]);
}

}  // namespace
}  // namespace repro::train

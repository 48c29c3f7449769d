#include "tests/train/kernels/emulated/amx_model.h"

#include <gtest/gtest.h>

#include <array>
#include <random>
#include <stdexcept>
#include <vector>

namespace repro::train {
namespace {

using Config = std::array<std::uint8_t, 64>;

Config config_of(std::initializer_list<std::array<int, 2>> tiles) {
  Config config = {1};
  std::size_t i = 0;
  for (const auto& [lines, bytes] : tiles) {
    config[16 + 2 * i] = static_cast<std::uint8_t>(bytes);
    config[48 + i] = static_cast<std::uint8_t>(lines);
    ++i;
  }
  return config;
}

TEST(AmxModel, MultipliesAsTheManualSays) {
  constexpr int kLines = 5;
  constexpr int kGroups = 7;  // four bytes of depth each
  constexpr int kColumns = 9;
  const Config config =
      config_of({{kLines, 4 * kColumns}, {kLines, 4 * kGroups}, {kGroups, 4 * kColumns}});
  amx_model::load_config(config.data());
  std::mt19937 random(1);
  std::vector<std::int8_t> a(kLines * 64);
  std::vector<std::int8_t> b(kGroups * 100);
  for (auto* bytes : {&a, &b}) {
    for (std::int8_t& byte : *bytes) byte = static_cast<std::int8_t>(random());
  }
  a[0] = b[0] = -128;
  std::vector<std::int32_t> sums(kLines * 16, 1000);
  amx_model::load(0, sums.data(), 64);
  amx_model::load(1, a.data(), 64);
  amx_model::load(2, b.data(), 100);
  amx_model::dot_signed_bytes(0, 1, 2);
  amx_model::store(0, sums.data(), 64);
  for (int m = 0; m < kLines; ++m) {
    for (int n = 0; n < 16; ++n) {
      int expected = 1000;
      for (int k = 0; n < kColumns && k < 4 * kGroups; ++k) {
        expected += a[static_cast<std::size_t>(m * 64 + k)] *
                    b[static_cast<std::size_t>(k / 4 * 100 + 4 * n + k % 4)];
      }
      EXPECT_EQ(sums[static_cast<std::size_t>(m * 16 + n)], expected) << m << " " << n;
    }
  }
  amx_model::zero(0);
  amx_model::store(0, sums.data(), 64);
  EXPECT_EQ(sums[0], 0);
  amx_model::release();
}

TEST(AmxModel, RefusesWhatFaults) {
  EXPECT_THROW(amx_model::zero(0), std::logic_error) << "no configuration";
  for (const Config& config : {Config{2}, config_of({{17, 64}}), config_of({{16, 65}}),
                               config_of({{0, 64}}), Config{1, 0, 1}}) {
    EXPECT_THROW(amx_model::load_config(config.data()), std::logic_error);
  }
  Config config = config_of({{16, 62}, {16, 64}, {16, 62}});
  amx_model::load_config(config.data());
  EXPECT_THROW(amx_model::dot_signed_bytes(0, 1, 2), std::logic_error) << "half an int32";
  config = config_of({{16, 64}, {16, 64}, {15, 64}});
  amx_model::load_config(config.data());
  EXPECT_THROW(amx_model::dot_signed_bytes(0, 1, 2), std::logic_error) << "15 lines of depth";
  EXPECT_THROW(amx_model::dot_signed_bytes(0, 1, 1), std::logic_error);
  EXPECT_THROW(amx_model::zero(3), std::logic_error) << "not configured";
  EXPECT_THROW(amx_model::zero(8), std::logic_error);
  amx_model::release();
  EXPECT_THROW(amx_model::zero(0), std::logic_error);
}

}  // namespace
}  // namespace repro::train

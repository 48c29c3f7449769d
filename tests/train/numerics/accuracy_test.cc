// Each function lies within 2 ulp of the real value: on a sparse sample in a second, and (label
// slow, with REPRO_DENSE set) on a dense one, whose figures are
// docs/results/function-accuracy.json. They hold for every machine; REPRO_WRITE_RESULTS makes the
// file anew (docs/testing.md).
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "tests/train/numerics/exact_value.h"
#include "tests/train/numerics/run_record.h"
#include "train/numerics/float_bits.h"

namespace repro::train {
namespace {

// The hardest argument, every `stride`-th of all 2^32, and `ordinary` evenly spaced ones in the
// range where the function bends.
struct Sample {
  std::uint64_t stride = 0;
  std::uint32_t ordinary = 0;
};

struct Worst {
  double ulp = 0;
  std::uint32_t argument = 0;
  std::uint64_t measured = 0;
};

// The i-th of `count` ordinary arguments; of the words of normal32, those next to both ends.
std::uint32_t ordinary_argument(const MeasuredFunction& function, std::uint32_t i,
                                std::uint32_t count) {
  if (function.low == function.high) return (i & 1U) != 0 ? 0x7FFFFFFFU - i / 2 : i / 2;
  const double width = static_cast<double>(function.high) - function.low;
  return to_bits(static_cast<float>(function.low + width * i / count));
}

Worst measure(const MeasuredFunction& function, const Sample& sample) {
  Worst worst;
  const auto look = [&](std::uint32_t argument) {
    const std::optional<double> ulp = ulp_error(function, argument);
    if (!ulp) return;
    ++worst.measured;
    if (*ulp <= worst.ulp) return;
    worst.ulp = *ulp;
    worst.argument = argument;
  };
  look(function.hardest);
  for (std::uint64_t i = 0; i < (std::uint64_t{1} << 32); i += sample.stride) {
    look(static_cast<std::uint32_t>(i));
  }
  for (std::uint32_t i = 0; i < sample.ordinary; ++i) {
    look(ordinary_argument(function, i, sample.ordinary));
  }
  return worst;
}

nlohmann::json measure_all(const Sample& sample) {
  nlohmann::json record = nlohmann::json::object();
  for (const MeasuredFunction& function : measured_functions()) {
    const Worst worst = measure(function, sample);
    char argument[9];
    std::snprintf(argument, sizeof argument, "%08x", worst.argument);
    EXPECT_LE(worst.ulp, 2) << function.name << " of " << argument;
    std::printf("%-10s %.4f ulp at %s, of %llu arguments\n", function.name, worst.ulp, argument,
                static_cast<unsigned long long>(worst.measured));
    std::fflush(stdout);
    record[function.name] = {{"max_ulp", std::ceil(worst.ulp * 1e4) / 1e4},
                             {"argument", argument},
                             {"measured", worst.measured}};
  }
  return record;
}

TEST(Accuracy, EveryFunctionIsWithinTwoUlpOnASparseSample) {
  const nlohmann::json functions = measure_all({400009, 10000});
  EXPECT_EQ(functions.size(), 8U);
}

TEST(Accuracy, EveryFunctionIsWithinTwoUlpOnADenseSampleAsRecorded) {
  if (std::getenv("REPRO_DENSE") == nullptr) GTEST_SKIP() << "minutes; REPRO_DENSE=1 runs it";
  const Sample dense = {1009, 2000000};
  const nlohmann::json functions = measure_all(dense);
  if (write_record({{"schema", "repro.function_accuracy/1"},
                    {"limit_ulp", 2},
                    {"sample", {{"stride", dense.stride}, {"ordinary", dense.ordinary}}},
                    {"functions", functions}})) {
    return;
  }
  const char* source = std::getenv("REPRO_SOURCE_DIR");
  ASSERT_NE(source, nullptr) << "run through ctest, or set REPRO_SOURCE_DIR";
  std::ifstream file(std::string(source) + "/docs/results/function-accuracy.json");
  EXPECT_EQ(functions, nlohmann::json::parse(file).at("functions"));
}

}  // namespace
}  // namespace repro::train

// Each function lies within 2 ulp of the real value: a sample in a second, and (label slow, program
// numerics_accuracy) a dense one:
//   REPRO_DENSE=1 REPRO_WRITE_RESULTS=docs/results/function-accuracy.json numerics_accuracy
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>

#include "tests/train/numerics/exact_value.h"
#include "train/numerics/float_bits.h"

namespace repro::train {
namespace {

// Every `stride`-th of all arguments, and `ordinary` evenly spaced ones in [-20, 20], where
// training works (for the normal map: as many words from each end).
struct Sample {
  std::uint64_t stride = 0;
  std::uint32_t ordinary = 0;
};

struct Worst {
  double ulp = 0;
  std::uint32_t argument = 0;
  std::uint64_t measured = 0;
};

std::uint32_t ordinary_argument(const MeasuredFunction& function, std::uint32_t i,
                                std::uint32_t count) {
  if (function.name == "normal32") return (i & 1U) != 0 ? 0x7FFFFFFFU - i / 2 : i / 2;
  return to_bits(static_cast<float>(40.0 * i / count - 20.0));
}

Worst measure(const MeasuredFunction& function, const Sample& sample) {
  Worst worst;
  const auto look = [&](std::uint32_t argument) {
    const double ulp = ulp_error(function, argument);
    ++worst.measured;
    if (ulp <= worst.ulp) return;
    worst.ulp = ulp;
    worst.argument = argument;
  };
  for (std::uint64_t i = 0; i < (std::uint64_t{1} << 32); i += sample.stride) {
    look(static_cast<std::uint32_t>(i));
  }
  for (std::uint32_t i = 0; i < sample.ordinary; ++i) {
    look(ordinary_argument(function, i, sample.ordinary));
  }
  return worst;
}

std::string hexadecimal(std::uint32_t bits) {
  char text[9];
  std::snprintf(text, sizeof text, "%08x", bits);
  return text;
}

nlohmann::json measure_all(const Sample& sample) {
  const auto& functions = measured_functions();
  std::array<Worst, std::tuple_size_v<std::remove_cvref_t<decltype(functions)>>> worst;
  std::atomic<std::size_t> next = 0;
  const auto work = [&] {
    for (std::size_t i = next++; i < worst.size(); i = next++) {
      worst[i] = measure(functions[i], sample);
    }
  };
  std::thread second(work);
  work();
  second.join();
  nlohmann::json record = nlohmann::json::object();
  for (std::size_t i = 0; i < worst.size(); ++i) {
    const std::string name(functions[i].name);
    EXPECT_LE(worst[i].ulp, 2) << name << " of " << hexadecimal(worst[i].argument);
    std::printf("%-10s %.4f ulp at %s, of %llu arguments\n", name.c_str(), worst[i].ulp,
                hexadecimal(worst[i].argument).c_str(),
                static_cast<unsigned long long>(worst[i].measured));
    record[name] = {{"max_ulp", worst[i].ulp},
                    {"argument", hexadecimal(worst[i].argument)},
                    {"measured", worst[i].measured}};
  }
  return record;
}

TEST(Accuracy, EveryFunctionIsWithinTwoUlp) {
  if (std::getenv("REPRO_DENSE") == nullptr) {
    measure_all({(std::uint64_t{1} << 32) / 4000 + 1, 4000});
    return;
  }
  const Sample dense = {1999, 2000000};
  const nlohmann::json functions = measure_all(dense);
  const char* file = std::getenv("REPRO_WRITE_RESULTS");
  if (file == nullptr) return;
  const nlohmann::json record = {
      {"schema", "repro.function_accuracy/1"},
      {"limit_ulp", 2},
      {"sample", {{"stride", dense.stride}, {"ordinary", dense.ordinary}}},
      {"functions", functions}};
  std::ofstream(file) << record.dump(2) << "\n";
}

}  // namespace
}  // namespace repro::train

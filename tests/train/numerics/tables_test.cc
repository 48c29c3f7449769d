// Slow: the SHA-256 of each function's results, little-endian binary32 in the order of the
// argument's bits, over all 2^32 arguments, by every instruction set that is built and that this
// CPU has. The digests in tests/golden/function_tables.json hold for every build and machine. The
// record of a run:
//   REPRO_WRITE_RESULTS=docs/results/function-tables.json numerics_tables
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "artifacts/base/digest.h"
#include "tests/train/numerics/function_blocks.h"

namespace repro::train {
namespace {

struct Table {
  std::string digest;
  double seconds = 0;
};

Table make_table(const FunctionBlock& function) {
  constexpr std::size_t kChunk = 1 << 14;
  const auto start = std::chrono::steady_clock::now();
  std::vector<float> values(kChunk);
  Sha256 hash;
  for (std::uint64_t first = 0; first < (std::uint64_t{1} << 32); first += kChunk) {
    function.fill(static_cast<std::uint32_t>(first), kChunk, values.data());
    hash.update(std::as_bytes(std::span(values)));
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  return {hash.digest().hex(), took.count()};
}

std::string cpu_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  }
  return "unknown";
}

class FunctionTables : public testing::TestWithParam<const FunctionBlocks*> {
 protected:
  static void TearDownTestSuite() {
    const char* file = std::getenv("REPRO_WRITE_RESULTS");
    if (file == nullptr) return;
    const nlohmann::json record = {
        {"schema", "repro.function_tables/1"}, {"cpu", cpu_name()}, {"tables", records()}};
    std::ofstream(file) << record.dump(2) << "\n";
  }

  static nlohmann::json& records() {
    static nlohmann::json list = nlohmann::json::array();
    return list;
  }
};

TEST_P(FunctionTables, HaveTheGoldenDigests) {
  const char* source = std::getenv("REPRO_SOURCE_DIR");
  ASSERT_NE(source, nullptr) << "run through ctest, or set REPRO_SOURCE_DIR";
  std::ifstream file(std::string(source) + "/tests/golden/function_tables.json");
  const nlohmann::json golden = nlohmann::json::parse(file);

  const auto& functions = GetParam()->functions;
  std::array<Table, std::tuple_size_v<std::remove_cvref_t<decltype(functions)>>> tables;
  ASSERT_EQ(golden.size(), tables.size());
  std::atomic<std::size_t> next = 0;
  const auto work = [&] {
    for (std::size_t i = next++; i < tables.size(); i = next++)
      tables[i] = make_table(functions[i]);
  };
  std::thread second(work);
  work();
  second.join();

  for (std::size_t i = 0; i < tables.size(); ++i) {
    const std::string name = functions[i].name;
    // Printed, so that a run is how a new version's golden value is made.
    std::printf("%s %s %s %.1f s\n", GetParam()->path, name.c_str(), tables[i].digest.c_str(),
                tables[i].seconds);
    EXPECT_EQ(tables[i].digest, golden.at(name).get<std::string>()) << name;
    records().push_back({{"path", GetParam()->path},
                         {"function", name},
                         {"digest", tables[i].digest},
                         {"seconds", std::round(tables[i].seconds * 10) / 10}});
  }
}

INSTANTIATE_TEST_SUITE_P(Paths, FunctionTables, testing::ValuesIn(available_function_blocks()),
                         [](const auto& test) { return std::string(test.param->path); });

}  // namespace
}  // namespace repro::train

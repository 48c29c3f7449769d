// Slow: the SHA-256 of each function's results, little-endian binary32 in the order of the
// argument's bits, over all 2^32 arguments, by every instruction set that is built and that this
// CPU has. The digests in tests/golden/function_tables.json hold for every build and machine. The
// record of a run: REPRO_WRITE_RESULTS (docs/testing.md).
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "artifacts/base/digest.h"
#include "tests/train/numerics/function_blocks.h"
#include "tests/train/numerics/run_record.h"

namespace repro::train {
namespace {

std::string table_digest(const FunctionBlock& function) {
  constexpr std::size_t kChunk = 1 << 14;
  std::vector<float> values(kChunk);
  Sha256 hash;
  for (std::uint64_t first = 0; first < (std::uint64_t{1} << 32); first += kChunk) {
    function.fill(static_cast<std::uint32_t>(first), kChunk, values.data());
    hash.update(std::as_bytes(std::span(values)));
  }
  return hash.digest().hex();
}

double cpu_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

struct Table {
  const char* path = nullptr;
  FunctionBlock function;
};

std::vector<Table> available_tables() {
  std::vector<Table> tables;
  for (const FunctionBlocks* blocks : available_function_blocks()) {
    for (const FunctionBlock& function : blocks->functions)
      tables.push_back({blocks->path, function});
  }
  return tables;
}

class FunctionTables : public testing::TestWithParam<Table> {
 protected:
  static void SetUpTestSuite() { records() = nlohmann::json::array(); }
  static void TearDownTestSuite() {
    write_record({{"schema", "repro.function_tables/1"}, {"tables", records()}});
  }

  static nlohmann::json& records() {
    static nlohmann::json list;
    return list;
  }
};

TEST_P(FunctionTables, HasTheGoldenDigest) {
  const char* source = std::getenv("REPRO_SOURCE_DIR");
  ASSERT_NE(source, nullptr) << "run through ctest, or set REPRO_SOURCE_DIR";
  std::ifstream file(std::string(source) + "/tests/golden/function_tables.json");
  const nlohmann::json golden = nlohmann::json::parse(file);
  const auto& [path, function] = GetParam();

  const double start = cpu_seconds();
  const std::string digest = table_digest(function);
  const double seconds = cpu_seconds() - start;
  // Printed, so that a run is how a new version's golden value is made.
  std::printf("%s %s %s %.1f s\n", path, function.name, digest.c_str(), seconds);
  EXPECT_EQ(digest, golden.at(function.name).get<std::string>());
  records().push_back({{"path", path},
                       {"function", function.name},
                       {"digest", digest},
                       {"equal", digest == golden.at(function.name)},
                       {"cpu_seconds", std::round(seconds * 10) / 10}});
}

INSTANTIATE_TEST_SUITE_P(All, FunctionTables, testing::ValuesIn(available_tables()),
                         [](const auto& test) {
                           return std::string(test.param.path) + "_" + test.param.function.name;
                         });

}  // namespace
}  // namespace repro::train

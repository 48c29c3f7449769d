// Slow: the SHA-256 of each function's results, little-endian binary32 in the order of the
// argument's bits, over all 2^32 arguments. The digests in tests/golden/function_tables.json hold
// for every build and machine.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "artifacts/base/digest.h"
#include "train/numerics/functions.h"

namespace repro::train {
namespace {

template <class Function>
std::string table_digest(Function function) {
  constexpr std::uint64_t kChunk = 1 << 16;
  std::vector<float> values(kChunk);
  Sha256 hash;
  for (std::uint64_t begin = 0; begin < (std::uint64_t{1} << 32); begin += kChunk) {
    for (std::uint64_t i = 0; i < kChunk; ++i) {
      values[i] = function(static_cast<std::uint32_t>(begin + i));
    }
    hash.update(std::as_bytes(std::span(values)));
  }
  return hash.digest().hex();
}

// Prints the digest too, so that a run is how a new version's golden value is made.
template <class Function>
void expect_golden(const std::string& name, Function function) {
  const char* source = std::getenv("REPRO_SOURCE_DIR");
  ASSERT_NE(source, nullptr) << "run through ctest, or set REPRO_SOURCE_DIR";
  std::ifstream file(std::string(source) + "/tests/golden/function_tables.json");
  const nlohmann::json golden = nlohmann::json::parse(file);
  const std::string digest = table_digest(function);
  std::printf("%s %s\n", name.c_str(), digest.c_str());
  EXPECT_EQ(digest, golden.at(name).get<std::string>()) << name;
}

TEST(FunctionTables, Exp32) {
  expect_golden("exp32", [](std::uint32_t bits) { return exp32(from_bits(bits)); });
}
TEST(FunctionTables, Log32) {
  expect_golden("log32", [](std::uint32_t bits) { return log32(from_bits(bits)); });
}
TEST(FunctionTables, Sigmoid32) {
  expect_golden("sigmoid32", [](std::uint32_t bits) { return sigmoid32(from_bits(bits)); });
}
TEST(FunctionTables, Normal32) {
  expect_golden("normal32", [](std::uint32_t bits) { return normal32(bits); });
}
TEST(FunctionTables, Tanh32) {
  expect_golden("tanh32", [](std::uint32_t bits) { return tanh32(from_bits(bits)); });
}
TEST(FunctionTables, Erf32) {
  expect_golden("erf32", [](std::uint32_t bits) { return erf32(from_bits(bits)); });
}
TEST(FunctionTables, Silu32) {
  expect_golden("silu32", [](std::uint32_t bits) { return silu32(from_bits(bits)); });
}
TEST(FunctionTables, Gelu32) {
  expect_golden("gelu32", [](std::uint32_t bits) { return gelu32(from_bits(bits)); });
}

}  // namespace
}  // namespace repro::train

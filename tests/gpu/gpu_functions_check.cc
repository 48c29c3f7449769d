// Every function, on a GPU, has the bits that the CPU gives, for all 2^32 arguments. The CPU's have
// the golden digests (numerics_tables).
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <thread>
#include <vector>

#include "tests/gpu/gpu_functions.h"
#include "train/kernels/parallel.h"
#include "train/numerics/float_bits.h"

namespace repro::train {
namespace {

constexpr std::uint64_t kAll = std::uint64_t{1} << 32;
constexpr std::size_t kChunk = std::size_t{1} << 24;

class GpuFunctions : public testing::TestWithParam<std::size_t> {};

TEST_P(GpuFunctions, HaveTheBitsOfTheCpu) {
  const FunctionBlock& gpu = cuda_function_blocks().functions[GetParam()];
  const FunctionBlock& cpu = available_function_blocks().back()->functions[GetParam()];
  ASSERT_STREQ(gpu.name, cpu.name);
  Parallel parallel(static_cast<int>(std::max(1U, std::thread::hardware_concurrency())));
  std::vector<float> got(kChunk);
  std::vector<float> want(kChunk);
  for (std::uint64_t first = 0; first < kAll; first += kChunk) {
    const auto from = static_cast<std::uint32_t>(first);
    gpu.fill(from, kChunk, got.data());
    parallel.run_ranges(kChunk, 1 << 16, [&](std::int64_t begin, std::int64_t end) {
      cpu.fill(from + static_cast<std::uint32_t>(begin), static_cast<std::size_t>(end - begin),
               want.data() + begin);
    });
    if (std::memcmp(got.data(), want.data(), kChunk * sizeof(float)) == 0) continue;
    for (std::size_t i = 0; i < kChunk; ++i) {
      ASSERT_EQ(to_bits(got[i]), to_bits(want[i]))
          << gpu.name << " of the bits " << std::hex << from + i;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, GpuFunctions, testing::Range<std::size_t>(0, 8),
                         [](const auto& test) {
                           return std::string(cuda_function_blocks().functions[test.param].name);
                         });

}  // namespace
}  // namespace repro::train

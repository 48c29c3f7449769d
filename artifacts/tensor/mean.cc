#include "artifacts/tensor/mean.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

#include "artifacts/base/error.h"
#include "artifacts/tensor/exact_sum.h"

namespace repro::artifacts {
namespace {

using Inputs = std::vector<std::span<const float>>;

constexpr std::size_t kBlock = 1024;  // the partial sums of a block stay in the first cache

// Sums of doubles are exact where every addition is; `error` is not 0 where one may not be, `doubt`
// where the rounded mean may be wrong. All of it is arithmetic on doubles, so that any vector unit
// does it.
struct Block {
  std::array<double, kBlock> sum;
  std::array<double, kBlock> error;
  std::array<double, kBlock> doubt;
};

void begin(Block& block, const float* values, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) {
    block.sum[i] = values[i];
    block.error[i] = 0;
  }
}

// Of t = rn(s + x), one of t - s and t - x is exact, that of the greater operand (Dekker 1971,
// "Fast2Sum"): so t is exact where both differences are what they should be.
void add(Block& block, const float* values, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) {
    const double x = values[i];
    const double s = block.sum[i];
    const double t = s + x;
    block.error[i] += std::fabs((t - s) - x) + std::fabs((t - x) - s);
    block.sum[i] = t;
  }
}

// d is the quotient rounded to binary64; rounding it again to binary32 gives what one rounding
// would, unless the quotient's neighbourhood, [d - 2^-53 d, d + 2^-53 d], holds the middle between
// two values.
void divide(Block& block, double n, float* out, std::size_t size) {
  constexpr double kBelow = 1 - 0x1p-51;
  constexpr double kAbove = 1 + 0x1p-51;
  for (std::size_t i = 0; i < size; ++i) {
    const double d = block.sum[i] / n;
    const double low = static_cast<float>(d * kBelow);
    const double high = static_cast<float>(d * kAbove);
    block.doubt[i] = block.error[i] + std::fabs(high - low);
    out[i] = static_cast<float>(d);
  }
}

// By a power of two: the quotient itself is a double.
void scale(Block& block, double n, float* out, std::size_t size) {
  const double part = 1 / n;
  for (std::size_t i = 0; i < size; ++i) {
    block.doubt[i] = block.error[i];
    out[i] = static_cast<float>(block.sum[i] * part);
  }
}

bool any_doubt(const Block& block, std::size_t size) {
  std::array<double, 8> lanes{};
  for (std::size_t i = 0; i < size; ++i) lanes[i % lanes.size()] += block.doubt[i];
  return std::any_of(lanes.begin(), lanes.end(), [](double lane) { return lane != 0; });
}

// The middle between two values has at most 25 bits, so that d * n is exact if n < 2^28 and says
// whether d is the quotient itself.
bool is_quotient(double s, double n) {
  constexpr std::uint64_t kBelowMiddle = (std::uint64_t{1} << 28) - 1;
  const double d = s / n;
  return (std::bit_cast<std::uint64_t>(d) & kBelowMiddle) == 0 && d * n == s;
}

void exact_mean(const Inputs& inputs, std::size_t at, float* out, std::size_t size) {
  const auto n = static_cast<double>(inputs.size());
  Block block;
  begin(block, inputs[0].data() + at, size);
  for (std::size_t k = 1; k < inputs.size(); ++k) add(block, inputs[k].data() + at, size);
  (std::has_single_bit(inputs.size()) ? scale : divide)(block, n, out, size);
  if (!any_doubt(block, size)) return;
  for (std::size_t i = 0; i < size; ++i) {
    if (block.doubt[i] == 0) continue;
    if (block.error[i] == 0 && is_quotient(block.sum[i], n)) continue;
    ExactSum sum;
    for (const std::span<const float> input : inputs) sum.add(input[at + i]);
    out[i] = sum.over(inputs.size());
  }
}

void olmo_mean(const Inputs& inputs, std::size_t at, float* out, std::size_t size) {
  const auto n = static_cast<float>(inputs.size());
  std::fill_n(out, size, 0.0F);
  for (const std::span<const float> input : inputs) {
    const float* values = input.data() + at;
    for (std::size_t i = 0; i < size; ++i) out[i] = out[i] + values[i] / n;
  }
}

void olmo_core_mean(const Inputs& inputs, std::size_t at, float* out, std::size_t size) {
  const auto alpha = static_cast<float>(1.0 / static_cast<double>(inputs.size()));
  std::fill_n(out, size, 0.0F);
  for (const std::span<const float> input : inputs) {
    const float* values = input.data() + at;
    for (std::size_t i = 0; i < size; ++i) out[i] = std::fma(alpha, values[i], out[i]);
  }
}

void hf_mean(const Inputs& inputs, std::size_t at, float* out, std::size_t size) {
  const auto n = static_cast<float>(inputs.size());
  std::copy_n(inputs[0].data() + at, size, out);
  for (std::size_t k = 1; k < inputs.size(); ++k) {
    const float* values = inputs[k].data() + at;
    for (std::size_t i = 0; i < size; ++i) out[i] = out[i] + values[i];
  }
  for (std::size_t i = 0; i < size; ++i) out[i] = out[i] / n;
}

}  // namespace

std::optional<MeanFormula> find_mean_formula(std::string_view name) {
  if (name == "exact") return MeanFormula::exact;
  if (name == "olmo") return MeanFormula::olmo;
  if (name == "olmo-core") return MeanFormula::olmo_core;
  if (name == "hf") return MeanFormula::hf;
  return std::nullopt;
}

void mean(MeanFormula formula, const Inputs& inputs, std::span<float> out) {
  REPRO_CHECK(!inputs.empty() && inputs.size() <= kMaxMeanInputs);
  for (const std::span<const float> input : inputs) REPRO_CHECK(input.size() == out.size());
  for (std::size_t at = 0; at < out.size(); at += kBlock) {
    const std::size_t size = std::min(kBlock, out.size() - at);
    float* block = out.data() + at;
    switch (formula) {
      case MeanFormula::exact:
        exact_mean(inputs, at, block, size);
        break;
      case MeanFormula::olmo:
        olmo_mean(inputs, at, block, size);
        break;
      case MeanFormula::olmo_core:
        olmo_core_mean(inputs, at, block, size);
        break;
      case MeanFormula::hf:
        hf_mean(inputs, at, block, size);
        break;
    }
  }
}

std::optional<std::size_t> find_non_finite(std::span<const float> values) {
  constexpr std::uint32_t kExponent = 0x7F800000;
  for (std::size_t at = 0; at < values.size(); at += kBlock) {
    const std::size_t end = std::min(at + kBlock, values.size());
    std::uint32_t found = 0;
    for (std::size_t i = at; i < end; ++i) {
      const std::uint32_t exponent = std::bit_cast<std::uint32_t>(values[i]) & kExponent;
      found |= static_cast<std::uint32_t>(exponent == kExponent);
    }
    if (found == 0) continue;
    return static_cast<std::size_t>(
        std::find_if_not(values.begin() + static_cast<std::ptrdiff_t>(at), values.end(),
                         [](float value) { return std::isfinite(value); }) -
        values.begin());
  }
  return std::nullopt;
}

}  // namespace repro::artifacts

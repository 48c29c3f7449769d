// The mean of tensors, element by element: the operator "merge/1" (docs/arithmetic.md, "The mean of
// weights"). `exact` is the mean of real numbers, rounded once; the other formulas are those by
// which released models were averaged, and depend on the order of the inputs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace repro::artifacts {

enum class MeanFormula : std::uint8_t {
  exact,      // one rounding of the exact mean
  olmo,       // acc = acc + w / N from +0: allenai/OLMo, scripts/olmo_soup.py
  olmo_core,  // acc = fma(1 / N, w, acc) from +0: torch.add with alpha
  hf,         // the sum from the first on, divided by N once
};

// "exact", "olmo", "olmo-core", "hf"; nullopt for other names.
std::optional<MeanFormula> find_mean_formula(std::string_view name);

inline constexpr std::size_t kMaxMeanInputs = std::size_t{1} << 20;

// out[i] of inputs[0][i], inputs[1][i], ...: 1 to kMaxMeanInputs of them, all of the length of
// `out` and finite (Error(internal) but for the latter). The exact mean is finite and does not
// depend on the order; it is zero with a sign, -0, only where every value is -0 or a negative mean
// rounds to it. Formulas but `exact` may overflow to infinity. About the speed of memory, one
// thread.
void mean(MeanFormula formula, const std::vector<std::span<const float>>& inputs,
          std::span<float> out);

// The first NaN or infinity.
std::optional<std::size_t> find_non_finite(std::span<const float> values);

}  // namespace repro::artifacts

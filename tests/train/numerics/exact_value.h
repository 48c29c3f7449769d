// The distance of a function's result from the real value, by MPFR.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

namespace repro::train {

// A one-argument function of the specification; the argument is the bits of a binary32, or the word
// of the normal map.
struct MeasuredFunction {
  const char* name = nullptr;  // as in tests/golden/function_tables.json
  float (*program)(std::uint32_t argument) = nullptr;
  // Has the largest error in a sweep against binary64 over all arguments but those where the
  // function is 0, 1, infinite or a multiple of its argument.
  std::uint32_t hardest = 0;
  float low = 0;  // the function bends in [low, high]; none for the normal map
  float high = 0;
};

// All of them: exp32, log32, tanh32, erf32, sigmoid32, silu32, gelu32, normal32.
const std::array<MeasuredFunction, 8>& measured_functions();

// |program(argument) - real value| in units of the last place of binary32 at the real value (2^-149
// for subnormals; an infinite result counts as 2^128; 0 where both overflow). Nothing where no
// finite real value exists (NaN, infinities, the logarithm of what is not positive): those results
// have tests of their own. Any thread.
std::optional<double> ulp_error(const MeasuredFunction& function, std::uint32_t argument);

}  // namespace repro::train

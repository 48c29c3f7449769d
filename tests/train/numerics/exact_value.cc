#include "tests/train/numerics/exact_value.h"

#include <mpfr.h>

#include <algorithm>
#include <cmath>
#include <string_view>

#include "train/numerics/functions.h"

namespace repro::train {
namespace {

constexpr mpfr_prec_t kPrecision = 96;  // its error is far below 2^-40 ulp of binary32

class Real {
 public:
  Real() { mpfr_init2(value_, kPrecision); }
  ~Real() { mpfr_clear(value_); }
  Real(const Real&) = delete;
  Real& operator=(const Real&) = delete;
  mpfr_ptr get() { return value_; }

 private:
  mpfr_t value_{};
};

// y = 1 + e^-x.
void one_plus_exp(mpfr_ptr y, mpfr_srcptr x) {
  mpfr_neg(y, x, MPFR_RNDN);
  mpfr_exp(y, y, MPFR_RNDN);
  mpfr_add_ui(y, y, 1, MPFR_RNDN);
}

// y = x * erfc(-x / sqrt(2)) / 2.
void gelu(mpfr_ptr y, mpfr_srcptr x) {
  Real root;
  mpfr_sqrt_ui(root.get(), 2, MPFR_RNDN);
  mpfr_div(y, x, root.get(), MPFR_RNDN);
  mpfr_neg(y, y, MPFR_RNDN);
  mpfr_erfc(y, y, MPFR_RNDN);
  mpfr_mul(y, y, x, MPFR_RNDN);
  mpfr_div_2ui(y, y, 1, MPFR_RNDN);
}

// y = |quantile of word|: one step of Newton from z, whose own error is about 2^-22, leaves 2^-40.
void quantile(mpfr_ptr y, std::uint32_t word, float z) {
  const std::uint32_t j = (word << 1) | 1U;
  Real t, slope;
  mpfr_sqrt_ui(t.get(), 2, MPFR_RNDN);
  mpfr_set_flt(y, std::fabs(z), MPFR_RNDN);
  mpfr_div(t.get(), y, t.get(), MPFR_RNDN);
  mpfr_sqr(slope.get(), t.get(), MPFR_RNDN);
  mpfr_neg(slope.get(), slope.get(), MPFR_RNDN);
  mpfr_exp(slope.get(), slope.get(), MPFR_RNDN);
  if (std::fabs(z) < 1) {  // the surplus P(|Z| < z) - j * 2^-32, without cancellation near 0
    mpfr_erf(t.get(), t.get(), MPFR_RNDN);
  } else {
    mpfr_erfc(t.get(), t.get(), MPFR_RNDN);
    mpfr_ui_sub(t.get(), 1, t.get(), MPFR_RNDN);
  }
  mpfr_sub_d(t.get(), t.get(), j * 0x1p-32, MPFR_RNDN);
  mpfr_div(t.get(), t.get(), slope.get(), MPFR_RNDN);
  mpfr_const_pi(slope.get(), MPFR_RNDN);
  mpfr_div_2ui(slope.get(), slope.get(), 1, MPFR_RNDN);
  mpfr_sqrt(slope.get(), slope.get(), MPFR_RNDN);
  mpfr_mul(t.get(), t.get(), slope.get(), MPFR_RNDN);
  mpfr_sub(y, y, t.get(), MPFR_RNDN);
  if ((word >> 31) != 0) mpfr_neg(y, y, MPFR_RNDN);
}

// The real value; false where there is none.
bool real_value(mpfr_ptr y, std::string_view name, std::uint32_t argument, float result) {
  if (name == "normal32") {
    quantile(y, argument, result);
    return true;
  }
  const float argument32 = from_bits(argument);
  if (!std::isfinite(argument32) || (name == "log32" && argument32 <= 0)) return false;
  Real x;
  mpfr_set_flt(x.get(), argument32, MPFR_RNDN);
  if (name == "exp32") mpfr_exp(y, x.get(), MPFR_RNDN);
  if (name == "log32") mpfr_log(y, x.get(), MPFR_RNDN);
  if (name == "tanh32") mpfr_tanh(y, x.get(), MPFR_RNDN);
  if (name == "erf32") mpfr_erf(y, x.get(), MPFR_RNDN);
  if (name == "gelu32") gelu(y, x.get());
  if (name == "sigmoid32" || name == "silu32") {
    one_plus_exp(y, x.get());
    if (name == "sigmoid32") mpfr_ui_div(y, 1, y, MPFR_RNDN);
    if (name == "silu32") mpfr_div(y, x.get(), y, MPFR_RNDN);
  }
  return true;
}

}  // namespace

const std::array<MeasuredFunction, 8>& measured_functions() {
  static constexpr std::array<MeasuredFunction, 8> kFunctions = {{
      {"exp32", [](std::uint32_t bits) { return exp32(from_bits(bits)); }, 0xC0BB2813, -20, 20},
      {"log32", [](std::uint32_t bits) { return log32(from_bits(bits)); }, 0x3FB3C59F, 0, 4},
      {"tanh32", [](std::uint32_t bits) { return tanh32(from_bits(bits)); }, 0x3F214812, -10, 10},
      {"erf32", [](std::uint32_t bits) { return erf32(from_bits(bits)); }, 0x3F877C52, -4, 4},
      {"sigmoid32", [](std::uint32_t bits) { return sigmoid32(from_bits(bits)); }, 0xC09B1629, -20,
       20},
      {"silu32", [](std::uint32_t bits) { return silu32(from_bits(bits)); }, 0xC0A50AD0, -20, 20},
      {"gelu32", [](std::uint32_t bits) { return gelu32(from_bits(bits)); }, 0xBFB85456, -15, 15},
      {"normal32", [](std::uint32_t word) { return normal32(word); }, 0x7A27B244},
  }};
  return kFunctions;
}

std::optional<double> ulp_error(const MeasuredFunction& function, std::uint32_t argument) {
  const float result = function.program(argument);
  Real want;
  if (!real_value(want.get(), function.name, argument, result)) return std::nullopt;
  const mpfr_ptr y = want.get();
  const double got = std::isinf(result) ? std::copysign(0x1p128, result) : result;
  // Beyond the finite numbers there is no finer target than infinity.
  if (std::isinf(result) && mpfr_get_d(y, MPFR_RNDN) / got >= 1) return 0;
  const std::int64_t exponent =
      mpfr_zero_p(y) ? -126 : std::max<std::int64_t>(mpfr_get_exp(y) - 1, -126);
  Real error;
  mpfr_sub_d(error.get(), y, got, MPFR_RNDN);
  mpfr_abs(error.get(), error.get(), MPFR_RNDN);
  mpfr_mul_2si(error.get(), error.get(), 23 - exponent, MPFR_RNDN);
  const double ulp = mpfr_get_d(error.get(), MPFR_RNDU);
  return std::isnan(ulp) ? HUGE_VAL : ulp;
}

}  // namespace repro::train

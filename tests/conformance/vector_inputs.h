// Inputs of golden vectors: a fixed stream, so that files can be written anew with the same inputs.
#pragma once

#include <cmath>
#include <cstdint>
#include <string_view>
#include <vector>

#include "train/numerics/philox.h"

namespace repro::train {

// What makes rounding, ties, underflow and overflow of shared exponents happen.
enum class Kind { normal, subnormal, huge, spread, zeros, ties, outlier, equal };
inline constexpr Kind kAllKinds[] = {Kind::normal, Kind::subnormal, Kind::huge,    Kind::spread,
                                     Kind::zeros,  Kind::ties,      Kind::outlier, Kind::equal};
inline constexpr std::string_view kKindNames[] = {"normal", "subnormal", "huge",    "spread",
                                                  "zeros",  "ties",      "outlier", "equal"};
inline std::string_view name_of(Kind kind) { return kKindNames[static_cast<int>(kind)]; }

class Inputs {
 public:
  explicit Inputs(std::string_view purpose) : key_(stream_key(0, purpose)) {}

  std::uint32_t word() { return random_word(key_, next_++); }
  std::uint64_t word64() { return std::uint64_t{word()} << 32 | word(); }
  std::int64_t below(std::int64_t n) { return static_cast<std::int64_t>(word() % n); }

  // About a normal distribution's, within +-3.5.
  float gauss() {
    std::int64_t sum = -(std::int64_t{1} << 33);
    for (int i = 0; i < 4; ++i) sum += word();
    return static_cast<float>(static_cast<double>(sum) * 0x1.bb67ae8584caap-32);
  }

  float value(Kind kind, std::int64_t i) {
    const float g = gauss();
    switch (kind) {
      case Kind::normal:
        return g;
      case Kind::subnormal:
        return g * 0x1p-140F;
      case Kind::huge:
        return g * 0x1p120F;
      case Kind::spread:
        return std::ldexp(g, static_cast<int>(below(40)) - 20);
      case Kind::zeros:
        return below(4) == 0 ? g : (below(2) == 0 ? 0.0F : -0.0F);
      case Kind::ties:  // halves of a q15 and of a q31 digit
        return i == 0 ? 1.0F : static_cast<float>(below(4001) - 2000) * 0x1p-14F;
      case Kind::outlier:
        return i == 3 ? 3000 * g : g;
      case Kind::equal:
        return 0.3F;
    }
    return 0;
  }

  std::vector<float> floats(Kind kind, std::int64_t count, float scale = 1) {
    std::vector<float> values;
    for (std::int64_t i = 0; i < count; ++i) values.push_back(value(kind, i) * scale);
    return values;
  }
  // rows of `cols`; the kind holds within a row.
  std::vector<float> matrix(Kind kind, std::int64_t rows, std::int64_t cols, float scale = 1) {
    std::vector<float> values;
    for (std::int64_t i = 0; i < rows * cols; ++i) values.push_back(value(kind, i % cols) * scale);
    return values;
  }

 private:
  std::uint64_t key_;
  std::uint64_t next_ = 0;
};

}  // namespace repro::train

#include "train/kernels/float_environment.h"

#include <cfenv>
#include <cstdint>
#include <limits>

#include "artifacts/base/error.h"

namespace repro::train {
namespace {

struct Fault {
  std::uint64_t bits;
  const char* name;
};

#if defined(__x86_64__)
constexpr Fault kFaults[] = {
    {0x8000, "flush-to-zero"}, {0x0040, "denormals-are-zero"}, {0x6000, "rounding mode"}};
std::uint64_t control_register() { return __builtin_ia32_stmxcsr(); }
#elif defined(__aarch64__)
// FPCR: FZ; FIZ and AH (Armv8.7); RMode. FZ16 and DN touch half precision and NaN payloads only.
constexpr Fault kFaults[] = {{std::uint64_t{1} << 24, "flush-to-zero"},
                             {0x1, "denormals-are-zero"},
                             {0x2, "alternate handling"},
                             {std::uint64_t{3} << 22, "rounding mode"}};
std::uint64_t control_register() {
  std::uint64_t value = 0;
  asm volatile("mrs %0, fpcr" : "=r"(value));
  return value;
}
#else
constexpr Fault kFaults[] = {{1, "rounding mode"}};
std::uint64_t control_register() { return std::fegetround() == FE_TONEAREST ? 0 : 1; }
#endif

bool keeps_subnormals() {
  volatile float smallest_normal = std::numeric_limits<float>::min();
  volatile float subnormal = std::numeric_limits<float>::denorm_min();
  return smallest_normal * 0.5F != 0 && subnormal * 16777216.0F != 0;
}

}  // namespace

bool float_environment_is_default() {
  std::uint64_t all = 0;
  for (const Fault& fault : kFaults) all |= fault.bits;
  return (control_register() & all) == 0;
}

std::string float_environment_faults() {
  const std::uint64_t value = control_register();
  std::string names;
  for (const Fault& fault : kFaults) {
    if ((value & fault.bits) == 0) continue;
    names += (names.empty() ? "" : ", ") + std::string(fault.name);
  }
  return names;
}

void check_float_environment(int thread) {
  std::string faults = float_environment_faults();
  if (std::fegetround() != FE_TONEAREST && faults.empty()) faults = "rounding mode";
  if (!keeps_subnormals() && faults.empty()) faults = "flush-to-zero";
  if (faults.empty()) return;
  throw Error(Code::environment,
              "the floating-point environment of thread " + std::to_string(thread) +
                  " is not the default one: " + faults,
              "a library of this process changed it; run without that library (see LD_PRELOAD), or "
              "keep it from setting flush-to-zero, denormals-are-zero or a rounding mode");
}

}  // namespace repro::train

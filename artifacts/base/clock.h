// The seam for time. Nothing that is hashed into a derivation, state or log may use it; telemetry
// and notes do.
#pragma once

#include <cstdint>
#include <string>

namespace repro {

class Clock {
 public:
  virtual ~Clock() = default;
  // Nanoseconds since 1970-01-01 UTC.
  virtual std::int64_t now_ns() = 0;
  // Monotonic nanoseconds, for durations.
  virtual std::int64_t monotonic_ns() = 0;
};

Clock& system_clock();

// "2026-11-25T03:09:33Z".
std::string utc_text(std::int64_t ns_since_epoch);

}  // namespace repro

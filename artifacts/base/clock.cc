#include "artifacts/base/clock.h"

#include <array>
#include <chrono>
#include <ctime>

namespace repro {
namespace {

class SystemClock final : public Clock {
 public:
  std::int64_t now_ns() override { return count(std::chrono::system_clock::now()); }
  std::int64_t monotonic_ns() override { return count(std::chrono::steady_clock::now()); }

 private:
  template <class Point>
  static std::int64_t count(Point point) {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(point.time_since_epoch()).count();
  }
};

}  // namespace

Clock& system_clock() {
  static SystemClock instance;
  return instance;
}

std::string utc_text(std::int64_t ns_since_epoch) {
  const auto seconds = static_cast<std::time_t>(ns_since_epoch / 1'000'000'000);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  std::array<char, 32> text{};
  const std::size_t size = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return std::string(text.data(), size);
}

}  // namespace repro

#include "cli/progress.h"

#include <fmt/format.h>

#include <algorithm>

namespace repro::cli {
namespace {

constexpr std::int64_t kRedrawNs = 200'000'000;  // 5 Hz
constexpr std::int64_t kLineNs = 1'000'000'000;  // between plain lines, so that short work has few
constexpr std::uint64_t kBarCells = 24;

}  // namespace

ProgressBar::ProgressBar(Io& io, Clock& clock, std::string label, std::string unit)
    : io_(&io), clock_(&clock), label_(std::move(label)), unit_(std::move(unit)) {}

ProgressBar::~ProgressBar() { clear(); }

void ProgressBar::clear() {
  if (visible_) io_->error_raw("\r\033[K");
  if (visible_) drawn_ns_ = 0;
  visible_ = false;
}

std::string ProgressBar::rate_text(std::uint64_t done, double seconds) const {
  if (seconds <= 0 || done <= first_done_) return "";
  const double rate = static_cast<double>(done - first_done_) / seconds;
  if (unit_ == "bytes") return bytes_text(static_cast<std::uint64_t>(rate)) + "/s";
  return fmt::format("{:.{}f} {}/s", rate, rate < 10 ? 2 : 0, unit_);
}

void ProgressBar::update(std::uint64_t done, std::uint64_t total, std::string_view detail) {
  if (io_->json() || total == 0) return;
  const std::int64_t now = clock_->monotonic_ns();
  if (!begun_) {
    begun_ = true;
    started_ns_ = now;
    if (!io_->error_terminal()) drawn_ns_ = now;
    first_done_ = done;
    last_tenth_ = done * 10 / total;
    return;
  }
  const double seconds = static_cast<double>(now - started_ns_) * 1e-9;
  std::string numbers = unit_ == "bytes"
                            ? fmt::format("{} of {}", bytes_text(done), bytes_text(total))
                            : fmt::format("{}/{}", done, total);
  const std::string rate = rate_text(done, seconds);
  if (!rate.empty()) {
    const double left = seconds * static_cast<double>(total - std::min(done, total)) /
                        static_cast<double>(done - first_done_);
    numbers += fmt::format("  {}  {} left", rate, duration_text(left));
  }
  if (!detail.empty()) numbers += fmt::format("  {}", detail);
  if (!io_->error_terminal()) {
    const std::uint64_t tenth = done * 10 / total;
    if (tenth == last_tenth_ || now - drawn_ns_ < kLineNs) return;
    io_->note(fmt::format("{} {}", label_, numbers));
    last_tenth_ = tenth;
    drawn_ns_ = now;
    return;
  }
  if (drawn_ns_ != 0 && now - drawn_ns_ < kRedrawNs) return;
  drawn_ns_ = now;
  visible_ = true;
  const std::uint64_t filled = std::min(done, total) * kBarCells / total;
  io_->error_raw(fmt::format("\r\033[K{} [{}{}] {}", label_, std::string(filled, '='),
                             std::string(kBarCells - filled, ' '), numbers));
}

}  // namespace repro::cli

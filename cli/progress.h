// A progress bar with rate and time left on a terminal (standard error, at most 5 Hz); elsewhere a
// plain line about every tenth of the way; nothing under --json.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "artifacts/base/clock.h"
#include "cli/io.h"

namespace repro::cli {

class ProgressBar {
 public:
  // `unit` is plural: "steps", "bytes" (shown as MiB/s).
  ProgressBar(Io& io, Clock& clock, std::string label, std::string unit);
  // Wipes the bar.
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  // The first call only says where the work starts (for the rate). `detail` follows the numbers
  // ("loss 2.31").
  void update(std::uint64_t done, std::uint64_t total, std::string_view detail = "");
  // Wipes the bar so that a line can be printed; the next update draws it again.
  void clear();

 private:
  std::string rate_text(std::uint64_t done, double seconds) const;

  Io* io_;
  Clock* clock_;
  std::string label_;
  std::string unit_;
  std::int64_t started_ns_ = 0;
  std::int64_t drawn_ns_ = 0;
  std::uint64_t first_done_ = 0;
  std::uint64_t last_tenth_ = 0;
  bool begun_ = false;
  bool visible_ = false;
};

}  // namespace repro::cli

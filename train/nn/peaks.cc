#include "train/nn/peaks.h"

#include <algorithm>
#include <cmath>

namespace repro::train {
namespace {

constexpr std::int64_t kRowGrain = 64;

}  // namespace

double Peak::rms() const { return rows == 0 ? 0 : std::sqrt(sum_rms2 / static_cast<double>(rows)); }

Peak& Peaks::entry(std::string_view tensor) {
  const auto found = std::find_if(list_.begin(), list_.end(),
                                  [&](const Peak& peak) { return peak.tensor == tensor; });
  if (found != list_.end()) return *found;
  list_.emplace_back().tensor = tensor;
  return list_.back();
}

void Peaks::observe(std::string_view tensor, const float* x, std::int64_t rows, std::int64_t cols,
                    std::int64_t ld, const RowKernels& kernels, Parallel& parallel) {
  std::vector<RowPeak> seen(static_cast<std::size_t>(rows));
  parallel.run_ranges(rows, kRowGrain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) {
      seen[static_cast<std::size_t>(r)] = {kernels.max_abs(x + r * ld, cols),
                                           kernels.sumsq(x + r * ld, cols)};
    }
  });
  observe(tensor, cols, seen);
}

void Peaks::observe(std::string_view tensor, std::int64_t cols, std::span<const RowPeak> rows) {
  Peak& peak = entry(tensor);
  peak.rows += static_cast<std::int64_t>(rows.size());
  for (const RowPeak& row : rows) {
    const double mean_square = static_cast<double>(row.sum_squares) / static_cast<double>(cols);
    peak.max = std::max(peak.max, row.max);
    peak.sum_rms2 += mean_square;
    if (mean_square > 0) {
      peak.ratio = std::max(peak.ratio, static_cast<double>(row.max) / std::sqrt(mean_square));
    }
  }
}

}  // namespace repro::train

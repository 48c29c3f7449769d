// How far the largest entry of a linear map's input stands above the rest, while somebody looks:
// the known weak spot of q15 (docs/formats.md, "Logs"). Telemetry: nothing is computed from
// it. Legend: R rows (tokens), I inputs.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "train/kernels/parallel.h"
#include "train/kernels/row_kernels.h"

namespace repro::train {

// One tensor, over all rows seen.
struct Peak {
  std::string tensor;
  float max = 0;        // largest |x|
  double ratio = 0;     // largest max |x| / rms of one row; 0 where all rows are zero
  double sum_rms2 = 0;  // sum of the rows' mean squares
  std::int64_t rows = 0;

  // Root mean square of all entries.
  double rms() const;
};

// Of one row.
struct RowPeak {
  float max = 0;          // max |x|
  float sum_squares = 0;  // sum31 of x * x
};

class Peaks {
 public:
  // Adds finite x [R, I] (`ld` elements from row to row) to the entry of `tensor`. Rows are looked
  // at on all threads and added in their order, so the figures depend on neither threads nor
  // micro-batches. Thread rules: one caller at a time.
  void observe(std::string_view tensor, const float* x, std::int64_t rows, std::int64_t cols,
               std::int64_t ld, const RowKernels& kernels, Parallel& parallel);
  // The same of rows of `cols` elements, looked at elsewhere.
  void observe(std::string_view tensor, std::int64_t cols, std::span<const RowPeak> rows);

  // In the order in which they were first seen.
  const std::vector<Peak>& list() const { return list_; }

 private:
  Peak& entry(std::string_view tensor);

  std::vector<Peak> list_;
};

// A context notes peaks while this lives.
template <class Context>
class NotingPeaks {
 public:
  NotingPeaks(Context& context, Peaks* peaks) : context_(context) { context.peaks = peaks; }
  ~NotingPeaks() { context_.peaks = nullptr; }
  NotingPeaks(const NotingPeaks&) = delete;
  NotingPeaks& operator=(const NotingPeaks&) = delete;

 private:
  Context& context_;
};

}  // namespace repro::train

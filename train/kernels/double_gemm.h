// Exact products by any binary64 matrix product: every partial sum of S is below 2^53, so it is
// exact in whatever order, block or fused form that product works.
#pragma once

#include <string_view>

#include "train/kernels/gemm.h"
#include "train/kernels/tile_kernels.h"

namespace repro::train {

// c[m,n] = a[m,k] * b[n,k]^T in plain loops. Any thread; keeps a buffer per thread.
void plain_double_gemm(std::int64_t m, std::int64_t n, std::int64_t k, const double* a,
                       const double* b, double* c);

// Calls `multiply` from several threads at once, each on a block of at most 128 x 128 x 1024.
class DoublePath : public GemmPath {
 public:
  DoublePath(DoubleGemm multiply, const EpilogueKernels& epilogue)
      : multiply_(multiply), epilogue_(epilogue) {}

  std::string_view name() const override { return "fp64"; }
  void run(std::int64_t m, std::int64_t n, std::int64_t k, const DigitView& a, const DigitView& b,
           const GemmOutput& output, Parallel& parallel) const override;

 private:
  DoubleGemm multiply_;
  EpilogueKernels epilogue_;
};

}  // namespace repro::train

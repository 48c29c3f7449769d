// The driver of integer products: cuts a product into pieces that fit the caches, packs the
// operands and deals rectangles of C to threads. Nothing here can change a bit: S is exact in any
// order.
#pragma once

#include <string_view>

#include "train/kernels/gemm.h"
#include "train/kernels/tile_kernels.h"

namespace repro::train {

class PackedGemm : public GemmPath {
 public:
  // Keeps the reference.
  explicit PackedGemm(const PackedKernels& kernels) : kernels_(kernels) {}

  std::string_view name() const override { return kernels_.name; }
  void run(std::int64_t m, std::int64_t n, std::int64_t k, const DigitView& a, const DigitView& b,
           const GemmOutput& output, Parallel& parallel) const override;

 private:
  const PackedKernels& kernels_;
};

}  // namespace repro::train

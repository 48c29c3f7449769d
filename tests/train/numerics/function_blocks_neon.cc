// The functions compiled for AArch64, vectorised.
#include "tests/train/numerics/function_blocks_table.h"

namespace repro::train {

const FunctionBlocks* find_neon_function_blocks() {
  static constexpr FunctionBlocks kBlocks = make_function_blocks("neon");
  return &kBlocks;
}

}  // namespace repro::train

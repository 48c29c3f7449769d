// The functions compiled for the baseline of the architecture.
#include "tests/train/numerics/function_blocks_table.h"

namespace repro::train {

const FunctionBlocks* find_scalar_function_blocks() {
  static constexpr FunctionBlocks kBlocks = make_function_blocks("scalar");
  return &kBlocks;
}

}  // namespace repro::train

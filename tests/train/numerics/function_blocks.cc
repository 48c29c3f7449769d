#include "tests/train/numerics/function_blocks.h"

namespace repro::train {

std::vector<const FunctionBlocks*> available_function_blocks() {
  std::vector<const FunctionBlocks*> all = {find_scalar_function_blocks()};
#if defined(__x86_64__)
  all.push_back(find_avx2_function_blocks());
  all.push_back(find_avx512_function_blocks());
#endif
  std::erase(all, nullptr);
  return all;
}

}  // namespace repro::train

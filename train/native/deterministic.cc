#include "train/native/deterministic.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>

#include "artifacts/base/error.h"

namespace repro::train {

void set_deterministic(int threads) {
  at::Context& context = at::globalContext();
  context.setDeterministicAlgorithms(true, false);
  context.setDeterministicCuDNN(true);
  context.setBenchmarkCuDNN(false);
  at::set_num_threads(threads);
  const bool kept = context.deterministicAlgorithms() &&
                    !context.deterministicAlgorithmsWarnOnly() && context.deterministicCuDNN() &&
                    !context.benchmarkCuDNN() && at::get_num_threads() == threads;
  if (!kept) {
    throw Error(Code::environment, "LibTorch does not keep its deterministic switches");
  }
}

}  // namespace repro::train

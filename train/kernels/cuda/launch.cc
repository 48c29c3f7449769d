#include "train/kernels/cuda/launch.h"

namespace repro::train {

int launch(const Program& program, const Launch& how) {
  return std::visit([&](const auto& args) { return detail::start(args, how); }, program);
}

}  // namespace repro::train

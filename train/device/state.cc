#include "train/device/state.h"

namespace repro::train {

void DeviceState::upload(const Parameters& parameters) {
  weights.upload(parameters.weights.span());
  exp_avg.upload(parameters.exp_avg.span());
  exp_avg_sq.upload(parameters.exp_avg_sq.span());
  gradient.resize(parameters.total());
}

void DeviceState::download(Parameters& parameters) const {
  for (const auto& [from, to] :
       {std::pair(&weights, &parameters.weights), std::pair(&exp_avg, &parameters.exp_avg),
        std::pair(&exp_avg_sq, &parameters.exp_avg_sq)}) {
    from->download(to->span());
  }
}

}  // namespace repro::train

#include "train/device/optimizer.h"

namespace repro::train {
namespace {

Sum192 sum_squares(DeviceContext& context, const DeviceArray<std::int64_t>& values) {
  SumSquaresBatch squares{values.data(), values.size(), nullptr};
  DeviceArray<Sum192> parts(context.device, unit_count(squares));
  DeviceArray<Sum192> total(context.device, 1);
  squares.parts = parts.data();
  context.device.run(squares);
  context.device.run(SumPartsBatch{parts.data(), parts.size(), total.data()});
  return total.download().front();
}

}  // namespace

double gradient_norm(DeviceContext& context, std::int64_t unit, std::int64_t normalizer,
                     const DeviceState& state) {
  context.device.enter({context.step, "gradient"});
  return norm_of_squares(sum_squares(context, state.gradient), unit, normalizer);
}

void device_adamw(DeviceContext& context, std::int64_t unit, const UpdateConstants& constants,
                  double norm, const Parameters& layout, DeviceState& state) {
  const float clip = clip_factor(norm, constants.clip_norm);
  for (const Parameter& tensor : layout.tensors) {
    context.device.enter({context.step, tensor.name});
    AdamwArgs args = adamw_args(unit, constants, clip, tensor.role);
    args.w = state.weights.data() + tensor.offset;
    args.m = state.exp_avg.data() + tensor.offset;
    args.v = state.exp_avg_sq.data() + tensor.offset;
    args.gradient = state.gradient.data() + tensor.offset;
    args.count = tensor.count;
    context.device.run(args);
    context.device.run(
        FindNonFiniteBatch{args.w, args.count, context.watch_finite("adamw", tensor.name)});
  }
}

}  // namespace repro::train

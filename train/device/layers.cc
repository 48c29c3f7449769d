#include "train/device/layers.h"

namespace repro::train {

void norm_forward(DeviceContext& context, std::string_view tensor, const NormShape& shape,
                  const NormForward& args) {
  context.device.enter({context.step, tensor});
  RmsNormArgs norm;
  norm.x = args.x;
  norm.gain = args.gain;
  norm.rows = shape.rows;
  norm.cols = shape.width;
  norm.ld_x = args.ld_x;
  norm.ld_y = shape.width;
  norm.epsilon = shape.epsilon;
  norm.residual = args.residual;
  norm.y = args.y;
  norm.r = args.r;
  context.device.run(norm);
}

void norm_backward(DeviceContext& context, const NormShape& shape, const NormBackward& args,
                   const GradientSink& sink) {
  context.device.enter({context.step, sink.tensor});
  RmsNormBackwardBatch norm;
  norm.rows.dy = args.dy;
  norm.rows.x = args.x;
  norm.rows.gain = args.gain;
  norm.rows.r = args.r;
  norm.rows.rows = shape.rows;
  norm.rows.cols = shape.width;
  norm.rows.ld_x = args.ld_x;
  norm.rows.ld_y = shape.width;
  norm.rows.ld_dx = args.ld_dx;
  norm.rows.dx = args.dx;
  norm.rows.gain_units = sink.units;
  norm.rows.unit = sink.unit;
  norm.rows.limit = sink.limit;
  norm.first_overflow = context.watch_gradient(sink.tensor, shape.width);
  context.device.run(norm);
}

void rotate(DeviceContext& context, const RotateShape& shape, const DeviceRope& rope, float* x,
            bool backward) {
  for (std::int64_t sequence = 0; sequence < shape.sequences; ++sequence) {
    RopeArgs args;
    args.rows = shape.length;
    args.heads = shape.heads;
    args.head_dim = shape.head_dim;
    args.ld = shape.ld;
    args.x = x + sequence * shape.length * args.ld;
    args.cosines = rope.cosines.data();
    args.sines = rope.sines.data();
    args.backward = backward;
    context.device.run(args);
  }
}

}  // namespace repro::train

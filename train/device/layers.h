// What stands between the products of a layer, on a device: the same row programs as the CPU's,
// queued. Legend: R rows, D width.
#pragma once

#include <cstdint>
#include <string_view>

#include "train/device/linear.h"

namespace repro::train {

// x [R, width] with leading dimension.
struct NormShape {
  std::int64_t rows = 0;
  std::int64_t width = 0;
  float epsilon = 0;
};

// y [R, width] (packed) = residual + rms(x) * gain; residual (packed) may be null or y. r [R] is
// kept for backward.
struct NormForward {
  const float* x = nullptr;
  std::int64_t ld_x = 0;
  const float* gain = nullptr;
  const float* residual = nullptr;
  float* y = nullptr;
  float* r = nullptr;
};
void norm_forward(DeviceContext& context, std::string_view tensor, const NormShape& shape,
                  const NormForward& args);

// dx (may be dy where ld_dx is width) and the gain's gradient, added to the sink.
struct NormBackward {
  const float* dy = nullptr;  // packed
  const float* x = nullptr;
  std::int64_t ld_x = 0;
  const float* gain = nullptr;
  const float* r = nullptr;
  float* dx = nullptr;
  std::int64_t ld_dx = 0;
};
void norm_backward(DeviceContext& context, const NormShape& shape, const NormBackward& args,
                   const GradientSink& sink);

// cos and sin of RoPE (docs/arithmetic.md), [positions, head_dim / 2] each.
struct DeviceRope {
  explicit DeviceRope(Device& device) : cosines(device), sines(device) {}

  DeviceArray<float> cosines;
  DeviceArray<float> sines;
};

// Rotates x [sequences * length, heads * head_dim], `ld` elements from row to row, in place.
struct RotateShape {
  std::int64_t sequences = 0, length = 0, heads = 0, head_dim = 0, ld = 0;
};
void rotate(DeviceContext& context, const RotateShape& shape, const DeviceRope& rope, float* x,
            bool backward);

}  // namespace repro::train

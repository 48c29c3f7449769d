// A warp as the group of lanes that works on a row (lanes.h, row_programs.h). All 32 lanes stay
// together: the programs branch on what the whole warp knows.
#pragma once

#include <cstdint>

#include "train/kernels/cuda/grid.h"

namespace repro::train {

class DeviceWarp {
 public:
  __device__ DeviceWarp() : place_(warp_place(blockIdx.x, gridDim.x, threadIdx.x)) {}

  __device__ std::int64_t first() const { return place_.lane; }
  __device__ static constexpr std::int64_t stride() { return kWarpLanes; }
  __device__ std::int64_t warp() const { return place_.warp; }
  __device__ std::int64_t warps() const { return place_.warps; }

  // A reduction parts two passes over a row. Shuffles order no memory; __syncwarp does, so what a
  // lane read in the first pass (the target's logit) no other lane has overwritten in the second.
  __device__ static std::int64_t sum(std::int64_t value) {
    __syncwarp();
    for (int distance = kWarpLanes / 2; distance > 0; distance /= 2) {
      value += __shfl_xor_sync(kAllLanes, value, distance);
    }
    return value;
  }
  __device__ static std::int32_t max(std::int32_t value) {
    __syncwarp();
    return __reduce_max_sync(kAllLanes, value);
  }
  // Integer sums and minima: the order in which warps arrive is free.
  __device__ static void add(std::int64_t* total, std::int64_t value) {
    atomicAdd(reinterpret_cast<unsigned long long*>(total), static_cast<unsigned long long>(value));
  }
  __device__ static void lower(std::int64_t* least, std::int64_t value) {
    atomicMin(reinterpret_cast<long long*>(least), static_cast<long long>(value));
  }
  __device__ static void raise(std::int32_t* most, std::int32_t value) { atomicMax(most, value); }

 private:
  static constexpr unsigned kAllLanes = 0xFFFFFFFFU;

  WarpPlace place_;
};

}  // namespace repro::train

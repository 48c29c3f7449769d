// Exact int8 products of cuBLASLt, a library of 540 MB that is loaded when the first product is
// asked for. It is looked for
//   where REPRO_CUBLASLT names a file, and then nowhere else;
//   beside librepro_cuda.so, where a build puts a link to the one whose headers it read;
//   where the loader looks (LD_LIBRARY_PATH, ldconfig), as libcublasLt.so.13.
//
// Any algorithm gives the same sums, so the library's first choice is taken. Untested on hardware.
// Ownership: one a device; thread rules: those of the device.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "train/device/device.h"
#include "train/kernels/cuda/launch.h"

namespace repro::train {

class Int8Products {
 public:
  // What the library may use beside the operands.
  static constexpr std::size_t kWorkspaceBytes = std::size_t{32} << 20;

  // Error(environment) where the library is not there, or is too old to have what is called.
  Int8Products();
  ~Int8Products();
  Int8Products(const Int8Products&) = delete;
  Int8Products& operator=(const Int8Products&) = delete;

  std::string version() const;  // "13.1.0"

  // Queues the three products of device.h. The workspace belongs to them until they are done.
  // Error(environment) with what the library says, without place in the step.
  void queue(const DigitProduct& product, CudaStream stream, void* workspace);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace repro::train

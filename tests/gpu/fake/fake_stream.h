// A queue that does its work when it is waited for, so that what a device queues, in which order
// and from which memory, is tested without a GPU: shared by the stand-ins for CUDA's runtime
// (fake_cuda.cc) and for cuBLASLt (fake_cublaslt.cc), which read the real headers.
#pragma once

#include <deque>
#include <functional>

struct CUstream_st {
  std::deque<std::function<void()>> work;
  int failure = 0;  // a cudaError_t, for ever

  void finish() {
    while (!work.empty() && failure == 0) {
      work.front()();
      work.pop_front();
    }
  }
};

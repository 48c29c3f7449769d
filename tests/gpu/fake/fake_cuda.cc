// What train/device/cuda asks of CUDA's runtime and of launch.h, on the CPU. Programs run as one
// lane; a gather without an index is the kernel that fails. FAKE_CUDA decides what is found:
// no_driver, old_driver, no_device, old_device; else a good one.
#include <cuda_runtime.h>

#include <cstdlib>
#include <cstring>
#include <map>
#include <string>

#include "artifacts/base/environment.h"
#include "tests/gpu/fake/fake_stream.h"
#include "tests/train/rows/serial_warp.h"
#include "train/kernels/cuda/launch.h"

namespace {

constexpr std::size_t kTotalBytes = std::size_t{1} << 30;

std::map<void*, std::size_t> blocks;

bool found(const char* what) { return repro::find_environment("FAKE_CUDA") == what; }

std::size_t used_bytes() {
  std::size_t used = 0;
  for (const auto& [data, bytes] : blocks) used += bytes;
  return used;
}

// The queue's failure comes back from whatever is called next.
cudaError_t queue(cudaStream_t stream, std::function<void()> work) {
  stream->work.push_back(std::move(work));
  return static_cast<cudaError_t>(stream->failure);
}

}  // namespace

extern "C" {

const char* cudaGetErrorName(cudaError_t) { return "cudaErrorFake"; }
const char* cudaGetErrorString(cudaError_t) { return "what the stand-in says"; }
cudaError_t cudaDriverGetVersion(int* version) {
  *version = found("no_driver") ? 0 : found("old_driver") ? 12040 : 13000;
  return cudaSuccess;
}
cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = 13000;
  return cudaSuccess;
}
cudaError_t cudaGetDeviceCount(int* count) {
  if (found("no_driver") || found("old_driver")) return cudaErrorInsufficientDriver;
  if (found("no_device")) return cudaErrorNoDevice;
  *count = 1;
  return cudaSuccess;
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int) {
  *properties = {};
  std::strcpy(properties->name, "Stand-in");
  properties->major = found("old_device") ? 7 : 9;
  return cudaSuccess;
}
cudaError_t cudaSetDevice(int) { return cudaSuccess; }

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  *stream = std::make_unique<CUstream_st>().release();
  return cudaSuccess;
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  const std::unique_ptr<CUstream_st> owned(stream);
  owned->finish();
  return cudaSuccess;
}
cudaError_t cudaStreamQuery(cudaStream_t stream) {
  if (stream->failure != 0) return static_cast<cudaError_t>(stream->failure);
  return stream->work.empty() ? cudaSuccess : cudaErrorNotReady;
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  stream->finish();
  return static_cast<cudaError_t>(stream->failure);
}

cudaError_t cudaHostAlloc(void** data, std::size_t bytes, unsigned) {
  *data = std::calloc(1, bytes);
  return cudaSuccess;
}
cudaError_t cudaHostGetDevicePointer(void** device, void* host, unsigned) {
  *device = host;
  return cudaSuccess;
}
cudaError_t cudaFreeHost(void* data) {
  std::free(data);
  return cudaSuccess;
}

cudaError_t cudaDeviceGetDefaultMemPool(cudaMemPool_t* pool, int) {
  *pool = nullptr;
  return cudaSuccess;
}
cudaError_t cudaMemPoolSetAttribute(cudaMemPool_t, cudaMemPoolAttr, void*) { return cudaSuccess; }
cudaError_t cudaMemPoolGetAttribute(cudaMemPool_t, cudaMemPoolAttr, void* value) {
  *static_cast<std::uint64_t*>(value) = used_bytes();
  return cudaSuccess;
}
cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* total) {
  *free = kTotalBytes - used_bytes();
  *total = kTotalBytes;
  return cudaSuccess;
}
cudaError_t cudaMallocFromPoolAsync(void** data, std::size_t bytes, cudaMemPool_t, cudaStream_t) {
  if (bytes > kTotalBytes - used_bytes()) return cudaErrorMemoryAllocation;
  *data = std::aligned_alloc(256, (bytes + 255) / 256 * 256);
  std::memset(*data, 0xA5, bytes);
  blocks[*data] = bytes;
  return cudaSuccess;
}
cudaError_t cudaFreeAsync(void* data, cudaStream_t stream) {
  return queue(stream, [data] {
    blocks.erase(data);
    std::free(data);
  });
}
cudaError_t cudaMemsetAsync(void* data, int value, std::size_t bytes, cudaStream_t stream) {
  return queue(stream, [=] { std::memset(data, value, bytes); });
}
cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind,
                            cudaStream_t stream) {
  return queue(stream, [=] { std::memcpy(to, from, bytes); });
}

}  // extern "C"

namespace repro::train {

int launch(const Program& program, const Launch& how) {
  return queue(how.stream, [=] {
    if (how.progress.started != nullptr) *how.progress.started = how.progress.number;
    const auto* gather = std::get_if<GatherBatch>(&program);
    if (gather != nullptr && gather->index == nullptr) {
      how.stream->failure = cudaErrorIllegalAddress;
      return;
    }
    std::visit([](const auto& args) { run_units(SerialWarp(), args); }, program);
  });
}

}  // namespace repro::train

// device.h on an NVIDIA GPU, and the entry of librepro_cuda.so. Untested on hardware (docs/gpu.md).
// No arithmetic is done here: kernels are those of train/kernels/cuda, products cuBLASLt's.
#include <cuda_runtime.h>

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <utility>

#include "artifacts/base/error.h"
#include "artifacts/base/file_system.h"
#include "train/device/cuda/int8_products.h"
#include "train/device/cuda_api.h"
#include "train/device/cuda_errors.h"
#include "train/device/operation_log.h"
#include "train/kernels/cuda/launch.h"
#include "train/kernels/cuda/program_names.h"

namespace repro::train {
namespace {

static_assert(cuda_code::kOutOfMemory == cudaErrorMemoryAllocation);
static_assert(cuda_code::kInsufficientDriver == cudaErrorInsufficientDriver);
static_assert(cuda_code::kNoDevice == cudaErrorNoDevice);
static_assert(cuda_code::kNoKernelImage == cudaErrorNoKernelImageForDevice);
static_assert(cuda_code::kEccUncorrectable == cudaErrorECCUncorrectable);
static_assert(cuda_code::kUnsupportedPtx == cudaErrorUnsupportedPtxVersion);
static_assert(cuda_code::kContained == cudaErrorContained);

constexpr int kDevice = 0;

CudaStatus describe(cudaError_t status) {
  return {status, cudaGetErrorName(status), cudaGetErrorString(status)};
}

std::string read_driver_release() {
  try {
    return driver_release(system_file_system().read_file("/proc/driver/nvidia/version"));
  } catch (const Error&) {  // a container may hide it; the driver is usable all the same
    return "";
  }
}

// The device as found, made current; throws where it cannot be used.
CudaFacts open_device() {
  CudaFacts facts;
  facts.where = "starting the GPU";
  facts.driver_release = read_driver_release();
  const auto check = [&](cudaError_t status) {
    if (status != cudaSuccess) throw cuda_error(describe(status), facts);
  };
  check(cudaDriverGetVersion(&facts.driver));
  int count = 0;
  check(cudaGetDeviceCount(&count));
  if (count == 0) check(cudaErrorNoDevice);
  cudaDeviceProp properties;
  check(cudaGetDeviceProperties(&properties, kDevice));
  facts.device = properties.name;
  facts.major = properties.major;
  facts.minor = properties.minor;
  check_capability(facts);
  check(cudaSetDevice(kDevice));
  return facts;
}

struct DestroyStream {
  void operator()(cudaStream_t stream) const { cudaStreamDestroy(stream); }
};
struct FreeHost {
  void operator()(volatile std::int64_t* word) const {
    cudaFreeHost(const_cast<std::int64_t*>(word));
  }
};
using Stream = std::unique_ptr<CUstream_st, DestroyStream>;

class CudaDevice final : public Device {
 public:
  CudaDevice() : facts_(open_device()) {
    name_ = facts_.device + ", sm_" + std::to_string(facts_.major) + std::to_string(facts_.minor);
    cudaStream_t stream = nullptr;
    check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "creating a stream");
    stream_.reset(stream);
    keep_memory();
    void* word = nullptr;
    check(cudaHostAlloc(&word, sizeof(std::int64_t), cudaHostAllocMapped), "pinned memory");
    started_.reset(static_cast<volatile std::int64_t*>(word));
    *started_ = 0;
    check(cudaHostGetDevicePointer(&word, word, 0), "mapped memory");
    started_on_device_ = static_cast<volatile std::int64_t*>(word);
    prove_kernels();
  }
  ~CudaDevice() override {
    cudaStreamSynchronize(stream_.get());  // what fails here has been said, or nobody waits for it
    if (workspace_ != nullptr) release(workspace_);
  }

  std::string_view name() const override { return name_; }
  std::map<std::string, std::string> versions() const override {
    int runtime = 0;
    cudaRuntimeGetVersion(&runtime);
    return {{"device", facts_.device},
            {"capability", std::to_string(facts_.major) + "." + std::to_string(facts_.minor)},
            {"driver", facts_.driver_release.empty() ? "CUDA " + cuda_version(facts_.driver)
                                                     : facts_.driver_release},
            {"cuda_runtime", cuda_version(runtime)},
            {"cublaslt", products().version()}};
  }

  // What the pool holds without using it can be allocated too.
  DeviceMemory memory() const override {
    std::size_t free = 0;
    std::size_t total = 0;
    std::uint64_t reserved = 0;
    std::uint64_t used = 0;
    check(cudaMemGetInfo(&free, &total), "asking for free memory");
    check(cudaMemPoolGetAttribute(pool_, cudaMemPoolAttrReservedMemCurrent, &reserved), "the pool");
    check(cudaMemPoolGetAttribute(pool_, cudaMemPoolAttrUsedMemCurrent, &used), "the pool");
    return {static_cast<std::int64_t>(free + reserved - used), static_cast<std::int64_t>(total)};
  }

  void* allocate(std::size_t bytes) override {
    void* data = nullptr;
    const cudaError_t status =
        cudaMallocFromPoolAsync(&data, bytes == 0 ? 1 : bytes, pool_, stream_.get());
    if (status == cudaErrorMemoryAllocation) {
      CudaFacts facts = facts_;
      facts.wanted = static_cast<std::int64_t>(bytes);
      facts.memory = memory();
      throw cuda_error(describe(status), facts);
    }
    check(status, "allocating memory");
    return data;
  }
  void release(void* data) noexcept override { cudaFreeAsync(data, stream_.get()); }

  void enter(const DeviceOperation& operation) override { log_.enter(operation); }

  void clear(void* data, std::size_t bytes) override {
    if (bytes == 0) return;
    check(cudaMemsetAsync(data, 0, bytes, stream_.get()), "clearing memory");
  }
  // A copy from pageable memory may or may not have read it when it returns: only waiting says so.
  void upload(void* to, const void* from, std::size_t bytes) override {
    if (bytes == 0) return;
    check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, stream_.get()), "an upload");
    wait();
  }
  void download(void* to, const void* from, std::size_t bytes) override {
    check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, stream_.get()), "a download");
    wait();
  }

  void run(const Program& program) override {
    const std::string_view name = program_name(program);
    Launch how;
    how.stream = stream_.get();
    how.progress = {started_on_device_, log_.add(name, true)};
    check(static_cast<cudaError_t>(launch(program, how)), name);
  }

  void multiply(const DigitProduct& product) override {
    if (product.batch == 0 || product.m == 0 || product.n == 0) return;
    if (product.padded == 0) return clear_sums(product);
    if (workspace_ == nullptr) workspace_ = allocate(Int8Products::kWorkspaceBytes);
    log_.add(kProductName, false);
    try {
      products().queue(product, stream_.get(), workspace_);
    } catch (Error& error) {
      check_queue();  // the library may only repeat what failed before
      error.context(log_.describe_now(kProductName));
      throw;
    }
  }

  void wait() override { check(cudaStreamSynchronize(stream_.get()), "waiting"); }

 private:
  static constexpr std::string_view kProductName = "int8 product";

  // Freed memory stays in the pool: a run allocates the same sizes again.
  void keep_memory() {
    check(cudaDeviceGetDefaultMemPool(&pool_, kDevice), "the memory pool");
    std::uint64_t all = std::numeric_limits<std::uint64_t>::max();
    check(cudaMemPoolSetAttribute(pool_, cudaMemPoolAttrReleaseThreshold, &all), "the memory pool");
  }

  // That there is machine code for this GPU, and that kernels tell when they start.
  void prove_kernels() {
    auto* value = static_cast<std::int64_t*>(allocate(sizeof(std::int64_t)));
    run(FillIndices{value, 1, kNoIndex});
    wait();
    release(value);
    REPRO_CHECK(*started_ == 1);
  }

  void clear_sums(const DigitProduct& product) {
    const std::size_t bytes = static_cast<std::size_t>(product.sums()) * sizeof(std::int32_t);
    for (std::int32_t* sums : {product.high, product.cross, product.low}) clear(sums, bytes);
  }

  Int8Products& products() const {
    if (!products_) products_.emplace();
    return *products_;
  }

  // Throws what a call returned, or what a kernel before it did: that is told apart by asking the
  // queue, which then fails too.
  void check(cudaError_t status, std::string_view name) const {
    if (status == cudaSuccess) return;
    check_queue();
    CudaFacts facts = facts_;
    facts.where = log_.describe_now(name);
    throw cuda_error(describe(status), facts);
  }
  void check_queue() const {
    const cudaError_t status = cudaStreamQuery(stream_.get());
    if (status == cudaSuccess || status == cudaErrorNotReady) return;
    CudaFacts facts = facts_;
    facts.where = log_.describe(*started_);
    throw cuda_error(describe(status), facts);
  }

  CudaFacts facts_;
  std::string name_;
  Stream stream_;
  cudaMemPool_t pool_ = nullptr;  // the device's own
  OperationLog log_;
  std::unique_ptr<volatile std::int64_t, FreeHost> started_;
  volatile std::int64_t* started_on_device_ = nullptr;
  void* workspace_ = nullptr;
  mutable std::optional<Int8Products> products_;  // loaded when it is asked for
};

std::unique_ptr<Device> make_device() { return std::make_unique<CudaDevice>(); }

}  // namespace

extern "C" __attribute__((visibility("default"))) const CudaApi* repro_cuda_api() {
  static const CudaApi api = {kCudaApiVersion, make_device};
  return &api;
}

}  // namespace repro::train

// The NVIDIA device (train/device/cuda) against the emulated one: memory, the queue, exact
// products, and what it says when it fails. Exit status 77 where there is no GPU. Untested on
// hardware; tests/gpu/fake has stand-ins for CUDA's libraries, on which it runs everywhere.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <cstdio>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "artifacts/base/error.h"
#include "tests/train/device/emulated_device.h"
#include "train/device/array.h"
#include "train/device/load_cuda.h"

namespace repro::train {
namespace {

using testing::HasSubstr;

std::unique_ptr<Device> gpu;

TEST(GpuDevice, MemoryGoesInAndOutInTheQueuesOrder) {
  std::vector<std::int64_t> values(1 << 20);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<std::int64_t>(i * i);
  DeviceArray<std::int64_t> array(*gpu);
  std::vector<std::int64_t> source = values;
  array.upload(source);
  source.assign(source.size(), -1);  // the device is done with it
  EXPECT_EQ(array.download(), values);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(array.data()) % 256, 0U);
  gpu->run(FillIndices{array.data(), 10, 7});
  std::fill_n(values.begin(), 10, 7);
  EXPECT_EQ(array.download(), values);
  array.clear();
  EXPECT_EQ(array.download(), std::vector<std::int64_t>(values.size()));
}

TEST(GpuDevice, SaysWhatItIs) {
  EXPECT_THAT(std::string(gpu->name()), HasSubstr(", sm_"));
  for (const auto& [name, version] : gpu->versions()) {
    std::printf("%s: %s\n", name.c_str(), version.c_str());
    EXPECT_NE(version, "") << name;
  }
  const DeviceMemory memory = gpu->memory();
  EXPECT_GT(memory.free, 0);
  EXPECT_LE(memory.free, memory.total);
}

TEST(GpuDevice, MemoryThatIsNotThereIsRefusedAndTheDeviceGoesOn) {
  const auto wanted = static_cast<std::size_t>(gpu->memory().total) * 2;
  try {
    gpu->release(gpu->allocate(wanted));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::environment);
    EXPECT_THAT(error.message(), HasSubstr("no room for " + std::to_string(wanted) + " bytes"));
  }
  DeviceArray<std::int32_t> array(*gpu, 1);
  array.clear();
  EXPECT_EQ(array.download().front(), 0);
}

struct Shape {
  std::int64_t batch, m, n, padded;
  bool shared_a, shared_b;
};

// All three sums, columns of the padding left out.
std::vector<std::int32_t> sums_on(Device& device, const Shape& shape,
                                  const std::vector<std::int8_t>& a,
                                  const std::vector<std::int8_t>& b) {
  DeviceArray<std::int8_t> device_a(device);
  DeviceArray<std::int8_t> device_b(device);
  device_a.upload(a);
  device_b.upload(b);
  DigitProduct product;
  product.batch = shape.batch;
  product.m = shape.m;
  product.n = shape.n;
  product.padded = shape.padded;
  product.a_stride = shape.shared_a ? 0 : shape.m * 2 * shape.padded;
  product.b_stride = shape.shared_b ? 0 : shape.n * 2 * shape.padded;
  product.a = device_a.data();
  product.b = device_b.data();
  DeviceArray<std::int32_t> sums(device, 3 * product.sums());
  product.high = sums.data();
  product.cross = product.high + product.sums();
  product.low = product.cross + product.sums();
  device.enter({1, "a product"});
  device.multiply(product);
  std::vector<std::int32_t> kept;
  const std::vector<std::int32_t> all = sums.download();
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (static_cast<std::int64_t>(i) % product.ld_sums() < shape.n) kept.push_back(all[i]);
  }
  return kept;
}

TEST(GpuDevice, ProductsAreExact) {
  std::mt19937 random(1);
  EmulatedDevice cpu;
  for (const Shape& shape :
       {Shape{1, 1, 1, 16, false, false}, Shape{1, 33, 50, 64, false, false},
        Shape{1, 128, 256, 1024, false, false}, Shape{1, 17, 48, 65536, false, false},
        Shape{5, 20, 24, 128, false, false}, Shape{3, 7, 40, 64, true, false},
        Shape{3, 7, 40, 64, false, true}}) {
    const auto digits = [&](std::int64_t count) {
      std::vector<std::int8_t> values(static_cast<std::size_t>(count));
      for (auto& value : values) value = static_cast<std::int8_t>(random() % 257 - 128);
      return values;
    };
    const auto a = digits(shape.batch * shape.m * 2 * shape.padded);
    const auto b = digits((shape.batch * shape.n + 16) * 2 * shape.padded);
    EXPECT_EQ(sums_on(*gpu, shape, a, b), sums_on(cpu, shape, a, b))
        << shape.batch << " of " << shape.m << " by " << shape.n << ", depth " << shape.padded;
  }
}

TEST(GpuDevice, ProductsOfNoDepthAreZero) {
  EXPECT_EQ(sums_on(*gpu, Shape{1, 3, 5, 0, false, false}, {}, {}),
            std::vector<std::int32_t>(std::size_t{3} * 3 * 5));
}

// Last: nothing can be done with the device after it.
TEST(GpuDeviceFailure, NamesKernelStepAndTensor) {
  DeviceArray<std::int64_t> array(*gpu, 8);
  gpu->enter({41, "before"});
  gpu->run(FillIndices{array.data(), 8, 1});
  gpu->enter({42, "layers.3.mlp"});
  GatherBatch gather;  // null pointers
  gather.rows = gather.cols = 1;
  gpu->run(gather);
  gpu->enter({43, "after"});
  try {
    gpu->run(FillIndices{array.data(), 8, 1});
    gpu->wait();
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::environment);
    EXPECT_THAT(error.message(), HasSubstr("gather, step 42, layers.3.mlp: "));
    EXPECT_THAT(error.hint(), HasSubstr("repro resume"));
  }
}

}  // namespace
}  // namespace repro::train

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  try {
    repro::train::gpu = repro::train::make_cuda_device();
  } catch (const repro::Error& error) {
    std::printf("skipped: %s; %s\n", error.what(), error.hint().c_str());
    return 77;
  }
  std::printf("on %s\n", std::string(repro::train::gpu->name()).c_str());
  const int status = RUN_ALL_TESTS();
  repro::train::gpu.reset();
  return status;
}

// Linear maps on a device against train/nn/linear.h, bit by bit.
#include "train/device/linear.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "artifacts/base/error.h"
#include "tests/train/device/emulated_device.h"
#include "tests/train/device/host_values.h"

namespace repro::train {
namespace {

template <class Work>
bool throws(const Work& work) {
  try {
    work();
  } catch (const Error&) {
    return true;
  }
  return false;
}

class DeviceLinear : public testing::TestWithParam<std::uint32_t> {
 protected:
  HostValues random_{GetParam()};
  HostContext host_;
  EmulatedDevice device_{GetParam()};
};

TEST_P(DeviceLinear, GivesTheBitsOfTheReference) {
  const std::int64_t rows = random_.between(1, 60);
  const std::int64_t inputs = random_.between(1, 70);
  const std::int64_t outputs = random_.between(1, 90);
  const std::vector<float> x = random_.floats(rows * inputs);
  const std::vector<float> w = random_.floats(outputs * inputs);
  const std::vector<float> dy = random_.tame(rows * outputs, 0x1p-9F);
  const std::vector<RowRange> groups = random_groups(random_, rows);
  std::vector<std::int64_t> units(static_cast<std::size_t>(outputs * inputs), 5);
  GradientSink sink{units.data(), 20, std::int64_t{1} << 61, "w"};

  Quantized x_digits;
  Quantized w_digits;
  quantize(host_.context, "x", x.data(), rows, inputs, inputs, x_digits);
  quantize(host_.context, "w", w.data(), outputs, inputs, inputs, w_digits);
  std::vector<float> y(static_cast<std::size_t>(rows * outputs));
  std::vector<float> dx(static_cast<std::size_t>(rows * inputs));
  linear(host_.context, x_digits, w_digits, y.data(), outputs);
  LinearScratch host_scratch;
  linear_input_gradient(host_.context, "dy", dy.data(), rows, w_digits, dx.data(), host_scratch);
  const bool trapped = throws([&] {
    linear_weight_gradient(host_.context, dy.data(), x_digits, outputs, groups, sink, host_scratch);
  });

  DeviceContext context(device_, 3000);  // products are cut into a few rows each
  context.step = 7;
  DeviceArray<float> device_x(device_);
  DeviceArray<float> device_w(device_);
  DeviceArray<float> device_dy(device_);
  device_x.upload(x);
  device_w.upload(w);
  device_dy.upload(dy);
  DeviceWeight weight(device_);
  DeviceArray<std::int16_t> digits(device_);
  prepare_weight(context, "w", device_w.data(), outputs, inputs, 0, digits, weight);
  DeviceQuantized saved(device_);
  DeviceArray<float> device_y(device_, rows * outputs);
  DeviceArray<float> device_dx(device_, rows * inputs);
  linear(context, "x", device_x.data(), rows, weight, saved, device_y.data());
  linear_input_gradient(context, "dy", device_dy.data(), rows, weight, device_dx.data());
  context.faults.check();
  EXPECT_EQ(saved.digits.download(), values_of(x_digits.digits));
  EXPECT_EQ(saved.exponents.download(), values_of(x_digits.exponents));
  EXPECT_EQ(bits_of(device_y.download()), bits_of(y));
  EXPECT_EQ(bits_of(device_dx.download()), bits_of(dx));

  DeviceArray<std::int64_t> device_units(device_);
  device_units.upload(std::vector<std::int64_t>(units.size(), 5));
  GradientSink device_sink = sink;
  device_sink.units = device_units.data();
  linear_weight_gradient(context, device_dy.data(), saved, outputs, groups, device_sink);
  if (trapped) {
    EXPECT_THROW(context.faults.check(), Error);
  } else {
    context.faults.check();
    EXPECT_EQ(device_units.download(), units);
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, DeviceLinear, testing::Range(0U, 40U));

// A contraction deeper than the int32 sums allow is cut, and rounded once all the same.
TEST(DeviceLinearDepth, GroupsLongerThanASplitAreOneContraction) {
  HostValues random(3);
  HostContext host;
  EmulatedDevice device;
  const std::int64_t rows = kSplitDepth + 300;
  const std::int64_t inputs = 3;
  const std::int64_t outputs = 2;
  const std::vector<float> x = random.tame(rows * inputs);
  const std::vector<float> dy = random.tame(rows * outputs);
  Quantized x_digits;
  quantize(host.context, "x", x.data(), rows, inputs, inputs, x_digits);
  std::vector<std::int64_t> units(static_cast<std::size_t>(outputs * inputs));
  const std::vector<RowRange> groups = {{0, rows}};
  GradientSink sink{units.data(), 30, std::int64_t{1} << 61, "w"};
  LinearScratch scratch;
  linear_weight_gradient(host.context, dy.data(), x_digits, outputs, groups, sink, scratch);

  DeviceContext context(device, kProductBytes);
  DeviceArray<float> device_x(device);
  DeviceArray<float> device_dy(device);
  device_x.upload(x);
  device_dy.upload(dy);
  DeviceQuantized saved(device);
  quantize(context, "x", device_x.data(), rows, inputs, inputs, saved);
  DeviceArray<std::int64_t> device_units(device);
  device_units.upload(std::vector<std::int64_t>(units.size()));
  sink.units = device_units.data();
  linear_weight_gradient(context, device_dy.data(), saved, outputs, groups, sink);
  context.faults.check();
  EXPECT_EQ(device_units.download(), units);
}

TEST(DeviceLinearFaults, AreNamedAsOnTheCpuAndForgottenAfterwards) {
  EmulatedDevice device;
  DeviceContext context(device, kProductBytes);
  context.step = 41;
  std::vector<float> values(24, 1.0F);
  values[17] = std::numeric_limits<float>::quiet_NaN();
  values[20] = std::numeric_limits<float>::infinity();
  DeviceArray<float> x(device);
  x.upload(values);
  DeviceQuantized digits(device);
  quantize(context, "input of a map", x.data(), 4, 6, 6, digits);
  EXPECT_THAT(
      message_of(context.faults),
      testing::HasSubstr("non-finite value in quantise: input of a map at index 17, step 41"));
  EXPECT_EQ(message_of(context.faults), "");
  quantize(context, "y", x.data(), 2, 6, 6, digits);
  EXPECT_EQ(message_of(context.faults), "");
}

TEST(DeviceLinearFaults, AGradientThatDoesNotFitNamesItsTensor) {
  EmulatedDevice device;
  DeviceContext context(device, kProductBytes);
  context.step = 3;
  DeviceArray<float> x(device);
  x.upload(std::vector<float>(8, 1000.0F));
  DeviceQuantized digits(device);
  quantize(context, "x", x.data(), 4, 2, 2, digits);
  DeviceArray<std::int64_t> units(device);
  units.upload(std::vector<std::int64_t>(4));
  const std::vector<RowRange> groups = {{0, 4}};
  linear_weight_gradient(context, x.data(), digits, 2, groups,
                         {units.data(), 32, std::int64_t{1} << 40, "a weight"});
  EXPECT_THAT(message_of(context.faults), testing::HasSubstr("gradient of a weight, step 3"));
}

TEST(DeviceLinearFaults, AWeightThatIsTooWideIsRefused) {
  EmulatedDevice device;
  DeviceContext context(device, kProductBytes);
  DeviceArray<std::int16_t> digits(device);
  DeviceWeight weight(device);
  EXPECT_THROW(prepare_weight(context, "w", nullptr, 1, kSplitDepth + 1, 0, digits, weight), Error);
}

TEST(DeviceMemoryTest, ArraysGrowAndGiveBackWhatTheyHeld) {
  EmulatedDevice device(1, 1000);
  DeviceArray<float> array(device, 100);
  EXPECT_EQ(device.memory().free, 600);
  array.resize(50);
  EXPECT_EQ(device.memory().free, 600);
  array.resize(200);
  EXPECT_EQ(device.memory().free, 200);
  EXPECT_THROW(array.resize(400), Error);
  EXPECT_EQ(device.memory().free, 1000);
}

}  // namespace
}  // namespace repro::train

// The vocabulary on a device against train/nn/language_head.h, bit by bit.
#include "train/device/head.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "tests/train/device/emulated_device.h"
#include "tests/train/device/host_values.h"

namespace repro::train {
namespace {

struct Case {
  std::int64_t rows = 0, hidden = 0, vocab = 0;
  std::int64_t product_bytes = 0;
  float z_loss = 0;
  std::vector<float> x;
  std::vector<float> w;
  std::vector<std::int32_t> targets;
  std::vector<RowRange> groups;
};

Case random_case(HostValues& random) {
  Case c;
  c.rows = random.between(1, 50);
  c.hidden = random.between(1, 40);
  c.vocab = random.below(3) == 0 ? random.between(1025, 3500) : random.between(1, 300);
  c.product_bytes = random.below(2) == 0 ? kProductBytes : random.between(1, 200000);
  c.z_loss = random.below(2) == 0 ? 0.0F : 1e-4F;
  c.x = random.tame(c.rows * c.hidden);
  c.w = random.tame(c.vocab * c.hidden, 0.5F);
  for (std::int64_t r = 0; r < c.rows; ++r) {
    const bool none = random.below(5) == 0;
    c.targets.push_back(none ? kNoTarget : static_cast<std::int32_t>(random.below(c.vocab)));
  }
  c.groups = random_groups(random, c.rows);
  return c;
}

struct Result {
  LossSums sums;
  std::vector<std::uint32_t> dx;
  std::vector<std::int64_t> units;
};

constexpr int kUnit = 32;
constexpr std::int64_t kLimit = std::int64_t{1} << 50;

Result on_cpu(const Case& c, bool backward) {
  HostContext host;
  Quantized x;
  Quantized w;
  quantize(host.context, "x", c.x.data(), c.rows, c.hidden, c.hidden, x);
  quantize(host.context, "w", c.w.data(), c.vocab, c.hidden, c.hidden, w);
  HeadScratch scratch;
  Result result;
  result.units.resize(c.w.size());
  if (!backward) {
    result.sums = head_loss(host.context, x, w, c.z_loss, c.targets, scratch);
    return result;
  }
  std::vector<float> dx(c.x.size());
  result.sums = head_loss_backward(host.context, x, w, c.z_loss, c.targets, c.groups, dx.data(),
                                   {result.units.data(), kUnit, kLimit, "head"}, scratch);
  result.dx = bits_of(dx);
  return result;
}

Result on_device(const Case& c, std::uint32_t seed, bool backward) {
  EmulatedDevice device(seed);
  DeviceContext context(device, c.product_bytes);
  DeviceArray<float> x(device);
  DeviceArray<float> w(device);
  DeviceArray<std::int32_t> targets(device);
  x.upload(c.x);
  w.upload(c.w);
  targets.upload(c.targets);
  DeviceHead head(device);
  prepare_head(context, "head", w.data(), c.vocab, c.hidden, head);
  DeviceQuantized digits(device);
  DeviceArray<std::int8_t> split(device);
  quantize(context, "x", x.data(), c.rows, c.hidden, c.hidden, digits, {1, &split});
  DeviceHeadScratch scratch(device);
  scratch.totals.clear();
  DeviceArray<std::int64_t> units(device, static_cast<std::int64_t>(c.w.size()));
  units.clear();
  DeviceArray<float> dx(device, c.rows * c.hidden);
  const HeadInput input{digits, split.data(), targets.data(), c.targets};
  Result result;
  if (backward) {
    head_loss_backward(context, input, head, c.z_loss, c.groups, dx.data(),
                       {units.data(), kUnit, kLimit, "head"}, scratch);
    result.dx = bits_of(dx.download());
  } else {
    head_loss(context, input, head, c.z_loss, scratch);
  }
  context.faults.check();
  result.sums = read_totals(scratch);
  result.units = units.download();
  return result;
}

class DeviceHeadTest : public testing::TestWithParam<std::uint32_t> {};

TEST_P(DeviceHeadTest, GivesTheBitsOfTheReference) {
  HostValues random(GetParam());
  const Case c = random_case(random);
  for (const bool backward : {false, true}) {
    const Result want = on_cpu(c, backward);
    const Result got = on_device(c, GetParam(), backward);
    EXPECT_EQ(got.sums.targets, want.sums.targets);
    EXPECT_EQ(got.sums.cross_entropy, want.sums.cross_entropy);
    EXPECT_EQ(got.sums.z_loss, want.sums.z_loss);
    EXPECT_EQ(got.sums.correct, want.sums.correct);
    EXPECT_EQ(got.dx, want.dx);
    EXPECT_EQ(got.units, want.units);
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, DeviceHeadTest, testing::Range(0U, 30U));

TEST(DeviceHeadFaults, ATargetsShareThatDoesNotFitNamesItsRow) {
  EmulatedDevice device;
  DeviceContext context(device, kProductBytes);
  context.step = 9;
  const std::vector<std::int32_t> rows = {4, kNoTarget, 2};
  DeviceArray<std::int32_t> index(device);
  index.upload(rows);
  DeviceArray<float> x(device);
  x.upload(std::vector<float>{0, 0, 0, 0, 0, 7});
  DeviceArray<std::int64_t> units(device, 10);
  units.clear();
  AddUnitsBatch add;
  add.x = x.data();
  add.rows = 3;
  add.cols = 2;
  add.ld = 2;
  add.index = index.data();
  add.limit = 4;
  add.unit = 0;
  add.units = units.data();
  add.first_overflow = context.watch_gradient_rows("table", 2, rows);
  device.run(add);
  EXPECT_THAT(message_of(context.faults),
              testing::HasSubstr("gradient of table at index 5, step 9"));
}

}  // namespace
}  // namespace repro::train

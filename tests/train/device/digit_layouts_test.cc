// What cuBLASLt is asked for, read as its manual defines it, gives the sums of device.h.
#include "train/device/digit_layouts.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "artifacts/base/error.h"
#include "tests/train/device/emulated_device.h"
#include "train/device/array.h"

namespace repro::train {
namespace {

constexpr std::int32_t kUnwritten = 0x5A5A5A5A;

// D = transpose(X) * Y, column-major, batch by batch: all columns, those of the padding too.
void multiply_column_major(const DigitLayout& layout) {
  const ProductShape& shape = layout.shape;
  ASSERT_EQ(shape.x.rows, shape.y.rows);
  ASSERT_EQ(shape.d.rows, shape.x.cols);
  ASSERT_EQ(shape.d.cols, shape.y.cols);
  const auto at = [](const ColumnMajor& matrix, std::int64_t i, std::int64_t r, std::int64_t c) {
    return i * matrix.stride + c * matrix.ld + r;
  };
  for (std::int64_t i = 0; i < shape.batch; ++i) {
    for (std::int64_t r = 0; r < shape.d.rows; ++r) {
      for (std::int64_t c = 0; c < shape.d.cols; ++c) {
        std::int32_t sum = 0;
        for (std::int64_t k = 0; k < shape.x.rows; ++k) {
          sum += layout.x[at(shape.x, i, k, r)] * layout.y[at(shape.y, i, k, c)];
        }
        layout.d[at(shape.d, i, r, c)] = sum;
      }
    }
  }
}

struct Case {
  std::int64_t batch = 1, m = 1, n = 1, padded = 16;
  bool shared_a = false, shared_b = false;
};

std::vector<std::int8_t> digits(std::int64_t count, std::mt19937& random) {
  std::vector<std::int8_t> values(static_cast<std::size_t>(count));
  for (auto& value : values) value = static_cast<std::int8_t>(random() % 256);
  return values;
}

class DigitLayouts : public testing::TestWithParam<Case> {};

TEST_P(DigitLayouts, GiveTheSumsOfTheEmulatedDevice) {
  const Case& test = GetParam();
  std::mt19937 random(1);
  DigitProduct product;
  product.batch = test.batch;
  product.m = test.m;
  product.n = test.n;
  product.padded = test.padded;
  product.a_stride = test.shared_a ? 0 : test.m * 2 * test.padded;
  product.b_stride = test.shared_b ? 0 : test.n * 2 * test.padded;
  EmulatedDevice device;
  DeviceArray<std::int8_t> a(device);
  DeviceArray<std::int8_t> b(device);
  a.upload(digits(test.batch * test.m * 2 * test.padded, random));
  // Rows beyond n of the last of the batch are read: whatever they hold.
  b.upload(digits((test.batch * test.n + 16) * 2 * test.padded, random));
  product.a = a.data();
  product.b = b.data();
  const auto count = static_cast<std::size_t>(product.sums());
  DeviceArray<std::int32_t> got(device);
  DeviceArray<std::int32_t> want(device);
  const auto put_sums_into = [&](DeviceArray<std::int32_t>& sums) {
    sums.upload(std::vector<std::int32_t>(3 * count, kUnwritten));
    product.high = sums.data();
    product.cross = product.high + count;
    product.low = product.cross + count;
  };
  put_sums_into(want);
  device.multiply(product);
  put_sums_into(got);
  for (const DigitSum sum : {DigitSum::high, DigitSum::cross, DigitSum::low}) {
    multiply_column_major(layout_of(product, sum));
  }
  for (std::int64_t i = 0; i < got.size(); ++i) {
    ASSERT_NE(got.data()[i], kUnwritten) << i;
    const bool padding = i % product.ld_sums() >= product.n;
    ASSERT_EQ(got.data()[i], padding ? got.data()[i] : want.data()[i]) << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, DigitLayouts,
                         testing::Values(Case{}, Case{1, 5, 16, 16}, Case{1, 3, 17, 48},
                                         Case{3, 2, 7, 32}, Case{3, 2, 7, 32, true, false},
                                         Case{2, 4, 19, 16, false, true}),
                         [](const auto& test) {
                           const Case& c = test.param;
                           return "b" + std::to_string(c.batch) + "m" + std::to_string(c.m) + "n" +
                                  std::to_string(c.n) + "k" + std::to_string(c.padded) +
                                  (c.shared_a ? "sharedA" : "") + (c.shared_b ? "sharedB" : "");
                         });

TEST(DigitLayoutsChecks, WhatTensorCoresCannotReadIsRefused) {
  alignas(16) static std::int8_t bytes[64];
  alignas(16) static std::int32_t sums[16];
  DigitProduct product;
  product.m = product.n = 1;
  product.padded = 16;
  product.a = product.b = bytes;
  product.high = product.cross = product.low = sums;
  EXPECT_NO_THROW(layout_of(product, DigitSum::high));
  const auto refused = [&](auto change) {
    DigitProduct changed = product;
    change(changed);
    EXPECT_THROW(layout_of(changed, DigitSum::high), Error);
  };
  refused([](DigitProduct& p) { p.padded = 24; });
  refused([](DigitProduct& p) { p.padded = kSplitDepth + 16; });
  refused([](DigitProduct& p) { p.a += 8; });
  refused([](DigitProduct& p) { p.b += 1; });
  refused([](DigitProduct& p) { p.high += 1; });
  refused([](DigitProduct& p) { p.b_stride = 40; });
}

}  // namespace
}  // namespace repro::train

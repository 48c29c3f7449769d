// The table "Worked vectors" of docs/arithmetic.md, line by line.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "tests/train/rows/row_inputs.h"
#include "train/numerics/functions.h"
#include "train/numerics/functions64.h"
#include "train/numerics/philox.h"
#include "train/numerics/quantize.h"

namespace repro::train {
namespace {

using testing::ElementsAre;

std::vector<std::uint32_t> bits_of(const std::vector<float>& values) {
  std::vector<std::uint32_t> bits;
  for (float value : values) bits.push_back(to_bits(value));
  return bits;
}

TEST(WorkedVectors, Rounding) {
  const std::int64_t tie = (std::int64_t{1} << 62) + (std::int64_t{1} << 38);
  EXPECT_EQ(to_bits(rne32_scaled(tie + 1, -62)), 0x3F800001U);
  EXPECT_EQ(to_bits(rne32_scaled(tie, -62)), 0x3F800000U);
}

TEST(WorkedVectors, Quantisation) {
  const std::vector<float> x = {1.0F, -0.3F, 0x1.fffcp+0F, 0.0F, 0x1p-20F, -0x1p-149F};
  const std::vector<std::int32_t> fold = {0, 3, -2, 5, kNoExponent, 10};
  std::vector<std::int16_t> digits(6), low(6);
  std::int32_t exponent = 0;
  QuantizeRowsArgs args{x.data(), 1, 6, 6, nullptr, digits.data(), low.data(), 6, &exponent};
  scalar_row_kernels().quantize_rows(args);
  EXPECT_EQ(exponent, 1);
  EXPECT_THAT(digits, ElementsAre(4096, -1229, 8192, 0, 0, 0));
  EXPECT_THAT(low, ElementsAre(0, 3276, -4096, 0, 64, 0));
  args.fold = fold.data();
  scalar_row_kernels().quantize_rows(args);
  EXPECT_EQ(exponent, 1);
  EXPECT_THAT(digits, ElementsAre(4096, -9830, 2048, 0, 0, 0));
  EXPECT_THAT(low, ElementsAre(0, -6560, -1024, 0, 0, 0));
  EXPECT_EQ(to_bits(sum31(std::vector<float>{1.0F, -0.3F, 0x1p-20F})), 0x3F333343U);
}

TEST(WorkedVectors, Functions) {
  EXPECT_THAT(bits_of({exp32(1.0F), exp32(0.1F), exp32(-10.5F), exp32(-100.0F)}),
              ElementsAre(0x402DF854, 0x3F8D763E, 0x37E6FE13, 0x0000001B));
  EXPECT_THAT(bits_of({log32(2.0F), log32(0.1F), log32(0x1p-149F)}),
              ElementsAre(0x3F317218, 0xC0135D8E, 0xC2CE8ED0));
  EXPECT_THAT(bits_of({tanh32(0.5F), tanh32(3.0F), erf32(-0.7F), erf32(3.0F)}),
              ElementsAre(0x3EEC9A9F, 0x3F7EBBE9, 0xBF2D8461, 0x3F7FFE8D));
  EXPECT_THAT(bits_of({sigmoid32(0.5F), sigmoid32(-3.0F), sigmoid32(-95.0F)}),
              ElementsAre(0x3F1F597F, 0x3D4241A2, 0x00000F64));
  EXPECT_THAT(bits_of({silu32(-3.0F), gelu32(0.5F), gelu32(-3.0F)}),
              ElementsAre(0xBE11B139, 0x3EB103AF, 0xBB84B34C));
  EXPECT_THAT(
      bits_of({normal32(0), normal32(0x12345678), normal32(0x7FFFFFFF), normal32(0xDEADBEEF)}),
      ElementsAre(0x2FA06C99, 0x3E37812B, 0x40CAD08D, 0xBF90149A));
}

TEST(WorkedVectors, Binary64Programs) {
  EXPECT_EQ(sin64(1), 0x1.aed548f090ceep-1);
  EXPECT_EQ(cos64(1), 0x1.14a280fb5068cp-1);
  EXPECT_EQ(sin64(1048575), -0x1.3b32b2ca06654p-1);
  EXPECT_EQ(exp64(-1), 0x1.78b56362cef38p-2);
  EXPECT_EQ(log64(500000), 0x1.a3ea669a05c01p+3);
  EXPECT_EQ(rope_frequency(500000, 1, 64), 0x1.53c38a9afacap-1);
  EXPECT_EQ(rope_frequency(500000, 31, 64), 0x1.948360a975f4p-19);
  EXPECT_EQ(power_int(0.9, 7), 0x1.e9c6a99d1cdcp-2);
}

TEST(WorkedVectors, RowOperations) {
  const std::vector<float> x = {1.0F, -0.3F, 0x1p-20F};
  const std::vector<float> gain = {1, 1, 1};
  for (const RowKernels* table : all_row_kernels()) {
    std::vector<float> y(3);
    float r = 0;
    table->rms_norm({x.data(), gain.data(), 1, 3, 3, 3, 1e-6F, nullptr, y.data(), &r});
    EXPECT_EQ(to_bits(r), 0x3FD45A29U);
    EXPECT_THAT(bits_of(y), ElementsAre(0x3FD45A29, 0xBEFED298, 0x35D45A29));
    std::vector<float> s = {0.5F, 2.0F, -1.0F};
    EXPECT_EQ(to_bits(table->softmax_row(s.data(), 3).sum), 0x3FA2EEF4U);
    EXPECT_THAT(bits_of(s), ElementsAre(0x3E647C3C, 0x3F800000, 0x3D4BED86));
  }
}

TEST(WorkedVectors, CrossEntropy) {
  for (const RowKernels* table : all_row_kernels()) {
    std::vector<float> logits = {0.5F, 2.0F, -1.0F};
    const CrossEntropyRowResult result =
        table->cross_entropy_row({logits.data(), 3, 0, 1.0F, 1e-4F, true});
    EXPECT_EQ(result.loss_units, 1870258176);
    EXPECT_EQ(result.ce_units, 1869718784);
    EXPECT_THAT(bits_of({result.a, result.bound, result.log_sum_exp}),
                ElementsAre(0xBF531B04, 0x3F800EB0, 0x400F71A5));
    EXPECT_THAT(bits_of(logits), ElementsAre(0x00000000, 0x3F4933F7, 0x3D2046E3));
  }
}

TEST(WorkedVectors, Adamw) {
  for (const RowKernels* table : all_row_kernels()) {
    float w = 0.5F;
    float m = 0.01F;
    float v = 0.002F;
    const std::int64_t gradient = -123456789012;
    AdamwArgs args;
    args.w = &w;
    args.m = &m;
    args.v = &v;
    args.gradient = &gradient;
    args.count = 1;
    args.normalizer = 2044;
    args.clip = 0.5F;
    args.beta1 = 0.9F;
    args.one_minus_beta1 = static_cast<float>(1.0 - 0.9);
    args.beta2 = 0.95F;
    args.one_minus_beta2 = static_cast<float>(1.0 - 0.95);
    args.correction1 = static_cast<float>(1.0 - power_int(0.9, 3));
    args.correction2 = static_cast<float>(1.0 - power_int(0.95, 3));
    args.epsilon = 1e-8F;
    args.lr = 1e-3F;
    args.lr_decay = 1e-4F;
    table->adamw(args);
    EXPECT_THAT(bits_of({w, m, v}), ElementsAre(0x3EFFD6B3, 0x3C07EF89, 0x3AF95C5F));
  }
}

TEST(WorkedVectors, RandomNumbers) {
  EXPECT_EQ(stream_key(42, "init/1:lm_head.weight"), 0xB196E75F0BED5B0DU);
  std::vector<float> values(6);
  fill_truncated_normal(42, "lm_head.weight", 0.02, 3, values);
  EXPECT_THAT(bits_of(values),
              ElementsAre(0xBC86AA40, 0xBCBB65D2, 0x398F7876, 0x3D08117A, 0x3CD7102E, 0x3B3D1349));
  std::vector<std::uint64_t> five, ten;
  for (std::uint64_t i = 0; i < 5; ++i) five.push_back(permutation(7, i, 5));
  for (std::uint64_t i = 0; i < 10; ++i) ten.push_back(permutation(7, i, 10));
  EXPECT_THAT(five, ElementsAre(2, 4, 1, 0, 3));
  EXPECT_THAT(ten, ElementsAre(7, 6, 1, 0, 3, 4, 5, 8, 9, 2));
}

}  // namespace
}  // namespace repro::train

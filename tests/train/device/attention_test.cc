// Attention on a device against train/nn/attention.h, bit by bit.
#include "train/device/attention.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "tests/train/device/emulated_device.h"
#include "tests/train/rows/row_inputs.h"
#include "train/kernels/paths.h"

namespace repro::train {
namespace {

enum class Sizes { tame, spread, tiny, gaps };

// Values whose products stay finite. Every (row, head) has a scale of its own, so blocks have
// exponents far apart; some are empty.
std::vector<float> head_values(std::mt19937& random, Sizes sizes, std::int64_t rows,
                               std::int64_t heads, std::int64_t head_dim) {
  std::vector<float> values;
  for (std::int64_t i = 0; i < rows * heads; ++i) {
    int exponent = 0;
    if (sizes == Sizes::spread) exponent = static_cast<int>(random() % 61) - 40;
    if (sizes == Sizes::tiny) exponent = -142 + static_cast<int>(random() % 20);
    const bool empty = sizes == Sizes::gaps && random() % 3 == 0;
    for (std::int64_t j = 0; j < head_dim; ++j) {
      const auto kind = random() % 5 == 0 ? Values::zeros : Values::normal;
      values.push_back(empty ? 0.0F : std::ldexp(value_of(kind, random, j), exponent));
    }
  }
  return values;
}

struct Case {
  AttentionShape shape;
  std::int64_t tile = kAttentionBlock;
  std::vector<float> q, k, v, d_o;
  std::int64_t ld_extra = 0;  // behind each row of a gradient
};

Case random_case(std::uint32_t seed) {
  std::mt19937 random(seed);
  const auto below = [&](std::int64_t bound) {
    return static_cast<std::int64_t>(random() % static_cast<std::uint32_t>(bound));
  };
  Case c;
  const std::int64_t lengths[] = {1 + below(20), 100 + below(60), 1 + below(300)};
  const std::int64_t group = std::int64_t{1} << below(3);
  c.shape.length = lengths[seed % 3];
  c.shape.sequences = c.shape.length > 100 ? 1 + below(2) : 1 + below(4);
  c.shape.kv_heads = 1 + below(3);
  c.shape.heads = group * c.shape.kv_heads;
  c.shape.head_dim = below(2) == 0 ? 16 : 8 + below(40);
  c.tile = kAttentionBlock * (1 + below(2));
  c.ld_extra = below(2) * 5;
  const auto fill = [&](std::int64_t heads) {
    const auto sizes = static_cast<Sizes>(below(4));
    return head_values(random, sizes, c.shape.rows(), heads, c.shape.head_dim);
  };
  c.q = fill(c.shape.heads);
  c.k = fill(c.shape.kv_heads);
  c.v = fill(c.shape.kv_heads);
  c.d_o = fill(c.shape.heads);
  return c;
}

struct Outputs {
  std::vector<float> o, dq, dk, dv;
};

// Filled with what no result is, to see what stays.
Outputs outputs_of(const Case& c) {
  const auto matrix = [&](std::int64_t width) {
    return std::vector<float>(static_cast<std::size_t>(c.shape.rows() * width), 77.0F);
  };
  return {matrix(c.shape.width()), matrix(c.shape.width() + c.ld_extra),
          matrix(c.shape.kv_width() + c.ld_extra), matrix(c.shape.kv_width() + c.ld_extra)};
}

AttentionGradients gradients_of(const Case& c, float* dq, float* dk, float* dv) {
  return {dq, c.shape.width() + c.ld_extra,   dk, c.shape.kv_width() + c.ld_extra,
          dv, c.shape.kv_width() + c.ld_extra};
}

Outputs on_the_cpu(const Case& c) {
  Parallel parallel(1);
  Context context;
  context.path = choose_path("scalar");
  context.parallel = &parallel;
  const auto quantise = [&](const std::vector<float>& x, std::int64_t heads, HeadDigits& out) {
    quantize_heads(context, "x", x.data(), c.shape.rows(), heads, c.shape.head_dim,
                   heads * c.shape.head_dim, out);
  };
  AttentionInputs inputs;
  quantise(c.q, c.shape.heads, inputs.q);
  quantise(c.k, c.shape.kv_heads, inputs.k);
  quantise(c.v, c.shape.kv_heads, inputs.v);
  Outputs out = outputs_of(c);
  attention(context, c.shape, inputs, out.o.data());
  AttentionScratch scratch;
  attention_backward(context, c.shape, inputs, out.o.data(), c.d_o.data(),
                     gradients_of(c, out.dq.data(), out.dk.data(), out.dv.data()), scratch);
  return out;
}

// A tensor's digits on the device.
struct Digits {
  DeviceArray<std::int16_t> digits;
  DeviceArray<std::int32_t> exponents;

  Digits(EmulatedDevice& device, const AttentionShape& shape, const std::vector<float>& x,
         std::int64_t heads)
      : digits(device, static_cast<std::int64_t>(x.size())),
        exponents(device, shape.rows() * heads) {
    DeviceArray<float> values(device);
    values.upload(x);
    device.run(QuantizeHeadsBatch{values.data(), shape.rows(), heads, shape.head_dim,
                                  heads * shape.head_dim, nullptr, digits.data(), exponents.data(),
                                  nullptr});
  }
  DeviceHeads heads() const { return {digits.data(), exponents.data()}; }
};

struct DeviceRun {
  Outputs outputs;
  std::int64_t first_non_finite = 0;
  std::int64_t first_trap = 0;
  std::int64_t attention_bytes = 0;  // taken by what the class holds
};

DeviceRun on_the_device(const Case& c, std::uint32_t seed) {
  EmulatedDevice device(seed);
  const Digits q(device, c.shape, c.q, c.shape.heads);
  const Digits k(device, c.shape, c.k, c.shape.kv_heads);
  const Digits v(device, c.shape, c.v, c.shape.kv_heads);
  const DeviceAttentionInputs inputs{q.heads(), k.heads(), v.heads()};
  const auto upload = [&](const std::vector<float>& values) {
    DeviceArray<float> array(device);
    array.upload(values);
    return array;
  };
  DeviceRun run;
  run.outputs = outputs_of(c);
  DeviceArray<float> o = upload(run.outputs.o);
  DeviceArray<float> dq = upload(run.outputs.dq);
  DeviceArray<float> dk = upload(run.outputs.dk);
  DeviceArray<float> dv = upload(run.outputs.dv);
  const DeviceArray<float> d_o = upload(c.d_o);
  DeviceArray<std::int64_t> slots(device);
  slots.upload(std::vector<std::int64_t>{kNoIndex, kNoIndex});
  const std::int64_t free = device.memory().free;
  DeviceAttention attention(device, c.tile);
  attention.forward(c.shape, inputs, o.data(), slots.data());
  attention.backward(c.shape, inputs, o.data(), d_o.data(),
                     gradients_of(c, dq.data(), dk.data(), dv.data()), slots.data() + 1,
                     slots.data());
  run.attention_bytes = free - device.memory().free;
  run.outputs = {o.download(), dq.download(), dk.download(), dv.download()};
  run.first_trap = slots.download()[0];
  run.first_non_finite = slots.download()[1];
  return run;
}

// Where the bits differ first; -1 nowhere.
std::int64_t first_difference(const std::vector<float>& a, const std::vector<float>& b) {
  if (a.size() != b.size()) return 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (to_bits(a[i]) != to_bits(b[i])) return static_cast<std::int64_t>(i);
  }
  return -1;
}

void expect_same(const Case& c, std::uint32_t seed) {
  SCOPED_TRACE(testing::Message() << c.shape.sequences << " sequences of " << c.shape.length << ", "
                                  << c.shape.heads << "/" << c.shape.kv_heads << " heads of "
                                  << c.shape.head_dim << ", tile " << c.tile);
  const Outputs want = on_the_cpu(c);
  const DeviceRun got = on_the_device(c, seed);
  EXPECT_EQ(first_difference(got.outputs.o, want.o), -1);
  EXPECT_EQ(first_difference(got.outputs.dq, want.dq), -1);
  EXPECT_EQ(first_difference(got.outputs.dk, want.dk), -1);
  EXPECT_EQ(first_difference(got.outputs.dv, want.dv), -1);
  EXPECT_EQ(got.first_non_finite, kNoIndex);
  EXPECT_EQ(got.first_trap, kNoIndex);
  EXPECT_EQ(got.attention_bytes, attention_bytes(c.shape, c.tile));
  for (float value : want.dq) ASSERT_TRUE(std::isfinite(value));
  for (float value : want.dk) ASSERT_TRUE(std::isfinite(value));
}

class DeviceAttentionBits : public testing::TestWithParam<std::uint32_t> {};

TEST_P(DeviceAttentionBits, AreThoseOfTheCpu) { expect_same(random_case(GetParam()), GetParam()); }

INSTANTIATE_TEST_SUITE_P(Shapes, DeviceAttentionBits, testing::Range(0U, 30U));

}  // namespace
}  // namespace repro::train

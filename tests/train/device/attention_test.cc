// Attention on a device against train/nn/attention.h, bit by bit.
#include "train/device/attention.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "tests/train/device/emulated_device.h"
#include "tests/train/device/host_values.h"
#include "tests/train/rows/row_inputs.h"
#include "tests/train/rows/run_grid.h"

namespace repro::train {
namespace {

enum class Scale { tame, spread, tiny, gaps };

// Values whose products stay finite. Every (row, head) has a scale of its own, so blocks have
// exponents far apart; some are empty.
std::vector<float> head_values(std::mt19937& random, Scale scale, std::int64_t rows,
                               std::int64_t heads, std::int64_t head_dim) {
  std::vector<float> values;
  for (std::int64_t i = 0; i < rows * heads; ++i) {
    int exponent = 0;
    if (scale == Scale::spread) exponent = static_cast<int>(random() % 61) - 40;
    if (scale == Scale::tiny) exponent = -142 + static_cast<int>(random() % 20);
    const bool empty = scale == Scale::gaps && random() % 3 == 0;
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
  c.shape.head_dim = below(2) == 0 ? 16 : 8 + below(57);
  c.tile = kAttentionBlock * (1 + below(2));
  c.ld_extra = below(2) * 5;
  const auto fill = [&](std::int64_t heads) {
    const auto scale = static_cast<Scale>(below(4));
    return head_values(random, scale, c.shape.rows(), heads, c.shape.head_dim);
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
  HostContext host;
  const auto quantise = [&](const std::vector<float>& x, std::int64_t heads, HeadDigits& out) {
    quantize_heads(host.context, "x", x.data(), c.shape.rows(), heads, c.shape.head_dim,
                   heads * c.shape.head_dim, out);
  };
  AttentionInputs inputs;
  quantise(c.q, c.shape.heads, inputs.q);
  quantise(c.k, c.shape.kv_heads, inputs.k);
  quantise(c.v, c.shape.kv_heads, inputs.v);
  Outputs out = outputs_of(c);
  attention(host.context, c.shape, inputs, out.o.data());
  AttentionScratch scratch;
  attention_backward(host.context, c.shape, inputs, out.o.data(), c.d_o.data(),
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
  std::int64_t first_trap = 0;
  std::int64_t first_non_finite = 0;
};

DeviceRun run_on(EmulatedDevice& device, DeviceAttention& attention, const Case& c) {
  const Digits q(device, c.shape, c.q, c.shape.heads);
  const Digits k(device, c.shape, c.k, c.shape.kv_heads);
  const Digits v(device, c.shape, c.v, c.shape.kv_heads);
  const DeviceAttentionInputs inputs{q.heads(), k.heads(), v.heads()};
  const auto upload = [&](const std::vector<float>& values) {
    DeviceArray<float> array(device);
    array.upload(values);
    return array;
  };
  const Outputs before = outputs_of(c);
  DeviceArray<float> o = upload(before.o);
  DeviceArray<float> dq = upload(before.dq);
  DeviceArray<float> dk = upload(before.dk);
  DeviceArray<float> dv = upload(before.dv);
  const DeviceArray<float> d_o = upload(c.d_o);
  DeviceArray<std::int64_t> slots(device);
  slots.upload(std::vector<std::int64_t>{kNoIndex, kNoIndex});
  attention.forward(c.shape, inputs, o.data(), slots.data());
  attention.backward(c.shape, inputs, o.data(), d_o.data(),
                     gradients_of(c, dq.data(), dk.data(), dv.data()), slots.data() + 1,
                     slots.data());
  const std::vector<std::int64_t> found = slots.download();
  return {{o.download(), dq.download(), dk.download(), dv.download()}, found[0], found[1]};
}

// The first element whose bits differ; -1 if none does.
std::int64_t first_difference(const std::vector<float>& a, const std::vector<float>& b) {
  if (a.size() != b.size()) return 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (to_bits(a[i]) != to_bits(b[i])) return static_cast<std::int64_t>(i);
  }
  return -1;
}

void expect_the_cpus_bits(EmulatedDevice& device, DeviceAttention& attention, const Case& c) {
  SCOPED_TRACE(testing::Message() << c.shape.sequences << " sequences of " << c.shape.length << ", "
                                  << c.shape.heads << " of " << c.shape.kv_heads << " heads of "
                                  << c.shape.head_dim << ", tile " << c.tile);
  const Outputs want = on_the_cpu(c);
  const DeviceRun got = run_on(device, attention, c);
  EXPECT_EQ(first_difference(got.outputs.o, want.o), -1);
  EXPECT_EQ(first_difference(got.outputs.dq, want.dq), -1);
  EXPECT_EQ(first_difference(got.outputs.dk, want.dk), -1);
  EXPECT_EQ(first_difference(got.outputs.dv, want.dv), -1);
  EXPECT_EQ(got.first_trap, kNoIndex);
  EXPECT_EQ(got.first_non_finite, kNoIndex);
  // Else the inputs of this test are too large to show anything.
  for (const auto* values : {&want.o, &want.dq, &want.dk, &want.dv}) {
    for (float value : *values) ASSERT_TRUE(std::isfinite(value));
  }
}

class DeviceAttentionBits : public testing::TestWithParam<std::uint32_t> {};

TEST_P(DeviceAttentionBits, AreTheCpus) {
  const Case c = random_case(GetParam());
  EmulatedDevice device(GetParam());
  DeviceAttention attention(device, c.tile);
  expect_the_cpus_bits(device, attention, c);
}

INSTANTIATE_TEST_SUITE_P(Shapes, DeviceAttentionBits, testing::Range(0U, 24U));

Case shaped_case(const AttentionShape& shape, std::int64_t tile) {
  std::mt19937 random(1);
  Case c;
  c.shape = shape;
  c.tile = tile;
  c.q = head_values(random, Scale::tame, shape.rows(), shape.heads, shape.head_dim);
  c.k = head_values(random, Scale::tame, shape.rows(), shape.kv_heads, shape.head_dim);
  c.v = head_values(random, Scale::tame, shape.rows(), shape.kv_heads, shape.head_dim);
  c.d_o = head_values(random, Scale::tame, shape.rows(), shape.heads, shape.head_dim);
  return c;
}

TEST(DeviceAttention, EndsOfTilesAndBlocks) {
  for (const std::int64_t length : {127, 128, 129, 256, 257}) {
    for (const std::int64_t tile : {128, 256}) {
      const Case c = shaped_case({1, length, 2, 1, 8}, tile);
      EmulatedDevice device;
      DeviceAttention attention(device, tile);
      expect_the_cpus_bits(device, attention, c);
    }
  }
}

TEST(DeviceAttention, WiderHeadsAndLongerSequences) {
  const Case c = shaped_case({1, 400, 2, 1, 64}, 256);
  EmulatedDevice device;
  DeviceAttention attention(device, c.tile);
  expect_the_cpus_bits(device, attention, c);
}

// Warps of 32 lanes, as threads: every program that attention is made of, in its place.
class GridDevice final : public EmulatedDevice {
 public:
  void run(const Program& program) override {
    ++launches_;
    run_grid(program, 1 + launches_ % 3, launches_);
  }

 private:
  std::uint32_t launches_ = 0;
};

TEST(DeviceAttention, TheNumberOfLanesDecidesNoBit) {
  for (const std::int64_t length : {7, 131}) {
    GridDevice device;
    DeviceAttention attention(device, 128);
    expect_the_cpus_bits(device, attention, shaped_case({1, length, 4, 2, 12}, 128));
  }
}

// What an earlier call left in memory may not show.
TEST(DeviceAttention, SmallerAndLargerShapesInTurn) {
  EmulatedDevice device;
  DeviceAttention attention(device, 128);
  for (const std::int64_t length : {150, 20, 200, 1}) {
    expect_the_cpus_bits(device, attention, shaped_case({2, length, 2, 2, 24}, 128));
  }
}

TEST(DeviceAttention, NoSequencesAreNoWork) {
  EmulatedDevice device;
  DeviceAttention attention(device, 128);
  expect_the_cpus_bits(device, attention, shaped_case({0, 10, 2, 1, 8}, 128));
}

TEST(DeviceAttention, ReportsTheFirstGradientThatIsNotFinite) {
  EmulatedDevice device;
  DeviceAttention attention(device, 128);
  Case c = shaped_case({2, 30, 4, 2, 8}, 128);
  c.d_o[1500] = INFINITY;
  c.d_o[1037] = NAN;
  EXPECT_EQ(run_on(device, attention, c).first_non_finite, 1037);
}

TEST(DeviceAttention, HoldsAsMuchMemoryAsItSays) {
  for (const std::int64_t tile : {128, 256}) {
    const Case c = shaped_case({2, 150, 4, 2, 9}, tile);
    EmulatedDevice device(1, 1 << 30);
    DeviceAttention attention(device, tile);
    const std::int64_t free = device.memory().free;
    run_on(device, attention, c);
    EXPECT_EQ(free - device.memory().free, attention_bytes(c.shape, tile));
  }
}

TEST(DeviceAttention, TheTileIsTheLargestThatFits) {
  const AttentionShape shape{4, 1000, 8, 4, 64};
  const auto bytes = [&](std::int64_t tile) { return attention_bytes(shape, tile); };
  EXPECT_LT(bytes(128), bytes(256));
  EXPECT_EQ(attention_tile(shape, bytes(512)), 512);
  EXPECT_EQ(attention_tile(shape, bytes(512) - 1), 384);
  EXPECT_EQ(attention_tile(shape, bytes(256)), 256);
  EXPECT_EQ(attention_tile(shape, 2 * bytes(1024)), 512);
  EXPECT_EQ(attention_tile(shape, 0), 128);
}

TEST(DeviceAttention, RefusesATileThatCutsBlocks) {
  EmulatedDevice device;
  EXPECT_THROW(DeviceAttention(device, 64), Error);
  EXPECT_THROW(DeviceAttention(device, 0), Error);
}

}  // namespace
}  // namespace repro::train

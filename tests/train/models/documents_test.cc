// Attention that stays within documents (data.mask_documents): a document that begins with a block
// of 128 positions has the bits that it has alone, and no document sees another.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "train/nn/attention.h"

namespace repro::train {
namespace {

constexpr std::int64_t kWidth = 2 * 16;    // two query heads
constexpr std::int64_t kKvWidth = 1 * 16;  // share one of keys and values

struct Tensors {
  std::vector<float> q, k, v, d_o;

  explicit Tensors(std::int64_t rows) {
    std::mt19937 random(7);
    std::normal_distribution<float> normal;
    const auto fill = [&](std::int64_t width) {
      std::vector<float> values(static_cast<std::size_t>(rows * width));
      for (float& value : values) value = normal(random);
      return values;
    };
    q = fill(kWidth);
    k = fill(kKvWidth);
    v = fill(kKvWidth);
    d_o = fill(kWidth);
  }
  // Rows [first, first + count).
  Tensors rows(std::int64_t first, std::int64_t count) const {
    Tensors part(0);
    const auto cut = [&](const std::vector<float>& all, std::int64_t width) {
      const auto begin = all.begin() + first * width;
      return std::vector<float>(begin, begin + count * width);
    };
    part.q = cut(q, kWidth);
    part.k = cut(k, kKvWidth);
    part.v = cut(v, kKvWidth);
    part.d_o = cut(d_o, kWidth);
    return part;
  }
};

// o, dq, dk, dv of one sequence.
struct Result {
  std::vector<float> o, dq, dk, dv;
};

Result attend(const Tensors& in, const std::vector<std::int32_t>& begins) {
  Parallel parallel(2);
  const Context context{choose_path("auto"), &parallel};
  const auto length = static_cast<std::int64_t>(in.q.size()) / kWidth;
  AttentionShape shape{1, length, 2, 1, 16, begins};
  AttentionInputs inputs;
  quantize_heads(context, "q", in.q.data(), length, 2, 16, kWidth, inputs.q);
  quantize_heads(context, "k", in.k.data(), length, 1, 16, kKvWidth, inputs.k);
  quantize_heads(context, "v", in.v.data(), length, 1, 16, kKvWidth, inputs.v);
  Result out{in.q, in.q, in.k, in.v};
  attention(context, shape, inputs, out.o.data());
  AttentionScratch scratch;
  attention_backward(context, shape, inputs, out.o.data(), in.d_o.data(),
                     {out.dq.data(), kWidth, out.dk.data(), kKvWidth, out.dv.data(), kKvWidth},
                     scratch);
  return out;
}

void expect_rows(const Result& whole, std::int64_t first, const Result& part) {
  const auto same = [&](const std::vector<float>& a, const std::vector<float>& b,
                        std::int64_t width) {
    return std::equal(b.begin(), b.end(), a.begin() + first * width);
  };
  EXPECT_TRUE(same(whole.o, part.o, kWidth)) << "o from row " << first;
  EXPECT_TRUE(same(whole.dq, part.dq, kWidth)) << "dq from row " << first;
  EXPECT_TRUE(same(whole.dk, part.dk, kKvWidth)) << "dk from row " << first;
  EXPECT_TRUE(same(whole.dv, part.dv, kKvWidth)) << "dv from row " << first;
}

std::vector<std::int32_t> begins_of(const std::vector<std::int32_t>& starts, std::int32_t length) {
  std::vector<std::int32_t> begins;
  for (std::int32_t i = 0; i < length; ++i) {
    begins.push_back(*(std::upper_bound(starts.begin(), starts.end(), i) - 1));
  }
  return begins;
}

TEST(MaskedAttention, OfADocumentIsThatOfItAlone) {
  const Tensors all(300);
  const Result masked = attend(all, begins_of({0, 128, 256}, 300));
  expect_rows(masked, 0, attend(all.rows(0, 128), {}));
  expect_rows(masked, 128, attend(all.rows(128, 128), {}));
  expect_rows(masked, 256, attend(all.rows(256, 44), {}));
}

TEST(MaskedAttention, DoesNotSeeOtherDocuments) {
  Tensors all(300);
  const std::vector<std::int32_t> begins = begins_of({0, 50, 51, 190}, 300);
  const Result before = attend(all, begins);
  // The third document, rows 51 to 189, becomes another one.
  for (std::int64_t i = 51 * kWidth; i < 190 * kWidth; ++i) {
    all.q[static_cast<std::size_t>(i)] *= -3;
    all.d_o[static_cast<std::size_t>(i)] *= 8;
  }
  for (std::int64_t i = 51 * kKvWidth; i < 190 * kKvWidth; ++i) {
    all.k[static_cast<std::size_t>(i)] *= 5;
    all.v[static_cast<std::size_t>(i)] *= 100;
  }
  const Result after = attend(all, begins);
  const auto cut = [](const Result& all_rows, std::int64_t first, std::int64_t count) {
    const auto part = [&](const std::vector<float>& values, std::int64_t width) {
      return std::vector<float>(values.begin() + first * width,
                                values.begin() + (first + count) * width);
    };
    return Result{part(all_rows.o, kWidth), part(all_rows.dq, kWidth), part(all_rows.dk, kKvWidth),
                  part(all_rows.dv, kKvWidth)};
  };
  expect_rows(after, 0, cut(before, 0, 51));
  expect_rows(after, 190, cut(before, 190, 110));
  EXPECT_NE(after.o, before.o);
  EXPECT_NE(attend(all, {}).o, after.o);
}

TEST(MaskedAttention, OfOneDocumentIsWithoutAMask) {
  const Tensors all(200);
  expect_rows(attend(all, begins_of({0}, 200)), 0, attend(all, {}));
}

}  // namespace
}  // namespace repro::train

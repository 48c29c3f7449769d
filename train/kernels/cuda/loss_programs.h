// The losses of rows and what is made of them: sums, and the operands of the logits' gradient.
// Written as row_programs.h says.
#pragma once

#include "train/kernels/cuda/row_programs.h"
#include "train/numerics/quantize.h"

namespace repro::train {

REPRO_HD std::int64_t unit_count(const CrossEntropyBatch& args) { return args.rows; }
template <class Warp>
REPRO_HD void run_unit(const Warp& warp, const CrossEntropyBatch& args, std::int64_t row) {
  float* logits = args.logits + row * args.ld;
  CrossEntropyRowResult result;
  if (args.targets[row] < 0) {
    if (args.backward) detail::clear_from(warp, logits, 0, args.vocab);
  } else {
    if (args.first_non_finite != nullptr) {
      detail::report_first(warp, args.first_non_finite, row * args.vocab,
                           find_non_finite(warp, logits, args.vocab));
    }
    result = cross_entropy_row(warp, CrossEntropyRowArgs{logits, args.vocab, args.targets[row],
                                                         1.0F, args.z_loss, args.backward});
  }
  if (warp.first() == 0) args.results[row] = result;
}

// *most = max(*most, the exponents); an empty one (kNoExponent) raises nothing.
struct MaxExponentBatch {
  const std::int32_t* exponents = nullptr;
  std::int64_t count = 0;
  std::int32_t* most = nullptr;
};

REPRO_HD std::int64_t unit_count(const MaxExponentBatch& args) {
  return piece_count(args.count, kPiece);
}
template <class Warp>
REPRO_HD void run_unit(const Warp& warp, const MaxExponentBatch& args, std::int64_t i) {
  const Piece piece = piece_at(i, args.count, kPiece);
  std::int32_t most = kNoExponent;
  for (std::int64_t j = warp.first(); j < piece.size; j += warp.stride()) {
    most = larger(most, args.exponents[piece.begin + j]);
  }
  most = warp.max(most);
  if (warp.first() == 0) warp.raise(args.most, most);
}

// What the rows of a CrossEntropyBatch add to the sums of a step (language_head.h), and U and the
// target's factor of each row.
struct LossRowsBatch {
  enum Total { kTargets, kCrossEntropy, kZLoss, kCorrect, kTotals };
  const CrossEntropyRowResult* results = nullptr;  // [rows]
  const std::int32_t* targets = nullptr;           // [rows]; below 0: counts nothing
  std::int64_t rows = 0;
  std::int64_t* totals = nullptr;            // [kTotals] +=
  const std::int32_t* max_weight = nullptr;  // the largest exponent of the weight
  std::int32_t* bounds = nullptr;            // [rows]; null: forward only
  float* factors = nullptr;                  // [rows]
};

REPRO_HD std::int64_t unit_count(const LossRowsBatch& args) {
  return piece_count(args.rows, kPiece);
}
template <class Warp>
REPRO_HD void run_unit(const Warp& warp, const LossRowsBatch& args, std::int64_t i) {
  const Piece piece = piece_at(i, args.rows, kPiece);
  std::int64_t sums[LossRowsBatch::kTotals] = {0, 0, 0, 0};
  for (std::int64_t j = warp.first(); j < piece.size; j += warp.stride()) {
    const std::int64_t row = piece.begin + j;
    const CrossEntropyRowResult& result = args.results[row];
    if (args.bounds != nullptr) {
      args.bounds[row] = logit_bound(result.bound, *args.max_weight);
      args.factors[row] = result.a;
    }
    if (args.targets[row] < 0) continue;
    sums[LossRowsBatch::kTargets] += 1;
    sums[LossRowsBatch::kCrossEntropy] += result.ce_units;
    sums[LossRowsBatch::kZLoss] += result.loss_units - result.ce_units;
    sums[LossRowsBatch::kCorrect] += result.correct ? 1 : 0;
  }
  for (int total = 0; total < LossRowsBatch::kTotals; ++total) {
    const std::int64_t sum = warp.sum(sums[total]);
    if (warp.first() == 0) warp.add(args.totals + total, sum);
  }
}

}  // namespace repro::train

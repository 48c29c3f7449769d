// Keys and values of one sequence, all layers, as q15 digits with an exponent per token and head.
#pragma once

#include <cstdint>
#include <vector>

#include "train/nn/attention.h"

namespace repro::train {

class KvCache {
 public:
  // Heads, widths: of the shape. Memory: layers * capacity * kv_heads * (4 * head_dim + 8) bytes.
  KvCache(const AttentionShape& shape, std::int64_t layers, std::int64_t capacity);

  std::int64_t capacity() const { return capacity_; }
  std::int64_t length() const { return length_; }
  // After every layer has stored them.
  void grow(std::int64_t count) { length_ += count; }

  // Copies `range` of a batch's digits (rows in all: `rows`) to its positions.
  void store(std::int64_t layer, const AttentionInputs& heads, std::int64_t rows,
             const PositionRange& range);
  // Position 0 onward.
  HeadRows keys(std::int64_t layer) const { return rows_of(keys_[index(layer)]); }
  HeadRows values(std::int64_t layer) const { return rows_of(values_[index(layer)]); }

 private:
  static std::size_t index(std::int64_t layer) { return static_cast<std::size_t>(layer); }
  HeadRows rows_of(const HeadDigits& digits) const;
  void copy(const HeadDigits& from, std::int64_t rows, const PositionRange& range,
            HeadDigits& to) const;

  std::int64_t heads_;
  std::int64_t width_;
  std::int64_t capacity_;
  std::int64_t length_ = 0;
  std::vector<HeadDigits> keys_;  // digits [capacity, width], exponents [heads][capacity]
  std::vector<HeadDigits> values_;
};

}  // namespace repro::train

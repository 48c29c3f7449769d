#include "train/models/kv_cache.h"

#include <algorithm>

namespace repro::train {

KvCache::KvCache(const AttentionShape& shape, std::int64_t layers, std::int64_t capacity)
    : heads_(shape.kv_heads), width_(shape.kv_width()), capacity_(capacity) {
  for (std::vector<HeadDigits>* all : {&keys_, &values_}) {
    all->resize(index(layers));
    for (HeadDigits& layer : *all) {
      layer.digits.resize(capacity * width_);
      layer.exponents.resize(capacity * heads_);
    }
  }
}

HeadRows KvCache::rows_of(const HeadDigits& digits) const {
  return {digits.digits.data(), digits.exponents.data(), width_, capacity_, 0};
}

void KvCache::copy(const HeadDigits& from, std::int64_t rows, const PositionRange& range,
                   HeadDigits& to) const {
  std::copy_n(from.digits.data() + range.row * width_, range.count * width_,
              to.digits.data() + range.first * width_);
  for (std::int64_t head = 0; head < heads_; ++head) {
    std::copy_n(from.exponents.data() + head * rows + range.row, range.count,
                to.exponents.data() + head * capacity_ + range.first);
  }
}

void KvCache::store(std::int64_t layer, const AttentionInputs& heads, std::int64_t rows,
                    const PositionRange& range) {
  copy(heads.k, rows, range, keys_[index(layer)]);
  copy(heads.v, rows, range, values_[index(layer)]);
}

}  // namespace repro::train

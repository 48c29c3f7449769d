#include "train/data/shard_writer.h"

#include <fmt/format.h>

#include <numeric>

#include "artifacts/base/error.h"
#include "train/data/token_file.h"
#include "train/numerics/functions64.h"

namespace repro::train {
namespace {

std::string encode_ends(std::span<const std::uint64_t> ends) {
  std::string bytes;
  bytes.reserve(ends.size() * 8);
  for (const std::uint64_t end : ends) {
    for (int shift = 0; shift < 64; shift += 8) bytes.push_back(static_cast<char>(end >> shift));
  }
  return bytes;
}

}  // namespace

void TokenCounts::add(std::uint32_t id, std::string_view where) {
  if (id >= counts_.size()) {
    if (id > kMaxTokenId) {
      throw Error(Code::invalid_argument,
                  fmt::format("{}: token id {} is larger than any vocabulary", where, id),
                  "if the file holds uint16 ids without a header, call it NAME.u16");
    }
    counts_.resize(id + 1);
  }
  ++counts_[id];
}

std::int64_t TokenCounts::total() const {
  return std::accumulate(counts_.begin(), counts_.end(), std::int64_t{0});
}

double TokenCounts::entropy() const {
  const auto all = static_cast<double>(total());
  double sum = 0;
  for (const std::int64_t count : counts_) {
    if (count == 0) continue;
    const double share = static_cast<double>(count) / all;
    sum -= share * log64(share);
  }
  return sum;
}

ShardWriter::ShardWriter(artifacts::Store& store, int width, std::int64_t max_shard_bytes)
    : store_(&store),
      width_(static_cast<std::size_t>(width)),
      max_shard_bytes_(static_cast<std::size_t>(max_shard_bytes)) {
  REPRO_CHECK((width == 2 || width == 4) && max_shard_bytes >= width);
}

void ShardWriter::push_id(std::uint32_t id) {
  buffer_.push_back(static_cast<char>(id));
  buffer_.push_back(static_cast<char>(id >> 8));
  if (width_ == 2) {
    REPRO_CHECK(id <= 0xFFFF);
    return;
  }
  buffer_.push_back(static_cast<char>(id >> 16));
  buffer_.push_back(static_cast<char>(id >> 24));
}

void ShardWriter::add(std::span<const std::uint32_t> ids, std::string_view where) {
  for (const std::uint32_t id : ids) {
    if (buffer_.size() + width_ > max_shard_bytes_) cut();
    counts_.add(id, where);
    push_id(id);
  }
}

void ShardWriter::end_document() { ends_.push_back(buffer_.size() / width_); }

void ShardWriter::cut() {
  if (buffer_.empty()) return;
  const std::string ends = encode_ends(ends_);
  shards_.push_back({.tokens = store_->put(buffer_).digest,
                     .num_tokens = static_cast<std::int64_t>(buffer_.size() / width_),
                     .documents = store_->put(ends).digest,
                     .num_documents = static_cast<std::int64_t>(ends_.size())});
  buffer_.clear();
  ends_.clear();
}

void ShardWriter::take_shard(const artifacts::ObjectInfo& tokens, std::string_view where,
                             std::optional<std::uint32_t> end_of_text) {
  cut();
  std::string carry;  // pieces may end inside an id
  std::uint64_t num_tokens = 0;
  std::vector<std::uint64_t> ends;
  store_->read(tokens.digest, [&](std::span<const std::byte> piece) {
    carry.append(reinterpret_cast<const char*>(piece.data()), piece.size());
    const auto bytes = as_bytes(carry);
    const std::size_t count = bytes.size() / width_;
    for (std::size_t i = 0; i < count; ++i) {
      const std::uint32_t id = token_at(bytes, static_cast<int>(width_), i);
      counts_.add(id, where);
      ++num_tokens;
      if (id == end_of_text) ends.push_back(num_tokens);
    }
    carry.erase(0, count * width_);
  });
  if (ends.empty() || ends.back() != num_tokens) ends.push_back(num_tokens);
  shards_.push_back({.tokens = tokens.digest,
                     .num_tokens = static_cast<std::int64_t>(num_tokens),
                     .documents = store_->put(encode_ends(ends)).digest,
                     .num_documents = static_cast<std::int64_t>(ends.size())});
}

std::int64_t ShardWriter::num_documents() const {
  std::int64_t count = 0;
  for (const manifests::Shard& shard : shards_) count += shard.num_documents;
  return count;
}

std::vector<manifests::Shard> ShardWriter::finish() {
  cut();
  return std::move(shards_);
}

}  // namespace repro::train

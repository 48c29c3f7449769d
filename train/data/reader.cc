#include "train/data/reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "artifacts/base/error.h"
#include "train/data/token_file.h"

namespace repro::train {
namespace {

[[noreturn]] void fail_shard(const Digest& object, const std::string& why) {
  throw Error(Code::corruption, fmt::format("object {}: {}", object.hex(), why),
              "the dataset's manifest and its shards do not belong together; add the data again");
}

std::uint64_t parse_end(std::string_view bytes, std::size_t i) {
  std::uint64_t end = 0;
  for (std::size_t k = 0; k < 8; ++k) {
    end |= std::uint64_t{static_cast<unsigned char>(bytes[8 * i + k])} << (8 * k);
  }
  return end;
}

}  // namespace

TokenStream::TokenStream(const artifacts::Store& store, manifests::Dataset dataset,
                         std::int64_t max_cached_bytes)
    : store_(&store),
      dataset_(std::move(dataset)),
      width_(dataset_.dtype == "uint16" ? 2 : 4),
      max_cached_bytes_(max_cached_bytes) {
  for (const manifests::Shard& shard : dataset_.shards) {
    slots_.push_back({.bytes = {}, .first_token = num_tokens_, .last_use = 0});
    num_tokens_ += shard.num_tokens;
  }
}

std::string TokenStream::load_shard(std::size_t shard) const {
  const manifests::Shard& entry = dataset_.shards[shard];
  std::string bytes = store_->get(entry.tokens);
  const auto width = static_cast<std::uint64_t>(width_);
  if (bytes.size() != static_cast<std::uint64_t>(entry.num_tokens) * width) {
    fail_shard(entry.tokens, fmt::format("{} bytes, but the manifest says {} ids of {} bytes",
                                         bytes.size(), entry.num_tokens, width_));
  }
  for (std::size_t i = 0; i < bytes.size() / width; ++i) {
    const std::uint32_t id = token_at(as_bytes(bytes), width_, i);
    if (id < dataset_.vocab_size) continue;
    fail_shard(entry.tokens, fmt::format("token {} is {}, not below the vocabulary's size {}", i,
                                         id, dataset_.vocab_size));
  }
  return bytes;
}

void TokenStream::drop_unused(std::size_t keep) {
  while (cached_bytes_ > max_cached_bytes_) {
    Slot* oldest = nullptr;
    for (Slot& slot : slots_) {
      if (slot.bytes.empty() || &slot == &slots_[keep]) continue;
      if (oldest == nullptr || slot.last_use < oldest->last_use) oldest = &slot;
    }
    if (oldest == nullptr) return;
    cached_bytes_ -= static_cast<std::int64_t>(oldest->bytes.size());
    std::string().swap(oldest->bytes);
  }
}

std::span<const std::byte> TokenStream::shard_bytes(std::size_t shard) {
  Slot& slot = slots_[shard];
  slot.last_use = ++clock_;
  if (slot.bytes.empty()) {
    slot.bytes = load_shard(shard);
    cached_bytes_ += static_cast<std::int64_t>(slot.bytes.size());
    drop_unused(shard);
  }
  return as_bytes(slot.bytes);
}

void TokenStream::read(std::int64_t first, std::span<std::uint32_t> into) {
  const auto count = static_cast<std::int64_t>(into.size());
  REPRO_CHECK(first >= 0 && count <= num_tokens_ && first <= num_tokens_ - count);
  if (count == 0) return;
  const auto after = std::upper_bound(
      slots_.begin(), slots_.end(), first,
      [](std::int64_t token, const Slot& slot) { return token < slot.first_token; });
  auto shard = static_cast<std::size_t>(after - slots_.begin()) - 1;
  std::size_t done = 0;
  for (; done < into.size(); ++shard) {
    const std::int64_t skip = std::max<std::int64_t>(
        0, first + static_cast<std::int64_t>(done) - slots_[shard].first_token);
    const std::int64_t here =
        std::min(dataset_.shards[shard].num_tokens - skip, count - static_cast<std::int64_t>(done));
    if (here <= 0) continue;  // an empty shard is not read
    const auto bytes = shard_bytes(shard);
    for (std::int64_t i = 0; i < here; ++i) {
      into[done++] = token_at(bytes, width_, static_cast<std::size_t>(skip + i));
    }
  }
}

void TokenStream::load_document_ends() {
  if (!ends_.empty()) return;
  for (std::size_t s = 0; s < slots_.size(); ++s) {
    const manifests::Shard& shard = dataset_.shards[s];
    const std::string bytes = store_->get(shard.documents);
    const auto count = static_cast<std::size_t>(shard.num_documents);
    if (bytes.size() != count * 8) {
      fail_shard(shard.documents,
                 fmt::format("{} bytes, but the manifest says {} documents", bytes.size(), count));
    }
    std::uint64_t last = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const std::uint64_t end = parse_end(bytes, i);
      if (end < last || end > static_cast<std::uint64_t>(shard.num_tokens)) {
        fail_shard(shard.documents, fmt::format("the end of document {} is out of order", i));
      }
      ends_.push_back(slots_[s].first_token + static_cast<std::int64_t>(end));
      last = end;
    }
  }
}

void TokenStream::name_source(DocumentPart& part) const {
  std::int64_t before = 0;
  for (const auto& source : dataset_.sources) {
    if (part.index < before + source.documents) {
      part.source = source.path;
      part.index_in_source = part.index - before;
      return;
    }
    before += source.documents;
  }
}

std::vector<DocumentPart> TokenStream::find_documents(std::int64_t first, std::int64_t count) {
  REPRO_CHECK(first >= 0 && count >= 0 && first + count <= num_tokens_);
  std::vector<DocumentPart> parts;
  if (count == 0) return parts;
  load_document_ends();
  const std::int64_t stop = first + count;
  const auto begin = std::upper_bound(ends_.begin(), ends_.end(), first);
  for (auto at = begin; at != ends_.end(); ++at) {
    const std::int64_t start = at == ends_.begin() ? 0 : *(at - 1);
    if (start >= stop) break;
    if (start == *at) continue;
    DocumentPart part{.index = at - ends_.begin(),
                      .first = std::max(start, first),
                      .end = std::min(*at, stop),
                      .source = {},
                      .index_in_source = 0};
    name_source(part);
    parts.push_back(std::move(part));
  }
  return parts;
}

}  // namespace repro::train

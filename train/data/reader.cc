#include "train/data/reader.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "artifacts/base/error.h"
#include "train/data/token_file.h"

namespace repro::train {
namespace {

[[noreturn]] void fail_shard(const Digest& object, const std::string& why) {
  throw Error(Code::corruption, fmt::format("object {}: {}", object.hex(), why),
              "the dataset's manifest and its shards do not belong together; add the data again");
}

void check_size(const manifests::Shard& shard, std::uint64_t bytes, int width) {
  if (bytes == static_cast<std::uint64_t>(shard.num_tokens) * static_cast<std::uint64_t>(width)) {
    return;
  }
  fail_shard(shard.tokens, fmt::format("{} bytes, but the manifest says {} ids of {} bytes", bytes,
                                       shard.num_tokens, width));
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
                         artifacts::Catalogue* catalogue, std::int64_t max_cached_bytes,
                         std::int64_t max_whole_bytes)
    : store_(&store),
      dataset_(std::move(dataset)),
      catalogue_(catalogue),
      width_(dataset_.dtype == "uint16" ? 2 : 4),
      max_cached_bytes_(max_cached_bytes),
      max_whole_bytes_(max_whole_bytes) {
  std::int64_t documents = 0;
  for (const manifests::Shard& shard : dataset_.shards) {
    Slot& slot = slots_.emplace_back();
    slot.first_token = num_tokens_;
    slot.first_document = documents;
    num_tokens_ += shard.num_tokens;
    documents += shard.num_documents;
  }
}

void TokenStream::check_ids(std::size_t shard, std::span<const std::byte> ids,
                            std::int64_t first) const {
  for (std::size_t i = 0; i < ids.size() / static_cast<std::size_t>(width_); ++i) {
    const std::uint32_t id = token_at(ids, width_, i);
    if (id < dataset_.vocab_size) continue;
    fail_shard(dataset_.shards[shard].tokens,
               fmt::format("token {} is {}, not below the vocabulary's size {}",
                           first + static_cast<std::int64_t>(i), id, dataset_.vocab_size));
  }
}

std::string TokenStream::load_shard(std::size_t shard) const {
  const manifests::Shard& entry = dataset_.shards[shard];
  std::string bytes = store_->get(entry.tokens);
  check_size(entry, bytes.size(), width_);
  check_ids(shard, as_bytes(bytes), 0);
  return bytes;
}

// Whether a shard is read in parts. Such a shard is verified here, before its first part.
bool TokenStream::in_parts(std::size_t shard) {
  const manifests::Shard& entry = dataset_.shards[shard];
  if (entry.num_tokens * width_ <= max_whole_bytes_) return false;
  if (slots_[shard].verified) return true;
  const auto file = store_->find_plain_file(entry.tokens);
  if (!file) return false;
  check_size(entry, store_->size_of(entry.tokens), width_);
  const auto known = catalogue_ != nullptr ? catalogue_->find_file(file->path, file->status)
                                           : std::optional<Digest>();
  if (known != entry.tokens) store_->read(entry.tokens, [](std::span<const std::byte>) {});
  slots_[shard].verified = file->status;
  return true;
}

// `first` counts from the shard's begin.
void TokenStream::read_part(std::size_t shard, std::int64_t first, std::span<std::uint32_t> into) {
  const Digest& object = dataset_.shards[shard].tokens;
  const auto width = static_cast<std::size_t>(width_);
  std::vector<std::byte> bytes(into.size() * width);
  const auto file = store_->read_range(object, static_cast<std::uint64_t>(first) * width, bytes);
  if (file.status != slots_[shard].verified) {
    throw Error(Code::corruption,
                fmt::format("object {}: its file {} was changed while it was in use", object.hex(),
                            file.path),
                "nothing may write to the files of a dataset that was added in place; if the bytes "
                "are as they were, run the command again");
  }
  check_ids(shard, bytes, first);
  for (std::size_t i = 0; i < into.size(); ++i) into[i] = token_at(bytes, width_, i);
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

std::size_t TokenStream::shard_of(std::int64_t token) const {
  REPRO_CHECK(token >= 0 && token < num_tokens_);
  const auto after =
      std::upper_bound(slots_.begin(), slots_.end(), token,
                       [](std::int64_t at, const Slot& slot) { return at < slot.first_token; });
  return static_cast<std::size_t>(after - slots_.begin()) - 1;
}

void TokenStream::read(std::int64_t first, std::span<std::uint32_t> into) {
  const auto count = static_cast<std::int64_t>(into.size());
  REPRO_CHECK(first >= 0 && count <= num_tokens_ && first <= num_tokens_ - count);
  if (count == 0) return;
  std::size_t done = 0;
  for (std::size_t shard = shard_of(first); done < into.size(); ++shard) {
    const std::int64_t skip = std::max<std::int64_t>(
        0, first + static_cast<std::int64_t>(done) - slots_[shard].first_token);
    const std::int64_t here =
        std::min(dataset_.shards[shard].num_tokens - skip, count - static_cast<std::int64_t>(done));
    if (here <= 0) continue;  // an empty shard is not read
    const auto part = into.subspan(done, static_cast<std::size_t>(here));
    done += part.size();
    if (in_parts(shard)) {
      read_part(shard, skip, part);
      continue;
    }
    const auto bytes = shard_bytes(shard);
    for (std::size_t i = 0; i < part.size(); ++i) {
      part[i] = token_at(bytes, width_, static_cast<std::size_t>(skip) + i);
    }
  }
}

const std::vector<std::int64_t>& TokenStream::document_ends(std::size_t shard) {
  if (ends_shard_ == shard) return ends_;
  const manifests::Shard& entry = dataset_.shards[shard];
  const std::string bytes = store_->get(entry.documents);
  const auto count = static_cast<std::size_t>(entry.num_documents);
  if (bytes.size() != count * 8) {
    fail_shard(entry.documents,
               fmt::format("{} bytes, but the manifest says {} documents", bytes.size(), count));
  }
  ends_shard_.reset();
  ends_.clear();
  std::uint64_t last = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t end = parse_end(bytes, i);
    if (end < last || end > static_cast<std::uint64_t>(entry.num_tokens)) {
      fail_shard(entry.documents, fmt::format("the end of document {} is out of order", i));
    }
    ends_.push_back(slots_[shard].first_token + static_cast<std::int64_t>(end));
    last = end;
  }
  ends_shard_ = shard;
  return ends_;
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

std::string TokenStream::source_of_shard(std::size_t shard) const {
  DocumentPart first;
  first.index = slots_[shard].first_document;
  name_source(first);
  return first.source;
}

// Documents that end in the shards of the range, and behind them the one that goes on.
std::vector<DocumentPart> TokenStream::find_documents(std::int64_t first, std::int64_t count) {
  REPRO_CHECK(first >= 0 && count >= 0 && first + count <= num_tokens_);
  std::vector<DocumentPart> parts;
  if (count == 0) return parts;
  const std::int64_t stop = first + count;
  std::int64_t start = first;
  const auto take = [&](std::int64_t index, std::int64_t end) {
    if (end == start) return;  // an empty document
    DocumentPart& part = parts.emplace_back();
    part.index = index;
    part.first = start;
    part.end = start = end;
    name_source(part);
  };
  const std::size_t last = shard_of(stop - 1);
  for (std::size_t shard = shard_of(first); shard <= last && start < stop; ++shard) {
    const std::vector<std::int64_t>& ends = document_ends(shard);
    auto at = std::upper_bound(ends.begin(), ends.end(), start);
    for (; at != ends.end() && start < stop; ++at) {
      take(slots_[shard].first_document + (at - ends.begin()), std::min(*at, stop));
    }
  }
  if (start < stop) {
    take(slots_[last].first_document + dataset_.shards[last].num_documents, stop);
  }
  return parts;
}

std::vector<std::string> TokenStream::find_missing() const {
  std::vector<std::string> missing;
  for (std::size_t shard = 0; shard < slots_.size(); ++shard) {
    const Digest& object = dataset_.shards[shard].tokens;
    if (!store_->contains(object)) {
      const std::string source = source_of_shard(shard);
      missing.push_back(source.empty() ? "object " + object.hex()
                                       : fmt::format("{} (object {})", source, object.short_hex()));
      continue;
    }
    const auto link = store_->find_link(object);
    if (link && !store_->files().exists(*link)) missing.push_back(*link);
  }
  return missing;
}

std::string describe_missing(const manifests::Dataset& dataset,
                             std::span<const std::string> missing) {
  constexpr std::size_t kNamed = 5;
  std::string text = fmt::format("{} of {} shards of dataset {} are not here: {}", missing.size(),
                                 dataset.shards.size(), dataset.name,
                                 fmt::join(missing.first(std::min(kNamed, missing.size())), "; "));
  if (missing.size() > kNamed) text += fmt::format("; and {} more", missing.size() - kNamed);
  return text;
}

}  // namespace repro::train

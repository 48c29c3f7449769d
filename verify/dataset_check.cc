#include "verify/dataset_check.h"

#include <algorithm>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "artifacts/base/error.h"

namespace repro::verify {
namespace {

// Little-endian unsigned integers out of pieces cut anywhere.
class IntegerStream {
 public:
  explicit IntegerStream(std::size_t width) : width_(width) {}

  template <class Take>
  void update(std::span<const std::byte> piece, const Take& take) {
    for (const std::byte byte : piece) {
      value_ |= static_cast<std::uint64_t>(byte) << (8 * filled_);
      if (++filled_ < width_) continue;
      take(value_);
      value_ = 0;
      filled_ = 0;
    }
  }

 private:
  std::size_t width_;
  std::size_t filled_ = 0;
  std::uint64_t value_ = 0;
};

std::string check_tokens(const artifacts::Store& store, const manifests::Dataset& dataset,
                         const manifests::Shard& shard) {
  std::uint64_t greatest = 0;
  IntegerStream ids(dataset.dtype == "uint16" ? 2 : 4);
  store.read(shard.tokens, [&](std::span<const std::byte> piece) {
    ids.update(piece, [&](std::uint64_t id) { greatest = std::max(greatest, id); });
  });
  if (shard.num_tokens == 0 || greatest < static_cast<std::uint64_t>(dataset.vocab_size)) return "";
  return "holds token id " + std::to_string(greatest) + ", the vocabulary has " +
         std::to_string(dataset.vocab_size);
}

// A document may go on in the next shard (docs/data.md); only in the `last` one must all end.
std::string check_documents(const artifacts::Store& store, const manifests::Shard& shard,
                            bool last) {
  std::uint64_t previous = 0;
  bool rising = true;
  IntegerStream ends(8);
  store.read(shard.documents, [&](std::span<const std::byte> piece) {
    ends.update(piece, [&](std::uint64_t end) {
      rising = rising && end >= previous;
      previous = end;
    });
  });
  const auto num_tokens = static_cast<std::uint64_t>(shard.num_tokens);
  if (rising && (last ? previous == num_tokens : previous <= num_tokens)) return "";
  return "has document ends that do not rise to its number of tokens";
}

}  // namespace

std::vector<Finding> check_dataset_content(const artifacts::Store& store,
                                           const manifests::Dataset& dataset,
                                           const Digest& manifest) {
  std::vector<Finding> findings;
  const auto add = [&](std::size_t index, const std::string& problem) {
    if (problem.empty()) return;
    findings.push_back({Severity::mismatch,
                        "dataset",
                        store.object_path(manifest),
                        manifest.hex(),
                        {},
                        "shard " + std::to_string(index + 1) + " " + problem});
  };
  for (std::size_t i = 0; i < dataset.shards.size(); ++i) {
    try {
      add(i, check_tokens(store, dataset, dataset.shards[i]));
      add(i, check_documents(store, dataset.shards[i], i + 1 == dataset.shards.size()));
    } catch (const Error& error) {
      if (error.code() != Code::corruption && error.code() != Code::not_found) throw;
    }
  }
  return findings;
}

}  // namespace repro::verify

#include "cli/mixture.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "artifacts/base/error.h"
#include "artifacts/base/number_text.h"
#include "manifests/licence.h"

namespace repro::cli {
namespace {

using manifests::Dataset;
using manifests::Shard;

constexpr std::int64_t kMaxTokens = std::int64_t{1} << 48;
constexpr std::int64_t kMaxPasses = 1000000;
// Shards and sources of one manifest; at some 200 bytes each it stays below what readers take.
constexpr std::size_t kMaxEntries = 200000;
constexpr std::size_t kEndBytes = 8;  // of a document's end offset

std::optional<std::int64_t> find_tokens(std::string_view text) {
  constexpr std::string_view kSuffixes = "kMBT";
  double scale = 1;
  const std::size_t suffix = text.empty() ? std::string_view::npos : kSuffixes.find(text.back());
  if (suffix != std::string_view::npos) {
    scale = std::pow(1000.0, static_cast<double>(suffix + 1));
    text.remove_suffix(1);
  }
  const auto number = find_number(text);
  const double tokens = number ? *number * scale : 0;
  const bool whole =
      tokens >= 1 && tokens <= static_cast<double>(kMaxTokens) && tokens == std::floor(tokens);
  return whole ? std::optional(static_cast<std::int64_t>(tokens)) : std::nullopt;
}

void check_equal(const MixtureInput& a, const MixtureInput& b, const char* what,
                 const std::string& of_a, const std::string& of_b) {
  if (of_a == of_b) return;
  throw Error(
      Code::invalid_argument,
      fmt::format("datasets {} and {} cannot be mixed: their {} is {} and {}", a.name, b.name, what,
                  of_a, of_b),
      "the sources of a mixture are tokenised alike; add the files again with one tokenizer");
}

bool is_ids(const Dataset& dataset) { return dataset.tokenizer == "ids/1"; }

void check_alike(const MixtureInput& a, const MixtureInput& b) {
  const auto file = [](const Dataset& dataset) {
    return dataset.tokenizer_file ? dataset.tokenizer_file->short_hex() : "none";
  };
  const auto end = [](const Dataset& dataset) {
    return dataset.end_of_text ? std::to_string(*dataset.end_of_text) : "none";
  };
  const Dataset& x = a.dataset;
  const Dataset& y = b.dataset;
  check_equal(a, b, "tokenizer", x.tokenizer, y.tokenizer);
  check_equal(a, b, "tokenizer file", file(x), file(y));
  check_equal(a, b, "type of ids", x.dtype, y.dtype);
  check_equal(a, b, "end of text", end(x), end(y));
  // The vocabulary of bare ids is only the greatest of them.
  if (is_ids(x)) return;
  check_equal(a, b, "vocabulary's size", std::to_string(x.vocab_size),
              std::to_string(y.vocab_size));
}

[[noreturn]] void fail_object(const Digest& object, const char* why) {
  throw Error(Code::corruption, fmt::format("object {}: {}", object.hex(), why),
              "the dataset's manifest and its shards do not belong together; add the data again");
}

std::uint64_t offset_at(std::string_view bytes, std::size_t i) {
  std::uint64_t offset = 0;
  for (std::size_t k = 0; k < kEndBytes; ++k) {
    offset |= std::uint64_t{static_cast<unsigned char>(bytes[kEndBytes * i + k])} << (8 * k);
  }
  return offset;
}

class Mixer {
 public:
  explicit Mixer(artifacts::Store& store) : store_(store) {}

  void add(const MixtureInput& input) {
    const std::int64_t available = input.dataset.num_tokens();
    for (std::int64_t left = input.tokens; left > 0;) left -= take_pass(input, left);
    Dataset& mixed = mixture_.dataset;
    mixed.vocab_size = std::max(mixed.vocab_size, input.dataset.vocab_size);
    mixed.parts.push_back({input.name, manifests::dataset_root(input.dataset), input.tokens,
                           available, input.dataset.licence});
  }

  Mixture finish(const Dataset& like) {
    Dataset& mixed = mixture_.dataset;
    mixed.tokenizer = like.tokenizer;
    mixed.tokenizer_file = like.tokenizer_file;
    mixed.dtype = like.dtype;
    mixed.end_of_text = like.end_of_text;
    std::vector<std::string> licences;
    for (const Dataset::Part& part : mixed.parts) licences.push_back(part.licence);
    mixed.licence = manifests::join_licences(licences);
    return std::move(mixture_);
  }

 private:
  // Takes at most `most` tokens from the beginning; how many it took.
  std::int64_t take_pass(const MixtureInput& input, std::int64_t most) {
    std::int64_t taken = 0;
    std::int64_t documents = 0;
    for (const Shard& shard : input.dataset.shards) {
      if (taken == most) break;
      if (shard.num_tokens == 0) continue;
      const std::int64_t count = std::min(shard.num_tokens, most - taken);
      const bool last = count == most - taken;
      mixture_.dataset.shards.push_back(last ? end_at(input, shard, count) : shard);
      taken += count;
      documents += mixture_.dataset.shards.back().num_documents;
      check_entries();
    }
    add_sources(input, documents);
    return taken;
  }

  // The first `count` tokens of a shard, and with the last of them a document ends.
  Shard end_at(const MixtureInput& input, const Shard& shard, std::int64_t count) {
    const auto documents = static_cast<std::size_t>(shard.num_documents);
    const std::string ends = store_.get(shard.documents, kEndBytes * documents);
    if (ends.size() != kEndBytes * documents) fail_object(shard.documents, "not so many documents");
    const auto limit = static_cast<std::uint64_t>(count);
    std::size_t before = 0;
    while (before < documents && offset_at(ends, before) < limit) ++before;
    const bool whole = count == shard.num_tokens;
    if (whole && before < documents) return shard;
    std::string cut = ends.substr(0, kEndBytes * before);
    for (std::size_t k = 0; k < kEndBytes; ++k) cut += static_cast<char>(limit >> (8 * k) & 0xFF);
    Shard part;
    part.tokens = whole ? shard.tokens : copy_begin(input, shard, limit);
    part.num_tokens = count;
    part.documents = store_.put(std::string_view(cut)).digest;
    part.num_documents = static_cast<std::int64_t>(before) + 1;
    return part;
  }

  Digest copy_begin(const MixtureInput& input, const Shard& shard, std::uint64_t count) {
    const std::uint64_t width = input.dataset.dtype == "uint16" ? 2 : 4;
    const auto all = static_cast<std::uint64_t>(shard.num_tokens);
    if (store_.size_of(shard.tokens) != width * all) {
      fail_object(shard.tokens, "its size is not that of its tokens");
    }
    mixture_.notes.push_back(
        fmt::format("{}: its last shard is cut after {} of {} tokens; a copy of them ({}) is put "
                    "into the store",
                    input.name, count_text(static_cast<std::int64_t>(count)),
                    count_text(shard.num_tokens), bytes_text(width * count)));
    return store_.put_prefix(shard.tokens, width * count).digest;
  }

  // The sources in which the first `documents` documents end, so that documents are found by number
  // in a mixture too.
  void add_sources(const MixtureInput& input, std::int64_t documents) {
    std::int64_t left = documents;
    for (Dataset::Source source : input.dataset.sources) {
      if (left == 0) break;
      source.path = input.name + "/" + source.path;
      source.documents = std::min(source.documents, left);
      left -= source.documents;
      mixture_.dataset.sources.push_back(std::move(source));
      check_entries();
    }
    if (left == 0) return;
    mixture_.dataset.sources.push_back(
        {input.name, manifests::dataset_root(input.dataset), 0, left});
  }

  void check_entries() const {
    const Dataset& mixed = mixture_.dataset;
    if (mixed.shards.size() + mixed.sources.size() <= kMaxEntries) return;
    throw Error(Code::invalid_argument,
                fmt::format("the mixture would have more than {} shards and sources", kMaxEntries),
                "repeat less, or make larger shards of the sources first");
  }

  artifacts::Store& store_;
  Mixture mixture_;
};

std::string refused_ids(const std::string& licence, const std::vector<std::string>& allowed) {
  if (licence.empty()) return "no licence recorded";
  std::string refused;
  for (const std::string& id : manifests::licence_ids(licence)) {
    const bool found = std::any_of(allowed.begin(), allowed.end(), [&](const std::string& other) {
      return manifests::same_licence_id(id, other);
    });
    if (!found) refused += (refused.empty() ? "" : ", ") + id;
  }
  return refused;
}

}  // namespace

MixtureSource parse_mixture_source(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  MixtureSource source;
  source.dataset = text.substr(0, colon);
  if (colon == std::string_view::npos) return source;
  const std::string_view much = text.substr(colon + 1);
  if (much.starts_with('x')) {
    const auto passes = find_integer(much.substr(1));
    if (passes && *passes >= 1 && *passes <= kMaxPasses) {
      source.passes = *passes;
      return source;
    }
  } else if (const auto tokens = find_tokens(much)) {
    source.tokens = *tokens;
    return source;
  }
  throw Error(Code::invalid_argument,
              fmt::format("--source '{}': '{}' says neither how often nor how much", text, much),
              "write NAME, NAME:x3 (three times) or NAME:50e9, NAME:1.5B, NAME:12000 (so many "
              "tokens)");
}

Mixture compose_mixture(artifacts::Store& store, const std::vector<MixtureInput>& inputs) {
  REPRO_CHECK(!inputs.empty());
  std::int64_t tokens = 0;
  for (const MixtureInput& input : inputs) {
    check_alike(inputs.front(), input);
    if (input.dataset.num_tokens() == 0) {
      throw Error(Code::invalid_argument, "dataset " + input.name + " has no tokens");
    }
    if (input.tokens > kMaxTokens - tokens) {
      throw Error(Code::invalid_argument,
                  fmt::format("the mixture would have more than {} tokens", count_text(kMaxTokens)),
                  "ask for fewer");
    }
    tokens += input.tokens;
  }
  Mixer mixer(store);
  for (const MixtureInput& input : inputs) mixer.add(input);
  return mixer.finish(inputs.front().dataset);
}

void check_licences(const std::vector<MixtureInput>& inputs,
                    const std::vector<std::string>& allowed) {
  std::string refused;
  for (const MixtureInput& input : inputs) {
    const std::string why = refused_ids(input.dataset.licence, allowed);
    if (!why.empty())
      refused += fmt::format("{}{} ({})", refused.empty() ? "" : ", ", input.name, why);
  }
  if (refused.empty()) return;
  throw Error(Code::invalid_argument, "the list of licences does not permit " + refused,
              "leave these sources out or permit their licence; `repro data add NAME PATH "
              "--licence ID` records one");
}

void print_parts(Io& io, const Dataset& dataset) {
  if (dataset.parts.empty()) return;
  std::vector<std::vector<std::string>> rows = {{"PART", "TOKENS", "SHARE", "PASSES", "LICENCE"}};
  const auto all = static_cast<double>(dataset.num_tokens());
  for (const Dataset::Part& part : dataset.parts) {
    const auto tokens = static_cast<double>(part.tokens);
    rows.push_back({part.name, count_text(part.tokens), fmt::format("{:.2f}%", 100 * tokens / all),
                    fmt::format("{:.4g}", tokens / static_cast<double>(part.source_tokens)),
                    part.licence.empty() ? "none recorded" : part.licence});
  }
  io.table(rows);
}

Json part_records(const Dataset& dataset) {
  Json parts = Json::array();
  for (const Dataset::Part& part : dataset.parts) {
    parts.push_back({{"name", part.name},
                     {"root", part.root.hex()},
                     {"tokens", part.tokens},
                     {"source_tokens", part.source_tokens},
                     {"licence", part.licence}});
  }
  return parts;
}

}  // namespace repro::cli

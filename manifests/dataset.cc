#include "manifests/dataset.h"

#include <nlohmann/json.hpp>

#include "manifests/json_fields.h"
#include "manifests/licence.h"
#include "manifests/parsers.h"
#include "manifests/schema.h"
#include "manifests/text_checks.h"

namespace repro::manifests {
namespace {

constexpr std::string_view kContentSchema = "repro.dataset-content/1";
constexpr std::int64_t kMaxTokens = std::int64_t{1} << 48;

Json shard_json(const Shard& shard) {
  return {{"documents", shard.documents.hex()},
          {"num_documents", shard.num_documents},
          {"num_tokens", shard.num_tokens},
          {"tokens", shard.tokens.hex()}};
}

Json notes_json(const Dataset& dataset) {
  Json sources = Json::array();
  for (const Dataset::Source& source : dataset.sources) {
    sources.push_back({{"digest", source.digest.hex()},
                       {"documents", source.documents},
                       {"path", source.path},
                       {"size", source.size}});
  }
  Json notes = {{"created", dataset.created},
                {"name", dataset.name},
                {"skipped", dataset.skipped},
                {"sources", std::move(sources)},
                {"unigram_entropy", dataset.unigram_entropy}};
  if (!dataset.licence.empty()) notes["licence"] = dataset.licence;
  for (const Dataset::Part& part : dataset.parts) {
    notes["parts"].push_back({{"licence", part.licence},
                              {"name", part.name},
                              {"root", part.root.hex()},
                              {"source_tokens", part.source_tokens},
                              {"tokens", part.tokens}});
  }
  return notes;
}

Shard parse_shard(const Json& json, std::string_view what) {
  check_json_keys(json, {"documents", "num_documents", "num_tokens", "tokens"}, {}, what);
  Shard shard;
  shard.tokens = digest_field(json, "tokens", what);
  shard.num_tokens = int_field(json, "num_tokens", what, 0, kMaxTokens);
  shard.documents = digest_field(json, "documents", what);
  shard.num_documents = int_field(json, "num_documents", what, 0, kMaxTokens);
  return shard;
}

void parse_content(const Json& json, Dataset& dataset, std::string_view what) {
  check_json_keys(json, {"dtype", "schema", "shards", "tokenizer", "vocab_size"},
                  {"end_of_text", "tokenizer_file"}, what);
  check_schema(json, kContentSchema, what);
  dataset.tokenizer = text_field(json, "tokenizer", what);
  dataset.dtype = text_field(json, "dtype", what);
  dataset.vocab_size = int_field(json, "vocab_size", what, 1, std::int64_t{1} << 32);
  if (json.contains("tokenizer_file")) {
    dataset.tokenizer_file = digest_field(json, "tokenizer_file", what);
  }
  if (json.contains("end_of_text")) {
    dataset.end_of_text = int_field(json, "end_of_text", what, 0, dataset.vocab_size - 1);
  }
  for (const Json& shard : json_array(json, "shards", what)) {
    dataset.shards.push_back(parse_shard(shard, what));
  }
}

Dataset::Source parse_source(const Json& json, std::string_view what) {
  check_json_keys(json, {"digest", "documents", "path", "size"}, {}, what);
  Dataset::Source source;
  source.path = text_field(json, "path", what);
  source.digest = digest_field(json, "digest", what);
  source.size = int_field(json, "size", what, 0, kMaxBytes);
  source.documents = int_field(json, "documents", what, 0, kMaxTokens);
  return source;
}

Dataset::Part parse_part(const Json& json, std::string_view what) {
  check_json_keys(json, {"licence", "name", "root", "source_tokens", "tokens"}, {}, what);
  Dataset::Part part;
  part.licence = text_field(json, "licence", what);
  part.name = text_field(json, "name", what);
  part.root = digest_field(json, "root", what);
  part.source_tokens = int_field(json, "source_tokens", what, 1, kMaxTokens);
  part.tokens = int_field(json, "tokens", what, 1, kMaxTokens);
  return part;
}

// Keys that came later are not there where they say nothing.
void parse_later_notes(const Json& json, Dataset& dataset, std::string_view what) {
  if (json.contains("licence")) {
    dataset.licence = text_field(json, "licence", what);
    require(!dataset.licence.empty(), what, "its licence is empty");
  }
  if (!json.contains("parts")) return;
  for (const Json& part : json_array(json, "parts", what)) {
    dataset.parts.push_back(parse_part(part, what));
  }
  require(!dataset.parts.empty(), what, "\"parts\" is empty");
}

void parse_notes(const Json& json, Dataset& dataset, std::string_view what) {
  check_json_keys(json, {"created", "name", "skipped", "sources", "unigram_entropy"},
                  {"licence", "parts"}, what);
  parse_later_notes(json, dataset, what);
  dataset.created = text_field(json, "created", what);
  dataset.name = text_field(json, "name", what);
  dataset.unigram_entropy = text_field(json, "unigram_entropy", what);
  for (const Json& source : json_array(json, "sources", what)) {
    dataset.sources.push_back(parse_source(source, what));
  }
  for (const Json& skipped : json_array(json, "skipped", what)) {
    require(skipped.is_string(), what, "\"skipped\" is not a list of text");
    dataset.skipped.push_back(skipped.get<std::string>());
  }
}

// Everything that must hold whether the values were read or are about to be written.
void check_dataset(const Dataset& dataset, std::string_view what) {
  require(dataset.dtype == "uint16" || dataset.dtype == "uint32", what,
          "its dtype is neither uint16 nor uint32");
  require(dataset.vocab_size >= 1 && dataset.vocab_size <= (std::int64_t{1} << 32) &&
              (dataset.dtype == "uint32" || dataset.vocab_size <= 65536),
          what, "its vocab_size does not fit its dtype");
  require(is_safe_path(dataset.tokenizer), what, "its tokenizer is no NAME/VERSION");
  require(dataset.tokenizer.starts_with("bpe/") == dataset.tokenizer_file.has_value(), what,
          "a tokenizer_file goes with the tokenizer bpe, and no other");
  require(
      !dataset.end_of_text || (dataset.tokenizer_file && *dataset.end_of_text < dataset.vocab_size),
      what, "its end_of_text is no id of its tokenizer");
  std::int64_t tokens = 0;
  for (const Shard& shard : dataset.shards) {
    require(shard.num_tokens >= 0 && shard.num_tokens <= kMaxTokens - tokens, what,
            "it has too many tokens");
    tokens += shard.num_tokens;
  }
  for (const Dataset::Source& source : dataset.sources) {
    require(is_safe_path(source.path), what, "a source path is not relative, normalised UTF-8");
  }
  for (const std::string& skipped : dataset.skipped) {
    require(is_plain_text(skipped), what, "a skipped path is not printable text");
  }
  require(dataset.licence.empty() || is_licence(dataset.licence), what,
          "its licence is no list of SPDX identifiers");
  for (const Dataset::Part& part : dataset.parts) {
    require(is_plain_text(part.name), what, "the name of a part is not printable text");
    require(part.licence.empty() || is_licence(part.licence), what,
            "the licence of a part is no list of SPDX identifiers");
  }
  for (const std::string* text : {&dataset.name, &dataset.created, &dataset.unigram_entropy}) {
    require(is_plain_text(*text), what, "a note is not printable text");
  }
}

}  // namespace

std::int64_t Dataset::num_tokens() const {
  std::int64_t count = 0;
  for (const Shard& shard : shards) count += shard.num_tokens;
  return count;
}

std::int64_t Dataset::num_documents() const {
  std::int64_t count = 0;
  for (const Shard& shard : shards) count += shard.num_documents;
  return count;
}

Json dataset_content(const Dataset& dataset) {
  Json shards = Json::array();
  for (const Shard& shard : dataset.shards) shards.push_back(shard_json(shard));
  Json content = {{"dtype", dataset.dtype},
                  {"schema", kContentSchema},
                  {"shards", std::move(shards)},
                  {"tokenizer", dataset.tokenizer},
                  {"vocab_size", dataset.vocab_size}};
  if (dataset.tokenizer_file) content["tokenizer_file"] = dataset.tokenizer_file->hex();
  if (dataset.end_of_text) content["end_of_text"] = *dataset.end_of_text;
  return content;
}

Digest dataset_root(const Dataset& dataset) {
  return sha256(encode_json(dataset_content(dataset)));
}

std::string encode_dataset(const Dataset& dataset) {
  check_as(Code::invalid_argument, "cannot write",
           [&] { check_dataset(dataset, "dataset manifest"); });
  return encode_json({{"content", dataset_content(dataset)},
                      {"notes", notes_json(dataset)},
                      {"root", dataset_root(dataset).hex()},
                      {"schema", kDatasetSchema}});
}

Dataset dataset_from_json(const Json& json, std::string_view what) {
  check_schema(json, kDatasetSchema, what);
  check_json_keys(json, {"content", "notes", "root", "schema"}, {}, what);
  Dataset dataset;
  parse_content(json.at("content"), dataset, what);
  parse_notes(json.at("notes"), dataset, what);
  check_dataset(dataset, what);
  require(digest_field(json, "root", what) == dataset_root(dataset), what,
          "its root is not that of its content");
  return dataset;
}

Dataset parse_dataset(std::string_view json, std::string_view what) {
  return dataset_from_json(parse_canonical_json(json, what), what);
}

}  // namespace repro::manifests

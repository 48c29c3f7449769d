#include "train/data/batch.h"

#include <nlohmann/json.hpp>
#include <string>

#include "artifacts/base/error.h"
#include "train/data/text.h"
#include "train/data/token_file.h"

namespace repro::train {
namespace {

constexpr const char* kDocumentMark = "<|end|>";

std::string decode_for_people(const Tokenizer& tokenizer, std::span<const std::uint32_t> ids) {
  const auto end = tokenizer.end_of_text();
  std::string text;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (!end || ids[i] != *end) continue;
    text += to_utf8(tokenizer.decode(ids.subspan(begin, i - begin))) + kDocumentMark;
    begin = i + 1;
  }
  return text + to_utf8(tokenizer.decode(ids.subspan(begin)));
}

Json describe_documents(TokenStream& stream, std::int64_t first, std::int64_t count) {
  std::vector<DocumentPart> parts;
  try {
    parts = stream.find_documents(first, count);
  } catch (const Error& error) {
    if (error.code() == Code::not_found) return nullptr;
    throw;
  }
  Json documents = Json::array();
  for (const DocumentPart& part : parts) {
    documents.push_back({{"source", part.source},
                         {"document", part.index_in_source},
                         {"first", part.first - first},
                         {"tokens", part.end - part.first}});
  }
  return documents;
}

}  // namespace

std::span<const std::uint32_t> Batch::row(std::size_t sample) const {
  const auto length = static_cast<std::size_t>(sequence_length);
  return std::span(tokens).subspan(sample * length, length);
}

std::vector<bool> Batch::repetitive(const RepetitionLimits& limits) const {
  std::vector<bool> flags;
  if (limits.max_period == 0) return flags;
  for (std::size_t i = 0; i < samples.size(); ++i) flags.push_back(is_repetitive(row(i), limits));
  return flags;
}

Batch read_batch(TokenStream& stream, const SampleOrder& order, std::int64_t batch_index) {
  REPRO_CHECK(stream.num_tokens() == order.spec().num_tokens());
  Batch batch{.index = batch_index,
              .sequence_length = order.spec().sequence_length,
              .samples = order.batch(batch_index),
              .tokens = {},
              .digest = {},
              .begins = {}};
  const auto length = static_cast<std::size_t>(batch.sequence_length);
  batch.tokens.resize(batch.samples.size() * length);
  for (std::size_t i = 0; i < batch.samples.size(); ++i) {
    stream.read(batch.samples[i].first_token, std::span(batch.tokens).subspan(i * length, length));
  }
  batch.digest = token_digest(batch.tokens);
  return batch;
}

std::vector<std::uint32_t> read_held_out(TokenStream& stream, const SampleOrder& order,
                                         std::int64_t i) {
  REPRO_CHECK(stream.num_tokens() == order.spec().num_tokens());
  std::vector<std::uint32_t> tokens(static_cast<std::size_t>(order.spec().sequence_length));
  stream.read(order.first_token(order.held_out_instance(i)), tokens);
  return tokens;
}

std::vector<std::int32_t> document_begins(TokenStream& stream, std::int64_t first,
                                          std::int64_t count) try {
  std::vector<std::int32_t> begins;
  begins.reserve(static_cast<std::size_t>(count));
  for (const DocumentPart& part : stream.find_documents(first, count)) {
    begins.insert(begins.end(), static_cast<std::size_t>(part.end - part.first),
                  static_cast<std::int32_t>(part.first - first));
  }
  return begins;
} catch (const Error& error) {
  if (error.code() != Code::not_found) throw;
  throw Error(
      Code::not_found,
      "data.mask_documents needs the ends of documents, which are not here: " + error.message(),
      "add the data again with its documents, or leave data.mask_documents out");
}

Json describe_samples(TokenStream& stream, const SampleOrder& order, std::int64_t batch_index) {
  const std::int64_t length = order.spec().sequence_length;
  Json samples = Json::array();
  for (const Sample& sample : order.batch(batch_index)) {
    Json entry = {{"index", sample.index},
                  {"epoch", sample.epoch},
                  {"instance", sample.instance},
                  {"first_token", sample.first_token},
                  {"documents", describe_documents(stream, sample.first_token, length)}};
    if (order.windows_end_with_shards()) {
      const std::size_t shard = stream.shard_of(sample.first_token);
      entry["source"] = stream.source_of_shard(shard);
      entry["window"] = (sample.first_token - stream.first_token(shard)) / length;
    }
    samples.push_back(std::move(entry));
  }
  return samples;
}

void describe_tokens(Json& samples, const Batch& batch, const RepetitionLimits& limits,
                     const Tokenizer* tokenizer) {
  const bool filters = limits.max_period > 0;
  for (std::size_t i = 0; i < batch.samples.size(); ++i) {
    samples[i]["digest"] = token_digest(batch.row(i)).hex();
    if (filters || samples[i].contains("source")) {
      samples[i]["repetitive"] = is_repetitive(batch.row(i), filters ? limits : RepetitionLimits{});
    }
    if (tokenizer != nullptr) samples[i]["text"] = decode_for_people(*tokenizer, batch.row(i));
  }
}

}  // namespace repro::train

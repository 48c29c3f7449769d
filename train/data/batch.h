// Batches: the tokens of a step, in the order of docs/order.md.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "artifacts/base/digest.h"
#include "artifacts/base/json.h"
#include "train/data/order.h"
#include "train/data/reader.h"
#include "train/data/repetition.h"
#include "train/tokenizer/tokenizer.h"

namespace repro::train {

struct Batch {
  std::int64_t index = 0;            // of the order
  std::int64_t sequence_length = 0;  // T
  std::vector<Sample> samples;       // B
  std::vector<std::uint32_t>
      tokens;     // B * T ids, a sample a row; token t of a row predicts token t + 1
  Digest digest;  // token_digest(tokens), token_file.h
  std::vector<std::int32_t> begins;  // [B * T] with data.mask_documents: document_begins of a row

  std::span<const std::uint32_t> row(std::size_t sample) const;
  // Of each sample, whether it is repetitive; empty where the limits have no period.
  std::vector<bool> repetitive(const RepetitionLimits& limits) const;
};

// Batch `batch_index` of the order. The stream must be the one the order was planned for.
Batch read_batch(TokenStream& stream, const SampleOrder& order, std::int64_t batch_index);
// The tokens of held-out instance `i` (0 <= i < num_held_out()).
std::vector<std::uint32_t> read_held_out(TokenStream& stream, const SampleOrder& order,
                                         std::int64_t i);

// Of `count` tokens from `first` of the stream: the position among them where each token's document
// begins, 0 for one that began before. Error(not_found) where the ends of documents are not here.
std::vector<std::int32_t> document_begins(TokenStream& stream, std::int64_t first,
                                          std::int64_t count);

// The samples of a batch for people, as the worker's event `batch` has them: a list of {"index",
// "instance", "epoch", "first_token", "documents": [{"source","document","first","tokens"}]}. Where
// instances lie in one shard each also "source", its file, and "window", the instance's number in
// it. Needs no tokens; "documents" is null where the store has not their ends.
Json describe_samples(TokenStream& stream, const SampleOrder& order, std::int64_t batch_index);
// Adds "digest" to each; "repetitive", whether it is without loss by the recipe's limits, or, where
// the recipe has none and there is a "source", by those of OLMo's trainer; and with a tokenizer
// "text": the decoded pieces, "<|end|>" between documents, bytes that are no UTF-8 as U+FFFD.
void describe_tokens(Json& samples, const Batch& batch, const RepetitionLimits& limits,
                     const Tokenizer* tokenizer);

}  // namespace repro::train

// What the worker commands `generate` and `score` work on: part of a run spec.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "artifacts/base/json.h"

namespace repro::manifests {

// Bytes that the tokenizer of the run's data encodes, or ids as they are.
struct ModelText {
  std::string bytes;
  std::vector<std::uint32_t> ids;
  bool as_ids = false;
  // score: what stands before the text. It is encoded by itself, so that the text's tokens are
  // those of the text, and none of its own is scored. Where it is empty, the text begins as a
  // document does: behind the tokenizer's end of text, if there is one. Only of a text of bytes.
  std::optional<std::string> context = std::nullopt;

  bool operator==(const ModelText&) const = default;
};

inline constexpr std::int64_t kMaxInferenceCount = std::int64_t{1} << 32;

struct InferenceRequest {
  std::vector<ModelText> texts;  // prompts, or what is scored
  std::int64_t batch = 8;        // sequences at once
  std::string profile;           // "exact", "native"; "": that of the run, of a model exact
  // generate
  std::int64_t samples = 1;  // sequences of each prompt
  std::int64_t max_tokens = 64;
  std::int64_t seed = 0;
  std::int64_t top_k = 0;   // 0: not given
  std::string temperature;  // as the person wrote it, "": not given
  std::string top_p;
  // score
  bool each_token = false;  // the log-probability of every token too

  bool operator==(const InferenceRequest&) const = default;
};

// Bytes travel as hex digits, so they may be any.
Json inference_json(const InferenceRequest& request);
// Strict but for `check_inference`. Both: Error(corruption).
InferenceRequest inference_from_json(const Json& json, std::string_view what);

// Counts in 1..2^32, numbers printable.
void check_inference(const InferenceRequest& request, std::string_view what);

}  // namespace repro::manifests

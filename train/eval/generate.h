// Continuing prompts with a language model. Up to `batch` sequences run at once; one that ends
// makes room for the next. What shares a batch, and the order of events, changes no bit of a
// sequence.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "train/eval/sampling.h"
#include "train/models/language_model.h"

namespace repro::train {

using TokenIds = std::vector<std::uint32_t>;

struct GenerationRequest {
  std::vector<TokenIds> prompts;
  std::int64_t samples = 1;      // sequences of each prompt
  std::int64_t max_tokens = 64;  // new ones; fewer where the model's positions end
  std::int64_t batch = 8;
  SamplingRule rule;
  std::uint64_t seed = 0;
  std::optional<std::uint32_t> end;  // the token that ends a sequence
};

enum class StopReason : std::uint8_t { end_token, max_tokens, positions };
std::string_view stop_reason_name(StopReason reason);

// Sequence number prompt * samples + sample, which also keys its random numbers.
struct GeneratedSequence {
  std::int64_t prompt = 0;
  std::int64_t sample = 0;
  TokenIds tokens;                       // the new ones
  std::vector<float> log_probabilities;  // of each, at temperature 1 over the whole vocabulary
  StopReason stop = StopReason::max_tokens;
};

// What a model can take; known before it is loaded.
struct TokenLimits {
  std::int64_t vocab_size = 0;
  std::int64_t max_length = 0;
};
TokenLimits limits_of(const LanguageModel& model);

// Error(invalid_argument) for no prompt, one that is empty, has an id outside the vocabulary, or
// leaves no position for a new token; or for counts below 1.
void check_generation(const TokenLimits& limits, const GenerationRequest& request);

// Hands out each sequence, in the order of their numbers. `poll` is called before every step and
// may throw. Errors of `check_generation`, before anything is generated.
void generate(LanguageModel& model, const RowKernels& rows, const GenerationRequest& request,
              const std::function<void(const GeneratedSequence&)>& give,
              const std::function<void()>& poll);

// Tokens that a prompt's sequence gets per step, so that long prompts do not need memory for all of
// their activations at once.
inline constexpr std::int64_t kPrefillChunk = 256;

// Error(invalid_argument) as above; `what` names the text.
void check_tokens(const TokenLimits& limits, std::span<const std::uint32_t> tokens,
                  const std::string& what);

}  // namespace repro::train

// The seam between inference (train/eval) and whatever continues sequences of tokens.
//
// A model keeps what it has seen of each open sequence (a KV cache). In the exact profile the
// logits of a position are a function of the tokens up to it alone: how a sequence is cut into
// calls, which sequences share a call, threads and kernels change no bit.
//
//   const std::int64_t sequence = model.open(capacity);
//   model.extend({{sequence, prompt, LogitsOf::last}}, sink);   // prefill
//   model.extend({{sequence, token, LogitsOf::last}}, sink);    // decode
//   model.close(sequence);
//
// Thread rules: one thread calls; a call uses the model's own threads.
#pragma once

#include <cstdint>
#include <functional>
#include <span>

namespace repro::train {

// Logits [V] of one position, valid during the call and the callee's to overwrite. `item`: index
// into the batch. Comes from several threads at once, each (item, position) once.
using LogitsSink =
    std::function<void(std::size_t item, std::int64_t position, std::span<float> logits)>;

class LanguageModel {
 public:
  enum class LogitsOf : std::uint8_t { none, last, all };

  struct Extension {
    std::int64_t sequence = 0;
    std::span<const std::uint32_t> tokens;  // at least one
    LogitsOf logits = LogitsOf::last;
  };

  virtual ~LanguageModel() = default;

  virtual std::int64_t vocab_size() const = 0;
  // Most tokens a sequence may have.
  virtual std::int64_t max_length() const = 0;

  // An empty sequence with room for `capacity` tokens (1..max_length()); its name.
  virtual std::int64_t open(std::int64_t capacity) = 0;
  virtual void close(std::int64_t sequence) = 0;
  // Tokens seen.
  virtual std::int64_t length(std::int64_t sequence) const = 0;

  // Appends tokens to different sequences of any lengths at once. Error(invalid_argument) for an id
  // outside the vocabulary, no tokens, or more than there is room for; then nothing has changed.
  virtual void extend(std::span<const Extension> batch, const LogitsSink& sink) = 0;
};

}  // namespace repro::train

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "artifacts/base/error.h"
#include "train/data/text.h"
#include "train/eval/generate.h"
#include "train/eval/score.h"
#include "train/worker/commands.h"
#include "train/worker/events.h"
#include "train/worker/loaded_model.h"

namespace repro::train {
namespace {

void check_stop() {
  if (stop_requested || reader_left()) throw Error(Code::cancelled, "interrupted");
}

TokenIds encode_bytes(const Tokenizer& tokenizer, const std::string& bytes) {
  TokenIds ids;
  tokenizer.encode(bytes, [&](std::span<const std::uint32_t> piece) {
    ids.insert(ids.end(), piece.begin(), piece.end());
  });
  return ids;
}

TokenIds encode_text(const Tokenizer& tokenizer, const manifests::ModelText& text) {
  return text.as_ids ? text.ids : encode_bytes(tokenizer, text.bytes);
}

// What stands before a text that begins like a document, or behind a context.
TokenIds encode_context(const Tokenizer& tokenizer, const std::string& context) {
  if (!context.empty()) return encode_bytes(tokenizer, context);
  const auto end = tokenizer.end_of_text();
  return end ? TokenIds{*end} : TokenIds{};
}

std::int64_t units_of(const std::vector<float>& log_probabilities) {
  std::int64_t units = 0;
  for (const float value : log_probabilities) units += log_probability_units(value);
  return units;
}

double value_of_units(std::int64_t units) { return static_cast<double>(units) * 0x1p-30; }

// What the ids say, where that can be a JSON string; otherwise its bytes as hex digits.
void add_text(Json& event, const Tokenizer& tokenizer, const TokenIds& ids) {
  const std::string text = tokenizer.decode(ids);
  if (to_utf8(text) == text) {
    event["text"] = text;
  } else {
    event["bytes"] = hex_encode({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  }
}

Json generated_event(const GeneratedSequence& sequence, const Tokenizer& tokenizer) {
  const std::int64_t units = units_of(sequence.log_probabilities);
  Json event = {{"type", "generated"},
                {"prompt", sequence.prompt},
                {"sample", sequence.sample},
                {"ids", sequence.tokens},
                {"log_probabilities", sequence.log_probabilities},
                {"log_likelihood", value_of_units(units)},
                {"log_likelihood_units", units},
                {"stop", stop_reason_name(sequence.stop)}};
  add_text(event, tokenizer, sequence.tokens);
  return event;
}

// The texts to score as sequences that the model can take, and their scores as texts again.
class ScoredTexts {
 public:
  ScoredTexts(const manifests::InferenceRequest& wanted, const Tokenizer& tokenizer,
              const TokenLimits& limits)
      : each_token_(wanted.each_token) {
    for (const manifests::ModelText& text : wanted.texts) {
      const TokenIds ids = encode_text(tokenizer, text);
      if (!text.context) {
        add({{{ids, 1}}, 0});
        continue;
      }
      add(cut_continuation(encode_context(tokenizer, *text.context), ids, limits.max_length));
    }
    check_texts(limits, sequences_);
  }

  std::span<const TokenIds> sequences() const { return sequences_; }

  // The score of the next sequence; a text is told with its last.
  void take(const ScoredText& scored) {
    const Sequence& sequence = places_[next_];
    const auto first = static_cast<std::ptrdiff_t>(sequence.first - 1);
    const std::vector<float> counted(scored.log_probabilities.begin() + first,
                                     scored.log_probabilities.end());
    units_ += units_of(counted);
    tokens_ += counted.size();
    const bool last = next_ + 1 == places_.size() || places_[next_ + 1].text != sequence.text;
    if (last) tell(sequence, scored);
    ++next_;
  }

 private:
  struct Sequence {
    std::size_t text = 0;
    std::size_t first = 1;  // token that is counted
    std::size_t dropped = 0;
  };

  void add(ScoredPieces cut) {
    for (ScoredPiece& piece : cut.pieces) {
      places_.push_back({num_texts_, piece.first, cut.dropped});
      sequences_.push_back(std::move(piece.tokens));
    }
    ++num_texts_;
  }

  void tell(const Sequence& sequence, const ScoredText& scored) {
    Json event = {{"type", "scored"},
                  {"number", sequence.text},
                  {"tokens", tokens_},
                  {"dropped", sequence.dropped},
                  {"log_likelihood", value_of_units(units_)},
                  {"log_likelihood_units", units_}};
    if (each_token_) {
      event["ids"] = sequences_[next_];
      event["log_probabilities"] = scored.log_probabilities;
    }
    emit(event);
    units_ = 0;
    tokens_ = 0;
  }

  bool each_token_;
  std::vector<TokenIds> sequences_;
  std::vector<Sequence> places_;  // of each sequence
  std::size_t num_texts_ = 0;
  std::size_t next_ = 0;
  std::int64_t units_ = 0;  // of the text that is not told yet
  std::size_t tokens_ = 0;
};

void emit_done(const manifests::RunSpec& spec, const char* status) {
  emit({{"type", "done"},
        {"run", spec.model ? Json() : Json(spec.run.id)},
        {"step", spec.model ? Json() : Json(spec.last)},
        {"status", status}});
}

}  // namespace

void run_generate(const manifests::RunSpec& spec) {
  const manifests::InferenceRequest& wanted = *spec.inference;
  GenerationRequest request;
  request.rule = make_sampling_rule(wanted.temperature, wanted.top_k, wanted.top_p);
  request.samples = wanted.samples;
  request.max_tokens = wanted.max_tokens;
  request.batch = wanted.batch;
  request.seed = static_cast<std::uint64_t>(wanted.seed);
  LoadedModel loaded(spec);
  const Tokenizer& tokenizer = loaded.tokenizer();
  for (const manifests::ModelText& text : wanted.texts) {
    request.prompts.push_back(encode_text(tokenizer, text));
  }
  request.rule.candidates = tokenizer.vocab_size();
  request.end = loaded.end_of_text();
  check_generation(loaded.limits(), request);
  generate(
      loaded.load(), loaded.rows(), request,
      [&](const GeneratedSequence& sequence) { emit(generated_event(sequence, tokenizer)); },
      check_stop);
  emit_done(spec, "generated");
}

void run_score(const manifests::RunSpec& spec) {
  const manifests::InferenceRequest& wanted = *spec.inference;
  LoadedModel loaded(spec);
  ScoredTexts texts(wanted, loaded.tokenizer(), loaded.limits());
  score(
      loaded.load(), loaded.rows(), texts.sequences(), wanted.batch,
      [&](const ScoredText& scored) { texts.take(scored); }, check_stop);
  emit_done(spec, "scored");
}

}  // namespace repro::train

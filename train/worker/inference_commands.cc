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

std::vector<TokenIds> encode_texts(const manifests::InferenceRequest& request,
                                   const Tokenizer& tokenizer) {
  std::vector<TokenIds> texts;
  for (const manifests::ModelText& text : request.texts) {
    TokenIds ids = text.ids;
    if (!text.as_ids) {
      tokenizer.encode(text.bytes, [&](std::span<const std::uint32_t> piece) {
        ids.insert(ids.end(), piece.begin(), piece.end());
      });
    }
    texts.push_back(std::move(ids));
  }
  return texts;
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

Json scored_event(std::size_t number, const TokenIds& ids, const ScoredText& scored,
                  bool each_token) {
  Json event = {{"type", "scored"},
                {"number", number},
                {"tokens", scored.log_probabilities.size()},
                {"log_likelihood", value_of_units(scored.units)},
                {"log_likelihood_units", scored.units}};
  if (each_token) {
    event["ids"] = ids;
    event["log_probabilities"] = scored.log_probabilities;
  }
  return event;
}

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
  request.prompts = encode_texts(wanted, tokenizer);
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
  const std::vector<TokenIds> texts = encode_texts(wanted, loaded.tokenizer());
  check_texts(loaded.limits(), texts);
  std::size_t number = 0;
  score(
      loaded.load(), loaded.rows(), texts, wanted.batch,
      [&](const ScoredText& scored) {
        emit(scored_event(number, texts[number], scored, wanted.each_token));
        ++number;
      },
      check_stop);
  emit_done(spec, "scored");
}

}  // namespace repro::train

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "artifacts/base/error.h"
#include "train/data/text.h"
#include "train/eval/generate.h"
#include "train/eval/scored_texts.h"
#include "train/worker/commands.h"
#include "train/worker/events.h"
#include "train/worker/loaded_model.h"

namespace repro::train {
namespace {

// Whether anybody still waits for the answer.
void check_asked() {
  check_stop();
  if (reader_left()) throw Error(Code::cancelled, "interrupted");
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
  const std::int64_t units = sum_of_units(sequence.log_probabilities);
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

Json scored_event(const ScoredTexts::Result& text) {
  return {{"type", "scored"},
          {"number", text.text},
          {"tokens", text.tokens},
          {"dropped", text.dropped},
          {"log_likelihood", value_of_units(text.units)},
          {"log_likelihood_units", text.units}};
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
  for (const manifests::ModelText& text : wanted.texts) {
    request.prompts.push_back(encode_text(tokenizer, text));
  }
  request.rule.candidates = tokenizer.vocab_size();
  request.end = loaded.end_of_text();
  check_generation(loaded.limits(), request);
  generate(
      loaded.load(), loaded.rows(), request,
      [&](const GeneratedSequence& sequence) { emit(generated_event(sequence, tokenizer)); },
      check_asked);
  emit_done(spec, "generated");
}

void run_score(const manifests::RunSpec& spec) {
  const manifests::InferenceRequest& wanted = *spec.inference;
  LoadedModel loaded(spec);
  ScoredTexts texts(wanted.texts, loaded.tokenizer(), loaded.limits());
  const auto take = [&](const ScoredText& scored) {
    const auto text = texts.take(scored);
    if (!text) return;
    Json event = scored_event(*text);
    if (wanted.each_token) {
      event["ids"] = texts.sequences()[text->sequence];
      event["log_probabilities"] = scored.log_probabilities;
    }
    emit(event);
  };
  score(loaded.load(), loaded.rows(), texts.sequences(), wanted.batch, take, check_asked);
  emit_done(spec, "scored");
}

}  // namespace repro::train

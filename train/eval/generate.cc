#include "train/eval/generate.h"

#include <algorithm>
#include <map>
#include <string>

#include "artifacts/base/error.h"

namespace repro::train {
namespace {

// A sequence that is being continued.
struct Active {
  std::int64_t number = 0;
  std::int64_t handle = 0;
  TokenIds pending;  // tokens the model has not seen
  std::int64_t limit = 0;
  GeneratedSequence result;
  bool done = false;
};

class Generation {
 public:
  Generation(LanguageModel& model, const RowKernels& rows, const GenerationRequest& request,
             const std::function<void(const GeneratedSequence&)>& give)
      : model_(model), rows_(rows), request_(request), give_(give) {}

  bool finished() const { return active_.empty() && next_ == total(); }

  void step() {
    while (next_ < total() && static_cast<std::int64_t>(active_.size()) < request_.batch) {
      begin(next_++);
    }
    extend();
    for (Active& sequence : active_) {
      if (sequence.done) finish(sequence);
    }
    std::erase_if(active_, [](const Active& sequence) { return sequence.done; });
    while (!waiting_.empty() && waiting_.begin()->first == given_) {
      give_(waiting_.begin()->second);
      waiting_.erase(waiting_.begin());
      ++given_;
    }
  }

 private:
  std::int64_t total() const {
    return static_cast<std::int64_t>(request_.prompts.size()) * request_.samples;
  }

  void begin(std::int64_t number) {
    Active sequence;
    sequence.number = number;
    sequence.result.prompt = number / request_.samples;
    sequence.result.sample = number % request_.samples;
    sequence.pending = request_.prompts[static_cast<std::size_t>(sequence.result.prompt)];
    const auto length = static_cast<std::int64_t>(sequence.pending.size());
    sequence.limit = std::min(request_.max_tokens, model_.max_length() - length);
    sequence.handle = model_.open(length + sequence.limit);
    active_.push_back(std::move(sequence));
  }

  void extend() {
    std::vector<LanguageModel::Extension> batch;
    for (const Active& sequence : active_) {
      const std::size_t count =
          std::min(sequence.pending.size(), static_cast<std::size_t>(kPrefillChunk));
      const bool whole = count == sequence.pending.size();
      batch.push_back({sequence.handle, std::span(sequence.pending).first(count),
                       whole ? LanguageModel::LogitsOf::last : LanguageModel::LogitsOf::none});
    }
    std::vector<std::uint32_t> chosen(active_.size());
    model_.extend(batch, [&](std::size_t item, std::int64_t position, std::span<float> logits) {
      chosen[item] = draw(active_[item], position, logits);
    });
    for (std::size_t i = 0; i < active_.size(); ++i) {
      const bool drawn = batch[i].logits != LanguageModel::LogitsOf::none;
      const auto seen = static_cast<std::ptrdiff_t>(batch[i].tokens.size());
      TokenIds& pending = active_[i].pending;
      pending.erase(pending.begin(), pending.begin() + seen);
      if (drawn) append(active_[i], chosen[i]);
    }
  }

  // Runs in the model's threads, each on its own sequence.
  std::uint32_t draw(Active& sequence, std::int64_t position, std::span<float> logits) const {
    const std::uint64_t word =
        sampling_word(request_.seed, static_cast<std::uint64_t>(sequence.number),
                      static_cast<std::uint64_t>(position + 1));
    const std::uint32_t token = choose_token(logits, request_.rule, word);
    sequence.result.log_probabilities.push_back(log_probability(rows_, logits, token));
    return token;
  }

  void append(Active& sequence, std::uint32_t token) const {
    GeneratedSequence& result = sequence.result;
    result.tokens.push_back(token);
    sequence.pending.push_back(token);
    const bool ended = request_.end && token == *request_.end;
    const bool full = static_cast<std::int64_t>(result.tokens.size()) == sequence.limit;
    sequence.done = ended || full;
    if (ended) {
      result.stop = StopReason::end_token;
    } else if (full) {
      result.stop =
          sequence.limit < request_.max_tokens ? StopReason::positions : StopReason::max_tokens;
    }
  }

  void finish(Active& sequence) {
    model_.close(sequence.handle);
    waiting_.emplace(sequence.number, std::move(sequence.result));
  }

  LanguageModel& model_;
  const RowKernels& rows_;
  const GenerationRequest& request_;
  const std::function<void(const GeneratedSequence&)>& give_;
  std::vector<Active> active_;
  std::map<std::int64_t, GeneratedSequence> waiting_;  // done, but an earlier one is not
  std::int64_t next_ = 0;
  std::int64_t given_ = 0;
};

}  // namespace

std::string_view stop_reason_name(StopReason reason) {
  switch (reason) {
    case StopReason::end_token:
      return "end";
    case StopReason::max_tokens:
      return "max_tokens";
    case StopReason::positions:
      return "positions";
  }
  return "";
}

TokenLimits limits_of(const LanguageModel& model) {
  return {model.vocab_size(), model.max_length()};
}

void check_tokens(const TokenLimits& limits, std::span<const std::uint32_t> tokens,
                  const std::string& what) {
  if (tokens.empty()) {
    throw Error(Code::invalid_argument, what + " is empty",
                "the model needs a token to begin with; with the tokenizer byte, "
                "--ids 256 begins a new document");
  }
  const auto length = static_cast<std::int64_t>(tokens.size());
  if (length > limits.max_length) {
    throw Error(Code::invalid_argument,
                what + " has " + std::to_string(length) + " tokens, the model has " +
                    std::to_string(limits.max_length) + " positions",
                "the model was trained on sequences of that length; shorten the text");
  }
  for (const std::uint32_t id : tokens) {
    if (static_cast<std::int64_t>(id) < limits.vocab_size) continue;
    throw Error(Code::invalid_argument, what + " has the id " + std::to_string(id) +
                                            ", but the model's vocabulary has " +
                                            std::to_string(limits.vocab_size) + " ids");
  }
}

void check_generation(const TokenLimits& limits, const GenerationRequest& request) {
  if (request.prompts.empty()) throw Error(Code::invalid_argument, "there is no prompt");
  if (request.samples < 1 || request.max_tokens < 1 || request.batch < 1) {
    throw Error(Code::invalid_argument, "samples, max-tokens and batch must be at least 1");
  }
  for (std::size_t i = 0; i < request.prompts.size(); ++i) {
    const TokenIds& prompt = request.prompts[i];
    const std::string what = "prompt " + std::to_string(i + 1);
    check_tokens(limits, prompt, what);
    if (static_cast<std::int64_t>(prompt.size()) < limits.max_length) continue;
    throw Error(Code::invalid_argument,
                what + " has " + std::to_string(prompt.size()) +
                    " tokens, which leaves none of the "
                    "model's " +
                    std::to_string(limits.max_length) + " positions",
                "the model was trained on sequences of that length; shorten the prompt");
  }
}

void generate(LanguageModel& model, const RowKernels& rows, const GenerationRequest& request,
              const std::function<void(const GeneratedSequence&)>& give,
              const std::function<void()>& poll) {
  check_generation(limits_of(model), request);
  Generation generation(model, rows, request, give);
  while (!generation.finished()) {
    poll();
    generation.step();
  }
}

}  // namespace repro::train

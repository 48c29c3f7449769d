#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "artifacts/base/error.h"
#include "cli/commands.h"
#include "cli/inference.h"

namespace repro::cli {
namespace {

constexpr const char* kWhat = "event of the worker";

constexpr const char* kDetails =
    "The log-likelihood of each text under the model of a state, in nats. Each token is scored by "
    "the\n"
    "tokens before it; nothing scores the first. With the tokenizer byte, --ids 256,... scores a "
    "text\n"
    "as the beginning of a document. Sums are exact, in units of 2^-30: batch, threads and "
    "kernels\n"
    "change no bit. In the profile native the bits hold for this environment alone.";

double number(const Json& value) {
  if (!value.is_number()) throw Error(Code::internal, "the worker's score is no number");
  return value.get<double>();
}

class ScoreView {
 public:
  ScoreView(Io& io, const std::vector<NamedText>& texts) : io_(io), texts_(texts) {}

  void add(const Json& event) {
    io_.emit("scored", event);
    const auto index = static_cast<std::size_t>(json_int(event, "number", kWhat));
    const double tokens = static_cast<double>(json_int(event, "tokens", kWhat));
    const double likelihood = number(json_at(event, "log_likelihood", kWhat));
    rows_.push_back({std::to_string(index + 1), fmt::format("{:.0f}", tokens),
                     fmt::format("{:.6f}", likelihood), fmt::format("{:.6f}", likelihood / tokens),
                     fmt::format("{:.4f}", std::exp(-likelihood / tokens)),
                     texts_.at(index).label});
    if (event.contains("log_probabilities")) add_tokens(index, event);
  }

  void print() const {
    io_.table(rows_);
    if (tokens_.size() == 1) return;
    io_.line();
    io_.table(tokens_);
  }

 private:
  void add_tokens(std::size_t index, const Json& event) {
    const Json& ids = json_array(event, "ids", kWhat);
    const Json& values = json_array(event, "log_probabilities", kWhat);
    for (std::size_t i = 0; i < values.size(); ++i) {
      tokens_.push_back({std::to_string(index + 1), std::to_string(i + 1), ids.at(i + 1).dump(),
                         fmt::format("{:.6f}", number(values[i]))});
    }
  }

  Io& io_;
  const std::vector<NamedText>& texts_;
  std::vector<std::vector<std::string>> rows_ = {
      {"NUMBER", "TOKENS", "LOG-LIKELIHOOD", "PER TOKEN", "PERPLEXITY", "TEXT"}};
  std::vector<std::vector<std::string>> tokens_ = {{"NUMBER", "POSITION", "ID", "LOG-PROBABILITY"}};
};

int run_score(const Arguments& arguments, Context& context) {
  manifests::RunSpec spec = make_inference_spec(context, arguments, manifests::SpecCommand::score);
  const std::vector<NamedText> texts =
      read_texts(context, arguments.all("TEXT"), arguments.all("--file"), arguments.all("--ids"));
  if (texts.empty()) {
    throw Error(Code::invalid_argument, "there is no text to score",
                "give TEXT, --file FILE or --ids LIST");
  }
  for (const NamedText& text : texts) spec.inference->texts.push_back(text.text);
  spec.inference->each_token = arguments.has("--per-token");
  ScoreView view(context.io(), texts);
  run_inference(context, spec, [&](const std::string& type, const Json& event) {
    if (type == "scored") view.add(event);
  });
  view.print();
  return 0;
}

}  // namespace

Command make_score_command() {
  std::vector<OptionSpec> options = {
      {"X", ValueKind::one, "", "RUN, RUN@STEP, model, tag or state", Required::yes},
      {"TEXT", ValueKind::many, "", "texts to score"},
      {"--file", ValueKind::many, "FILE", "a file whose whole text is scored; may be repeated"},
      {"--ids", ValueKind::many, "LIST", "a text as token ids: 256,72,105"},
      {"--per-token", ValueKind::flag, "", "the log-probability of every token too"}};
  for (OptionSpec& option : inference_options()) options.push_back(std::move(option));
  return {.name = "score",
          .group = "Ask",
          .summary = "log-likelihood of texts under the model of a state",
          .details = kDetails,
          .needs = Needs::store,
          .options = std::move(options),
          .run = run_score};
}

}  // namespace repro::cli

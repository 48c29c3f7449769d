#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "artifacts/base/error.h"
#include "cli/commands.h"
#include "cli/findings.h"
#include "cli/inference.h"

namespace repro::cli {
namespace {

constexpr const char* kWhat = "event of the worker";

constexpr const char* kDetails =
    "X is RUN (its newest state), RUN@STEP (any step, stored or not), a tag or a state. Prompts "
    "are\n"
    "texts, whole files, or lists of token ids, each option as often as wanted; they are numbered "
    "in\n"
    "this order. A sequence ends with the end of a document, after --max-tokens, or where the\n"
    "model's positions end.\n\n"
    "What is drawn depends on model, prompt, temperature, top-k, top-p, seed and the sequence's\n"
    "number alone: batch, threads, kernels and machine change no bit, and neither does asking for\n"
    "more prompts behind these. In the profile native the bits hold for this environment alone.";

std::string hex_bytes(const std::string& digits) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(digits.substr(i, 2), nullptr, 16));
  }
  return bytes;
}

class GeneratedView {
 public:
  GeneratedView(Io& io, const std::vector<NamedText>& prompts, bool several)
      : io_(io), prompts_(prompts), several_(several) {}

  void show(const Json& event) {
    io_.emit("generated", event);
    if (io_.json()) return;
    const auto prompt = static_cast<std::size_t>(json_int(event, "prompt", kWhat));
    if (several_) {
      io_.line(io_.paint(
          Paint::bold,
          fmt::format("prompt {}, sample {}: {}, {}", prompt + 1,
                      json_int(event, "sample", kWhat) + 1,
                      plural_text(static_cast<std::int64_t>(json_array(event, "ids", kWhat).size()),
                                  "token"),
                      json_string(event, "stop", kWhat))));
    }
    const std::string text = event.contains("text") ? json_string(event, "text", kWhat)
                                                    : hex_bytes(json_string(event, "bytes", kWhat));
    write(prompts_.at(prompt).text.bytes + text);
  }

 private:
  // As it is, but a terminal is given nothing that could control it.
  void write(const std::string& text) {
    if (!io_.out_terminal()) return io_.line(text);
    for (std::size_t begin = 0; begin <= text.size();) {
      const std::size_t end = std::min(text.find('\n', begin), text.size());
      io_.line(printable(std::string_view(text).substr(begin, end - begin)));
      begin = end + 1;
    }
  }

  Io& io_;
  const std::vector<NamedText>& prompts_;
  bool several_;
};

int run_generate(const Arguments& arguments, Context& context) {
  manifests::RunSpec spec =
      make_inference_spec(context, arguments, manifests::SpecCommand::generate);
  manifests::InferenceRequest& request = *spec.inference;
  const std::vector<NamedText> prompts = read_texts(
      context, arguments.all("--prompt"), arguments.all("--prompt-file"), arguments.all("--ids"));
  if (prompts.empty()) {
    throw Error(Code::invalid_argument, "there is no prompt to continue",
                "give --prompt TEXT, --prompt-file FILE or --ids LIST; with the tokenizer byte, "
                "--ids 256 begins a new document");
  }
  for (const NamedText& prompt : prompts) request.texts.push_back(prompt.text);
  request.samples = count_option(arguments, "--samples", 1, request.samples);
  request.max_tokens = count_option(arguments, "--max-tokens", 1, request.max_tokens);
  request.temperature = arguments.text("--temperature");
  request.top_k = count_option(arguments, "--top-k", 1, 0);
  request.top_p = arguments.text("--top-p");
  request.seed = arguments.find_count("--seed").value_or(0);
  GeneratedView view(context.io(), prompts, prompts.size() > 1 || request.samples > 1);
  run_inference(context, spec, [&](const std::string& type, const Json& event) {
    if (type == "generated") view.show(event);
  });
  return 0;
}

}  // namespace

Command make_generate_command() {
  std::vector<OptionSpec> options = {
      {"X", ValueKind::one, "", "RUN, RUN@STEP, model, tag or state", Required::yes},
      {"--prompt", ValueKind::many, "TEXT", "text to continue; may be repeated"},
      {"--prompt-file", ValueKind::many, "FILE", "a file whose whole text is a prompt"},
      {"--ids", ValueKind::many, "LIST", "a prompt as token ids: 256,72,105"},
      {"--samples", ValueKind::one, "N", "sequences of each prompt (default 1)"},
      {"--max-tokens", ValueKind::one, "N", "new tokens of each (default 64)"},
      {"--temperature", ValueKind::one, "T", "default 1; 0 takes the likeliest token"},
      {"--top-k", ValueKind::one, "K", "draw from the K likeliest tokens only"},
      {"--top-p", ValueKind::one, "P", "draw from the fewest tokens that have mass P"},
      {"--seed", ValueKind::one, "S", "default 0"}};
  for (OptionSpec& option : inference_options()) options.push_back(std::move(option));
  return {.name = "generate",
          .group = "Ask",
          .summary = "continue texts with the model of a state",
          .details = kDetails,
          .needs = Needs::store,
          .options = std::move(options),
          .run = run_generate};
}

}  // namespace repro::cli

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "artifacts/base/error.h"
#include "cli/commands.h"
#include "cli/draft_folder.h"
#include "cli/hf_export.h"
#include "cli/new_run.h"
#include "cli/resolve.h"
#include "cli/state_source.h"

namespace repro::cli {
namespace {

constexpr const char* kDetails =
    "Writes a folder that transformers loads as Olmo2ForCausalLM: safetensors, config.json,\n"
    "generation_config.json and, where there is one, tokenizer.json. The same state and options "
    "give\n"
    "the same bytes. Without --dtype a model is written as it came, a run in float32. bfloat16 "
    "rounds\n"
    "to nearest, ties to even, and the count of weights that changed is told. With --revisions, X "
    "is a\n"
    "run, and every stored state of it becomes a folder stage1-stepN-tokensMB in DIR, as the "
    "released\n"
    "models name them (M: thousands of millions of tokens, rounded up).";

constexpr std::int64_t kTokensOfName = 1'000'000'000;

std::string choose_dtype(const Arguments& arguments, const HfFacts& facts) {
  const auto given = arguments.find("--dtype");
  if (!given) return facts.dtype == "bfloat16" ? facts.dtype : "float32";
  if (*given == "float32" || *given == "bfloat16") return *given;
  throw Error(Code::invalid_argument, fmt::format("there is no dtype '{}' to export", *given),
              "--dtype takes float32 or bfloat16");
}

// M of the name: ceil(step * batch * sequence length / 10^9).
std::string revision_name(const artifacts::Store& store, const manifests::Run& run,
                          std::int64_t step, const std::string& stage) {
  const manifests::Config config = load_config(store, manifests::segment_at(run, step));
  const __int128 tokens =
      static_cast<__int128>(step) * config.train.batch_size * config.data.sequence_length;
  const auto thousands_of_millions =
      static_cast<std::int64_t>((tokens + kTokensOfName - 1) / kTokensOfName);
  return fmt::format("{}-step{}-tokens{}B", stage, step, thousands_of_millions);
}

class Exporter {
 public:
  Exporter(const Arguments& arguments, Context& context)
      : arguments_(arguments),
        context_(context),
        folder_(arguments.text("--output")),
        draft_(context.files(), folder_) {
    options_.shard_bytes =
        static_cast<std::uint64_t>(arguments.find_count("--shard-size", 1).value_or(0));
  }

  // Below `name` of the folder; "": itself.
  void write(const Resolved& resolved, const std::string& name) {
    const StateSource source = StateSource::open(context_, resolved);
    const HfFacts facts = find_hf_facts(context_, resolved, source.state());
    options_.dtype = choose_dtype(arguments_, facts);
    const std::string prefix = name.empty() ? "" : name + "/";
    const HfWritten written = write_hf_files(draft_, prefix, source, facts, options_);
    report(source.state(), name, written);
  }

  void publish() {
    draft_.publish();
    context_.io().line("in     " + folder_);
  }

 private:
  void report(const manifests::State& state, const std::string& name, const HfWritten& written) {
    Io& io = context_.io();
    if (!name.empty()) io.line("as     " + name);
    io.line("state  " + state.state_root.hex());
    io.line("model  " + state.model_root.hex());
    io.line(fmt::format("dtype  {} in {}", options_.dtype, plural_text(written.files, "file")));
    if (written.rounded != 0) {
      io.line(fmt::format("lossy  {} of its weights were rounded to bfloat16",
                          count_text(static_cast<std::int64_t>(written.rounded))));
    }
    io.emit("export", {{"folder", folder_},
                       {"revision", name.empty() ? Json() : Json(name)},
                       {"step", state.step},
                       {"state", {{"digest", state.state_root.hex()}}},
                       {"model", {{"digest", state.model_root.hex()}}},
                       {"dtype", options_.dtype},
                       {"files", written.files},
                       {"rounded", written.rounded}});
  }

  const Arguments& arguments_;
  Context& context_;
  std::string folder_;
  DraftFolder draft_;
  HfOptions options_;
};

void export_revisions(const Arguments& arguments, Context& context, Exporter& exporter) {
  const std::string& x = arguments.text("X");
  const manifests::Run run = *resolve_run(context, x).run;
  std::string stage = arguments.text("--revisions");
  if (stage.empty()) stage = "stage1";
  artifacts::check_name(stage, "stage");
  if (run.states.empty()) {
    throw Error(Code::not_found, fmt::format("run {} has no state yet", run_label(run)),
                "`repro resume` trains on to the next checkpoint");
  }
  for (const manifests::StoredState& state : run.states) {
    const Resolved resolved = resolve_state(context, fmt::format("{}@{}", run.id, state.step));
    exporter.write(resolved, revision_name(context.store(), run, state.step, stage));
  }
}

int run_export_hf(const Arguments& arguments, Context& context) {
  const bool revisions = arguments.has("--revisions");
  // Before a folder is begun, and before a re-derivation that may take long.
  const Resolved resolved = revisions ? resolve_run(context, arguments.text("X"))
                                      : resolve_state(context, arguments.text("X"));
  Exporter exporter(arguments, context);
  if (revisions) {
    export_revisions(arguments, context, exporter);
  } else {
    exporter.write(resolved, "");
  }
  exporter.publish();
  return 0;
}

}  // namespace

Command make_export_hf_command() {
  return {
      .name = "export hf",
      .group = "Look",
      .summary = "write weights as transformers loads them",
      .details = kDetails,
      .needs = Needs::store,
      .options = {{"X", ValueKind::one, "", "RUN, RUN@STEP, model, tag or state", Required::yes},
                  {"-o,--output", ValueKind::one, "DIR", "folder to make", Required::yes},
                  {"--dtype", ValueKind::one, "NAME", "float32 or bfloat16"},
                  {"--shard-size", ValueKind::one, "BYTES",
                   "several files, of at most so many bytes each"},
                  {"--revisions", ValueKind::maybe, "STAGE",
                   "a folder for every stored state (STAGE: stage1)"}},
      .run = run_export_hf};
}

}  // namespace repro::cli

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "artifacts/base/error.h"
#include "cli/checkout.h"
#include "cli/commands.h"
#include "cli/new_run.h"
#include "cli/resolve.h"
#include "cli/state_source.h"

namespace repro::cli {
namespace {

constexpr const char* kDetails =
    "RUN@STEP may be any step of the run: one that was not stored is re-derived from the nearest\n"
    "stored one and checked against the log. RUN alone is its newest state. Formats: hf (a folder\n"
    "that transformers loads), safetensors (the whole state, optimizer included), raw (one .bin a\n"
    "tensor). repro-state.json beside them lets `repro verify DIR` check the files.";

// The byte tokenizer ends documents with id 256; data that is ids already has no such id; of bpe
// the manifest says it.
std::optional<std::int64_t> end_of_text(const manifests::Dataset& dataset) {
  constexpr std::int64_t kByteEnd = 256;
  return dataset.tokenizer.starts_with("byte/") ? std::optional(kByteEnd) : dataset.end_of_text;
}

const manifests::Segment* find_segment(const manifests::Run& run, const Digest& derivation) {
  for (const manifests::Segment& segment : run.segments) {
    if (segment.derivation == derivation) return &segment;
  }
  return nullptr;
}

// The configuration under which the state was made; a state named by tag or digest may be of any
// run.
HfFacts find_hf_facts(Context& context, const Resolved& resolved, const manifests::State& state) {
  std::vector<manifests::Run> runs;
  if (resolved.run) {
    runs.push_back(*resolved.run);
  } else {
    for (LoadedRun& loaded : load_runs(context)) runs.push_back(std::move(loaded.run));
  }
  const artifacts::Store& store = context.store();
  for (const manifests::Run& run : runs) {
    const manifests::Segment* segment = find_segment(run, state.derivation);
    if (segment == nullptr && resolved.run) segment = &run.segments.front();
    if (segment == nullptr) continue;
    const manifests::Dataset dataset = load_dataset(store, segment->dataset);
    return {load_config(store, *segment), end_of_text(dataset), dataset.tokenizer_file};
  }
  throw Error(Code::not_found, "no run of the store has made this state, so its shape is not known",
              "write RUN@STEP, or take --format safetensors");
}

int run_checkout(const Arguments& arguments, Context& context) {
  const CheckoutFormat format = parse_checkout_format(arguments.find("--format").value_or("hf"));
  const Resolved resolved = resolve_state(context, arguments.text("X"));
  const std::string& folder = arguments.text("--output");
  const auto status = context.files().find_status(folder);
  // Before a re-derivation that may take long; write_checkout checks again.
  if (status && (status->kind != FileKind::directory || !context.files().list(folder).empty())) {
    throw Error(Code::already_exists, folder + " exists and is not an empty folder",
                "choose another folder for -o, or remove it");
  }
  const bool hf = format == CheckoutFormat::hf;
  if (hf && resolved.run) {
    const manifests::Segment& first = resolved.run->segments.front();
    check_hf_model(load_config(context.store(), first).model);
  }
  const StateSource source = StateSource::open(context, resolved);
  const manifests::State& state = source.state();
  std::optional<HfFacts> facts;
  if (hf) {
    facts = find_hf_facts(context, resolved, state);
    check_hf_model(facts->config.model);
  }
  write_checkout(context, source, format, facts, folder);
  Io& io = context.io();
  io.line(fmt::format("step   {}{}", state.step, source.rederived() ? " (re-derived)" : ""));
  io.line("state  " + state.state_root.hex());
  io.line("model  " + state.model_root.hex());
  io.line("in     " + folder);
  io.emit("checkout", {{"run", resolved.run ? Json(resolved.run->id) : Json()},
                       {"step", state.step},
                       {"rederived", source.rederived()},
                       {"state", {{"digest", state.state_root.hex()}}},
                       {"model", {{"digest", state.model_root.hex()}}},
                       {"folder", folder}});
  return 0;
}

}  // namespace

Command make_checkout_command() {
  return {.name = "checkout",
          .group = "Look",
          .summary = "write a state as files",
          .details = kDetails,
          .needs = Needs::store,
          .options = {{"X", ValueKind::one, "", "RUN, RUN@STEP, tag or state", Required::yes},
                      {"-o,--output", ValueKind::one, "DIR", "folder to make", Required::yes},
                      {"--format", ValueKind::one, "NAME", "hf (default), safetensors or raw"}},
          .run = run_checkout};
}

}  // namespace repro::cli

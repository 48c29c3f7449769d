#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/checkout.h"
#include "cli/commands.h"
#include "cli/draft_folder.h"
#include "cli/resolve.h"
#include "cli/state_source.h"

namespace repro::cli {
namespace {

constexpr const char* kDetails =
    "RUN@STEP may be any step of the run: one that was not stored is re-derived from the nearest\n"
    "stored one and checked against the log. RUN alone is its newest state. Formats: hf (a folder\n"
    "that transformers loads), safetensors (the whole state, optimizer included), raw (one .bin a\n"
    "tensor). repro-state.json beside them lets `repro verify DIR` check the files.";

int run_checkout(const Arguments& arguments, Context& context) {
  const CheckoutFormat format = parse_checkout_format(arguments.find("--format").value_or("hf"));
  const Resolved resolved = resolve_state(context, arguments.text("X"));
  const std::string& folder = arguments.text("--output");
  check_new_folder(context.files(), folder);  // before a re-derivation that may take long
  const StateSource source = StateSource::open(context, resolved);
  const manifests::State& state = source.state();
  std::optional<HfFacts> facts;
  if (format == CheckoutFormat::hf) facts = find_hf_facts(context, resolved, state);
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
  return {
      .name = "checkout",
      .group = "Look",
      .summary = "write a state as files",
      .details = kDetails,
      .needs = Needs::store,
      .options = {{"X", ValueKind::one, "", "RUN, RUN@STEP, model, tag or state", Required::yes},
                  {"-o,--output", ValueKind::one, "DIR", "folder to make", Required::yes},
                  {"--format", ValueKind::one, "NAME", "hf (default), safetensors or raw"}},
      .run = run_checkout};
}

}  // namespace repro::cli

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "artifacts/base/error.h"
#include "cli/commands.h"
#include "cli/merge.h"
#include "manifests/model_shape.h"

namespace repro::cli {
namespace {

constexpr const char* kDetails =
    "X is a run (its newest state), RUN@STEP or a model; steps that were not stored are "
    "re-derived. The model NAME\nholds the mean of their weights and names them as its parents; "
    "the same mean again is reported. --as:\n"
    "  exact      the exact mean, rounded once: the order of X does not matter (the default)\n"
    "  olmo       divides each by N, then adds, in the order given (OLMo's scripts/olmo_soup.py)\n"
    "  olmo-core  adds each times 1/N, fused, in the order given\n"
    "  hf         adds in the order given, then divides once\n"
    "The last three compute in float32; docs/arithmetic.md, \"The mean of weights\".";

int run_merge(const Arguments& arguments, Context& context) {
  const std::string name = arguments.text("--name");
  if (name.empty()) {
    throw Error(Code::invalid_argument, "a merged model needs a name", "give --name NAME");
  }
  const std::string formula = arguments.find("--as").value_or("exact");
  std::vector<Weights> parents;
  for (const std::string& text : arguments.all("X")) {
    parents.push_back(open_weights(context, text));
  }
  const Merged merged = merge_weights(context, std::move(parents), formula, name);
  const manifests::Model& model = merged.model.model;
  Io& io = context.io();
  if (!merged.made) io.note(fmt::format("model {} is this mean already", name));
  io.line("model       " + name);
  io.line("root        " + model.model_root.hex());
  io.line("derivation  " + manifests::model_derivation(model.origin).hex());
  io.emit("merge", {{"name", name},
                    {"manifest", merged.model.manifest.hex()},
                    {"digest", model.model_root.hex()},
                    {"derivation", manifests::model_derivation(model.origin).hex()},
                    {"formula", formula},
                    {"parents", model.origin.parents.size()},
                    {"parameters", manifests::parameter_count(model.model)},
                    {"made", merged.made}});
  return 0;
}

}  // namespace

Command make_merge_command() {
  return {
      .name = "merge",
      .group = "Train",
      .summary = "make a model that is the mean of others' weights",
      .details = kDetails,
      .needs = Needs::store,
      .options = {{"X", ValueKind::many, "", "runs, states and models: at least two",
                   Required::yes},
                  {"--name", ValueKind::one, "NAME", "name of the model", Required::yes},
                  {"--as", ValueKind::one, "FORMULA", "exact (default), olmo, olmo-core or hf"}},
      .run = run_merge};
}

}  // namespace repro::cli

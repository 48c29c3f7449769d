#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "artifacts/base/error.h"
#include "cli/commands.h"
#include "cli/config_view.h"
#include "cli/recipe_source.h"
#include "cli/resolve.h"
#include "cli/run_record.h"
#include "cli/show.h"
#include "cli/worker.h"

namespace repro::cli {
namespace {

constexpr const char* kDetails =
    "X is a run, RUN@STEP, a dataset, an object, a recipe, or a file or folder (a checked-out "
    "state,\n"
    "a store, a safetensors file), which needs no store here.\n\n"
    "--batch shows the sequences of which update STEP was made: where each lies in the dataset "
    "and\n"
    "which documents it is cut from; --text adds what they say.";

constexpr const char* kWhat = "event of the worker";

std::string documents_text(const Json& sample) {
  const auto found = sample.find("documents");
  return found == sample.end() ? "" : found->dump();
}

// Digests are null where the tokens are not here, and `source` is there where windows end with
// their file.
void print_batch(Io& io, const Json& event) {
  const auto digest_text = [](const Json& holder) {
    return holder.value("digest", Json()).is_string() ? json_string(holder, "digest", kWhat) : "-";
  };
  io.line(fmt::format("step    {}", json_int(event, "step", kWhat)));
  io.line("digest  " + digest_text(event));
  std::vector<std::vector<std::string>> rows = {{"INSTANCE", "PLACE", "DIGEST", "DOCUMENTS"}};
  for (const Json& sample : json_array(event, "samples", kWhat)) {
    const std::string place =
        sample.contains("source")
            ? fmt::format("{} window {}", json_string(sample, "source", kWhat),
                          json_int(sample, "window", kWhat))
            : fmt::format("token {}", json_int(sample, "first_token", kWhat));
    rows.push_back({std::to_string(json_int(sample, "instance", kWhat)), place,
                    digest_text(sample).substr(0, 12), documents_text(sample)});
  }
  io.table(rows);
  for (const Json& sample : json_array(event, "samples", kWhat)) {
    if (!sample.contains("text")) continue;
    io.line();
    io.line(io.paint(Paint::bold, fmt::format("instance {}", json_int(sample, "instance", kWhat))));
    io.line(json_string(sample, "text", kWhat));
  }
}

int run_show(const Arguments& arguments, Context& context) {
  const Resolved resolved = resolve(context, arguments.text("X"));
  Io& io = context.io();
  if (arguments.has("--batch")) {
    show_batch(context, resolved, arguments.has("--text"));
    return 0;
  }
  if (arguments.has("--text")) throw Error(Code::invalid_argument, "--text goes with --batch");
  switch (resolved.noun) {
    case Noun::run:
      if (io.json()) {
        io.emit("run", run_record(context, {resolved.digest, *resolved.run}));
      } else {
        print_run(context, {resolved.digest, *resolved.run});
      }
      break;
    case Noun::state:
      if (resolved.stored) {
        show_state(io, load_state(context.store(), resolved.digest), resolved);
      } else {
        show_logged_state(context, resolved);
      }
      break;
    case Noun::model:
      show_model(context, *resolved.model);
      break;
    case Noun::dataset:
      show_dataset(io, load_dataset(context.store(), resolved.digest), resolved.digest.hex());
      break;
    case Noun::object:
      show_object(context, resolved.digest);
      break;
    case Noun::path:
      show_path(context, resolved.path);
      break;
    case Noun::recipe:
      print_config(io, resolve_recipe(context, resolved.name, false, {}).config);
      break;
  }
  return 0;
}

}  // namespace

void show_batch(Context& context, const Resolved& resolved, bool text) {
  if (!resolved.run || !resolved.step) {
    throw Error(Code::invalid_argument, "--batch needs RUN@STEP",
                "`repro show last@1 --batch` shows the first update's batch");
  }
  manifests::RunSpec spec;
  spec.command = manifests::SpecCommand::batch;
  spec.store = context.store().folder();
  spec.run = *resolved.run;
  spec.last = *resolved.step;
  spec.show_text = text;
  run_worker(context, spec, [&](const Json& event) {
    if (json_string(event, "type", kWhat) != "batch") return;
    if (!context.io().json()) print_batch(context.io(), event);
    context.io().emit("batch", event);
  });
}

Command make_show_command() {
  return {.name = "show",
          .group = "Look",
          .summary = "show a run, state, model, dataset, recipe, object or folder",
          .details = kDetails,
          .needs = Needs::nothing,
          .options = {{"X", ValueKind::one, "", "what to show", Required::yes},
                      {"--batch", ValueKind::flag, "", "the batch of step RUN@STEP"},
                      {"--text", ValueKind::flag, "", "with --batch: the text of its sequences"}},
          .run = run_show};
}

}  // namespace repro::cli

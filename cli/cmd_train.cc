#include "artifacts/base/error.h"
#include "cli/commands.h"
#include "cli/pipeline.h"
#include "cli/profile.h"
#include "cli/train_recipe.h"

namespace repro::cli {
namespace {

constexpr const char* kDetails =
    "RECIPE is a built-in name, a YAML file or a folder with recipe.yaml. Its data (data.source, "
    "or\n"
    "--data) is a dataset of the store, or files that become one first. Outside a store one is "
    "made\n"
    "in the current folder. A pipeline (olmo2-tiny-full, a YAML file with stages) is trained stage "
    "after\n"
    "stage; --set STAGE.KEY=VALUE changes one.\n\n"
    "The same recipe on the same data is the same derivation and has the same states. A "
    "derivation\n"
    "that already has a run is continued, or reported where it is done; --again trains it anew "
    "and\n"
    "compares (exit code 1 if the two differ). --from starts at a state of another run, or at a "
    "model.\n\n"
    "Ctrl-C finishes the step, stores a state and exits with 130; `repro resume` goes on.";

std::vector<manifests::Override> all_overrides(const Arguments& arguments) {
  auto overrides = set_overrides(arguments);
  for (auto& override : running_overrides(arguments)) overrides.push_back(std::move(override));
  if (const auto profile = arguments.find("--profile")) overrides.push_back({"profile", *profile});
  return overrides;
}

int run_train(const Arguments& arguments, Context& context) {
  if (const auto pipeline = find_pipeline(context, arguments.text("RECIPE"))) {
    return train_pipeline(context, *pipeline, arguments);
  }
  TrainRequest request;
  request.recipe = resolve_recipe(context, arguments.text("RECIPE"), arguments.has("--smoke"),
                                  all_overrides(arguments));
  request.name = arguments.text("--name");
  if (!request.name.empty()) artifacts::check_name(request.name, "run name");
  request.reset = parse_reset(arguments.text("--reset"));
  request.from = arguments.find("--from");
  if (arguments.has("--reset") && !request.from) {
    throw Error(Code::invalid_argument, "--reset needs --from");
  }
  if (const auto data = arguments.find("--data")) request.data = {*data};
  request.until = arguments.find_count("--until");
  request.again = arguments.has("--again");
  request.profile = find_profile_request(context, arguments);
  return train_recipe(context, request).status;
}

}  // namespace

Command make_train_command() {
  std::vector<OptionSpec> options = {
      {"RECIPE", ValueKind::one, "", "built-in name, YAML file or folder", Required::yes}};
  for (auto& option : recipe_options()) options.push_back(std::move(option));
  const std::vector<OptionSpec> own = {
      {"--name", ValueKind::one, "NAME", "name of the run"},
      {"--data", ValueKind::one, "NAME|PATH", "dataset, files or folder to train on"},
      {"--from", ValueKind::one, "RUN@STEP|MODEL", "start from this state"},
      {"--reset", ValueKind::one, "LIST", "of that state forget data, step, optimizer"},
      {"--until", ValueKind::one, "STEP",
       "stop after this step (the schedule is train.steps long, from schedule.start)"},
      {"--again", ValueKind::flag, "", "train a known derivation again and compare"},
      {"--profile", ValueKind::one, "NAME", "exact or native"}};
  options.insert(options.end(), own.begin(), own.end());
  for (auto& option : profile_options()) options.push_back(std::move(option));
  for (auto& option : running_options()) options.push_back(std::move(option));
  return {.name = "train",
          .group = "Train",
          .summary = "train a recipe, or go on where its run stopped",
          .details = kDetails,
          .needs = Needs::nothing,
          .options = std::move(options),
          .run = run_train};
}

}  // namespace repro::cli

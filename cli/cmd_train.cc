#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "artifacts/base/error.h"
#include "cli/branch.h"
#include "cli/commands.h"
#include "cli/data_source.h"
#include "cli/new_run.h"
#include "cli/profile.h"
#include "cli/recipe_source.h"
#include "cli/resolve.h"
#include "cli/run_record.h"
#include "cli/training.h"
#include "cli/worker.h"
#include "verify/compare.h"

namespace repro::cli {
namespace {

constexpr const char* kDetails =
    "RECIPE is a built-in name, a YAML file or a folder with recipe.yaml. Its data (data.source, "
    "or\n"
    "--data) is a dataset of the store, or files that become one first. Outside a store one is "
    "made\n"
    "in the current folder.\n\n"
    "The same recipe on the same data is the same derivation and has the same states. A "
    "derivation\n"
    "that already has a run is continued, or reported where it is done; --again trains it anew "
    "and\n"
    "compares (exit code 1 if the two differ). --from starts at a state of another run, or at a "
    "model.\n\n"
    "Ctrl-C finishes the step, stores a state and exits with 130; `repro resume` goes on.";

void require_store(Context& context) {
  if (context.has_store()) return;
  const std::string folder = absolute_path(".repro");
  artifacts::Store::init(context.files(), folder);
  context.io().note("made a store in " + folder);
}

std::vector<manifests::Override> all_overrides(const Arguments& arguments) {
  auto overrides = set_overrides(arguments);
  for (auto& override : running_overrides(arguments)) overrides.push_back(std::move(override));
  if (const auto profile = arguments.find("--profile")) overrides.push_back({"profile", *profile});
  return overrides;
}

LoadedDataset choose_data(Context& context, const Arguments& arguments,
                          const manifests::DataConfig& config,
                          const std::optional<BranchPoint>& branch) {
  if (const auto data = arguments.find("--data")) {
    return require_dataset(context, *data, config.tokenizer);
  }
  // A branch keeps the data of its parent, unless the recipe asks for other data than the parent's
  // did.
  if (branch && branch->dataset &&
      (config.source.empty() || config.source == branch->parent_source)) {
    return {*branch->dataset, load_dataset(context.store(), *branch->dataset)};
  }
  return require_dataset(context, config.source, config.tokenizer);
}

// Compares a second realisation with the first; 0 or 1.
int compare_realisations(Context& context, const std::string& run_id, const LoadedRun& before) {
  const artifacts::Store& store = context.store();
  const auto ref = store.find_ref("runs", run_id);
  REPRO_CHECK(ref.has_value());
  const manifests::Run again = load_run(store, ref->target);
  const verify::Comparison comparison = verify::compare_runs({store, before.run}, {store, again});
  const bool differs = comparison.first_difference || comparison.first_root;
  const std::int64_t step =
      differs ? (comparison.first_difference ? comparison.first_difference : comparison.first_root)
                    ->step
              : std::min(before.run.step, again.step);
  Io& io = context.io();
  const std::string label = run_label(before.run);
  io.line(differs ? io.paint(Paint::bad, "differs") +
                        fmt::format(" from run {} at step {}", label, step)
                  : io.paint(Paint::good, "identical") +
                        fmt::format(" to run {} through step {}", label, step));
  io.emit("again",
          {{"run", run_id}, {"other", before.run.id}, {"identical", !differs}, {"step", step}});
  return differs ? 1 : 0;
}

int report(Context& context, const LoadedRun& known, const std::string& name) {
  Io& io = context.io();
  io.note(fmt::format("run {} has this derivation and is at step {}; --again trains it anew",
                      run_label(known.run), known.run.step));
  if (!name.empty() && name != known.run.name) {
    io.note(fmt::format("it is not renamed; `repro tag {} {}` gives it that name too", name,
                        known.run.id.substr(0, 12)));
  }
  print_outcome(context, known.run.id);
  return 0;
}

int run_train(const Arguments& arguments, Context& context) {
  const ResolvedRecipe recipe = resolve_recipe(context, arguments.text("RECIPE"),
                                               arguments.has("--smoke"), all_overrides(arguments));
  const manifests::Config& config = recipe.config;
  const std::string& name = arguments.text("--name");
  if (!name.empty()) artifacts::check_name(name, "run name");
  const Reset reset = parse_reset(arguments.text("--reset"));
  const auto from = arguments.find("--from");
  if (arguments.has("--reset") && !from) {
    throw Error(Code::invalid_argument, "--reset needs --from");
  }
  const std::int64_t until = arguments.find_count("--until").value_or(config.train.steps);
  const auto profile = find_profile_request(context, arguments);
  check_possible(context, config);
  require_worker(context);
  require_store(context);
  std::optional<BranchPoint> branch;
  if (from) branch = make_branch_point(context, *from, reset);
  const SegmentStart start = branch ? branch->start : SegmentStart{};
  if (until < start.first_step) {
    throw Error(Code::invalid_argument,
                fmt::format("cannot train until step {}: the branch begins at step {}", until,
                            start.first_step),
                "give a larger --until or train.steps, or --reset step");
  }
  const LoadedDataset data = choose_data(context, arguments, config.data, branch);
  const manifests::Segment segment = make_segment(context, config, data, start);
  const auto known = find_realisation(context, segment.derivation);
  if (!known || arguments.has("--again")) {
    const manifests::Run run = make_run(context, recipe, segment, name);
    check_profile_range(profile, run.step, until);
    train(context, {run, std::nullopt, config.run, until, profile});
    return known ? compare_realisations(context, run.id, *known) : 0;
  }
  check_profile_range(profile, known->run.step, until);
  const bool untouched = known->run.states.empty();
  if (!untouched && known->run.step >= until) return report(context, *known, name);
  context.io().note(fmt::format("run {} has this derivation; going on from step {}",
                                run_label(known->run), known->run.step));
  train(context, {known->run, known->manifest, config.run, until, profile});
  return 0;
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
       "stop after this step (the schedule is train.steps long)"},
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

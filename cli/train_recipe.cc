#include "cli/train_recipe.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "artifacts/base/error.h"
#include "cli/data_source.h"
#include "cli/eval_task.h"
#include "cli/new_run.h"
#include "cli/profile.h"
#include "cli/resolve.h"
#include "cli/run_record.h"
#include "cli/training.h"
#include "cli/worker.h"
#include "verify/compare.h"

namespace repro::cli {
namespace {

void require_store(Context& context) {
  if (context.has_store()) return;
  const std::string folder = absolute_path(".repro");
  artifacts::Store::init(context.files(), folder);
  context.io().note("made a store in " + folder);
}

LoadedDataset choose_data(Context& context, const TrainRequest& request,
                          const std::optional<BranchPoint>& branch) {
  const manifests::DataConfig& config = request.recipe.config.data;
  if (!request.data.empty()) return require_dataset(context, request.data, config.tokenizer);
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

void report(Context& context, const LoadedRun& known, const std::string& name) {
  Io& io = context.io();
  io.note(fmt::format("run {} has this derivation and is at step {}; --again trains it anew",
                      run_label(known.run), known.run.step));
  if (!name.empty() && name != known.run.name) {
    io.note(fmt::format("it is not renamed; `repro tag {} {}` gives it that name too", name,
                        known.run.id.substr(0, 12)));
  }
  print_outcome(context, known.run.id);
}

}  // namespace

TrainOutcome train_recipe(Context& context, const TrainRequest& request) {
  const manifests::Config& config = request.recipe.config;
  const std::int64_t until = request.until.value_or(config.last_step());
  check_possible(context, config);
  with_stored_tasks(context, config, Keep::no);  // before what takes long
  require_worker(context);
  require_store(context);
  std::optional<BranchPoint> branch;
  if (request.from) branch = make_branch_point(context, *request.from, request.reset);
  const SegmentStart start = branch ? branch->start : SegmentStart{};
  if (until < start.first_step) {
    throw Error(Code::invalid_argument,
                fmt::format("cannot train until step {}: the branch begins at step {}", until,
                            start.first_step),
                "give a larger --until, train.steps or schedule.start, or --reset step");
  }
  const LoadedDataset data = choose_data(context, request, branch);
  const manifests::Segment segment = make_segment(context, config, data, start);
  const auto known = find_realisation(context, segment.derivation);
  if (!known || request.again) {
    const manifests::Run run = make_run(context, request.recipe, segment, request.name);
    check_profile_range(request.profile, run.step, until);
    train(context, {run, std::nullopt, config.run, until, request.profile});
    return {run.id, known ? compare_realisations(context, run.id, *known) : 0};
  }
  const TrainOutcome outcome{known->run.id, 0};
  check_profile_range(request.profile, known->run.step, until);
  const bool untouched = known->run.states.empty();
  if (!untouched && known->run.step >= until) {
    report(context, *known, request.name);
    return outcome;
  }
  context.io().note(fmt::format("run {} has this derivation; going on from step {}",
                                run_label(known->run), known->run.step));
  train(context, {known->run, known->manifest, config.run, until, request.profile});
  return outcome;
}

}  // namespace repro::cli

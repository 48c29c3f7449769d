#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "artifacts/base/error.h"
#include "artifacts/base/number_text.h"
#include "cli/commands.h"
#include "cli/new_run.h"
#include "cli/profile.h"
#include "cli/recipe_source.h"
#include "cli/resolve.h"
#include "cli/run_record.h"
#include "cli/training.h"
#include "cli/worker.h"
#include "manifests/config_keys.h"

namespace repro::cli {
namespace {

constexpr const char* kDetails =
    "Goes on from the newest stored state; the result is the same, bit for bit, as if the run had\n"
    "never stopped. Without --until it goes where it was asked to go, or to the end of its "
    "schedule.\n\n"
    "--set of a running key (threads, checkpoints, ...) changes nothing that counts. --set of a\n"
    "deciding key needs --reason: the change is recorded in the run as a segment of its own.\n"
    "--skip-batches A..B passes over batches A to B-1 of the order, recorded likewise.";

using Ranges = std::vector<std::pair<std::int64_t, std::int64_t>>;

// The ranges of `a` and `b` together, sorted and disjoint.
Ranges unite(Ranges a, const Ranges& b) {
  a.insert(a.end(), b.begin(), b.end());
  std::sort(a.begin(), a.end());
  Ranges united;
  for (const auto& range : a) {
    if (!united.empty() && range.first <= united.back().second) {
      united.back().second = std::max(united.back().second, range.second);
    } else {
      united.push_back(range);
    }
  }
  return united;
}

manifests::Config changed_config(const manifests::Config& current, const Arguments& arguments) {
  manifests::Config config = current;
  for (const auto& change : set_overrides(arguments)) {
    manifests::set_config_value(config, change.key, change.value, "--set");
  }
  for (const auto& change : running_overrides(arguments)) {
    manifests::set_config_value(config, change.key, change.value, "option");
  }
  if (const auto ranges = arguments.find("--skip-batches")) {
    manifests::Config skipping = config;
    manifests::set_config_value(skipping, "data.skip_batches", *ranges, "--skip-batches");
    config.data.skip_batches = unite(config.data.skip_batches, skipping.data.skip_batches);
  }
  manifests::check_config(config);
  return config;
}

std::string reason_of(const Arguments& arguments) {
  if (const auto reason = arguments.find("--reason")) {
    if (!reason->empty()) return *reason;
  }
  if (!arguments.has("--set")) return "skip batches " + arguments.text("--skip-batches");
  throw Error(Code::invalid_argument, "--set changes a deciding key, so it needs --reason TEXT",
              "the change and its reason become part of the run");
}

void check_change(const manifests::Run& run, const manifests::Config& before,
                  const manifests::Config& after) {
  if (!(before.model == after.model) || before.data.tokenizer != after.data.tokenizer) {
    throw Error(Code::invalid_argument, "a run cannot change its model or tokenizer",
                "`repro train` another recipe instead");
  }
  if (run.segments.back().first_step < run.step) return;
  throw Error(Code::conflict,
              fmt::format("run {} has made no step since step {}, where its last segment begins",
                          run_label(run), run.step),
              "train at least one step first: `repro resume RUN --until STEP`");
}

// Operators of the recorded configuration must be those this program would use.
void check_operators(const manifests::Run& run, const manifests::Config& config) {
  if (manifests::operators_of(config) == run.segments.back().content.operators) return;
  throw Error(Code::unsupported,
              fmt::format("run {} was made with other operator versions than this program has",
                          run_label(run)),
              "`repro show RUN --json` lists them; use the version of repro that made it");
}

void append_segment(Context& context, manifests::Run& run, const manifests::Config& config,
                    const std::string& reason) {
  const Digest dataset = run.segments.back().dataset;
  SegmentStart start;
  start.first_step = run.step;
  start.initial = run.states.back().state_root.hex();
  start.parent_state = run.states.back().manifest.hex();
  start.reason = reason;
  const LoadedDataset data{dataset, load_dataset(context.store(), dataset)};
  run.segments.push_back(make_segment(context, config, data, start));
}

int run_resume(const Arguments& arguments, Context& context) {
  Resolved resolved = resolve_run(context, arguments.text("RUN"));
  // A tag names the run as it was; what goes on is the run as it is.
  const auto ref = context.store().find_ref("runs", resolved.run->id);
  if (!ref) throw Error(Code::not_found, "run " + run_label(*resolved.run) + " was removed");
  manifests::Run run = load_run(context.store(), ref->target);
  const manifests::Config current = load_config(context.store(), run.segments.back());
  check_operators(run, current);
  const manifests::Config config = changed_config(current, arguments);
  const auto profile = find_profile_request(context, arguments);
  check_possible(context, config);
  const bool changed = manifests::deciding_keys(config) != manifests::deciding_keys(current);
  if (changed) {
    const std::string reason = reason_of(arguments);
    check_change(run, current, config);
    append_segment(context, run, config, reason);
  }
  const std::int64_t asked = run.step < run.until ? run.until : config.last_step();
  const std::int64_t until =
      arguments.find_count("--until").value_or(changed ? config.last_step() : asked);
  check_profile_range(profile, run.step, until);
  if (until <= run.step && !run.states.empty()) {
    if (changed) {
      throw Error(Code::invalid_argument,
                  fmt::format("run {} is at step {}, so nothing would be trained", run_label(run),
                              run.step),
                  "give a larger --until");
    }
    context.io().note(fmt::format("run {} is at step {} already", run_label(run), run.step));
    print_outcome(context, run.id);
    return 0;
  }
  require_worker(context);
  train(context, {run, ref->target, config.run, until, profile});
  return 0;
}

}  // namespace

Command make_resume_command() {
  std::vector<OptionSpec> options = {
      {"RUN", ValueKind::one, "", "run to go on with", Required::yes},
      {"--until", ValueKind::one, "STEP", "stop after this step"},
      {"--set", ValueKind::many, "KEY=VALUE", "change a value; may be repeated"},
      {"--reason", ValueKind::one, "TEXT", "why a deciding key is changed"},
      {"--skip-batches", ValueKind::one, "A..B", "pass over batches A to B-1 of the order"}};
  for (auto& option : profile_options()) options.push_back(std::move(option));
  for (auto& option : running_options()) options.push_back(std::move(option));
  return {.name = "resume",
          .group = "Train",
          .summary = "go on with a run from its newest stored state",
          .details = kDetails,
          .needs = Needs::store,
          .options = std::move(options),
          .run = run_resume};
}

}  // namespace repro::cli

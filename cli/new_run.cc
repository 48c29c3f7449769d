#include "cli/new_run.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <random>

#include "artifacts/base/error.h"
#include "artifacts/git/code_identity.h"
#include "cli/eval_task.h"
#include "cli/version.h"
#include "cli/worker.h"

namespace repro::cli {
namespace {

// Time first, so that nonces order the runs of one machine; then enough chance that two machines
// differ.
std::string make_nonce(Clock& clock) {
  std::random_device device;
  const std::uint64_t chance = (std::uint64_t{device()} << 32) | device();
  return fmt::format("{:016x}{:016x}", static_cast<std::uint64_t>(clock.now_ns()), chance);
}

manifests::CodeNotes make_code_notes(Context& context, const std::string& recipe_path) {
  const Version version = build_version();
  manifests::CodeNotes notes;
  notes.repro_version = version.version;
  notes.repro_commit = version.commit;
  notes.build_id = version.build_id;
  if (recipe_path.empty()) {
    notes.recipe_commit = version.commit;
    return notes;
  }
  const auto identity = artifacts::find_code_identity(absolute_path(recipe_path));
  if (!identity) return notes;
  notes.recipe_commit = identity->commit;
  if (!identity->diff.empty()) {
    notes.recipe_diff = context.store().put(std::string_view(identity->diff)).digest.hex();
  }
  for (const auto& submodule : identity->submodules) {
    notes.submodules.emplace_back(submodule.path, submodule.commit);
  }
  return notes;
}

std::map<std::string, std::string> ask_held_constant(Context& context,
                                                     const manifests::Config& config) {
  if (config.profile == "exact") return {};
  manifests::RunSpec spec;
  spec.command = manifests::SpecCommand::probe;
  spec.running = config.run;
  spec.name = config.profile;
  std::map<std::string, std::string> held;
  run_worker(context, spec, [&](const Json& event) {
    const auto found = event.find("held_constant");
    if (found == event.end()) return;
    for (const auto& [name, value] : found->items()) held[name] = value.get<std::string>();
  });
  return held;
}

}  // namespace

manifests::Derivation make_derivation(Context& context, const manifests::Config& config,
                                      const Digest& dataset_root, const SegmentStart& start) {
  manifests::Derivation derivation;
  derivation.deciding = manifests::deciding_keys(config);
  derivation.dataset_root = dataset_root;
  derivation.initial = start.initial;
  derivation.first_step = start.first_step;
  derivation.operators = manifests::operators_of(config);
  derivation.held_constant = ask_held_constant(context, config);
  return derivation;
}

manifests::Segment make_segment(Context& context, const manifests::Config& wanted,
                                const LoadedDataset& data, const SegmentStart& start) {
  const manifests::Config config = with_stored_tasks(context, wanted, Keep::yes);
  manifests::Segment segment;
  segment.first_step = start.first_step;
  segment.content = make_derivation(context, config, manifests::dataset_root(data.dataset), start);
  segment.derivation = manifests::derivation_digest(segment.content);
  segment.config = context.store().put(std::string_view(manifests::encode_config(config))).digest;
  segment.dataset = data.manifest;
  segment.reason = start.reason;
  segment.parent_run = start.parent_run;
  segment.parent_model = start.parent_model;
  segment.parent_state = start.parent_state;
  return segment;
}

manifests::Run make_run(Context& context, const ResolvedRecipe& recipe,
                        const manifests::Segment& segment, const std::string& name) {
  manifests::Run run;
  run.nonce = make_nonce(context.clock());
  run.id = manifests::make_run_id(segment.derivation, run.nonce);
  run.name = name;
  run.recipe = recipe.label;
  run.created = utc_text(context.clock().now_ns());
  run.step = segment.first_step;
  run.segments = {segment};
  run.code = make_code_notes(context, recipe.path);
  return run;
}

std::optional<LoadedRun> find_realisation(Context& context, const Digest& derivation) {
  for (LoadedRun& loaded : load_runs(context)) {
    const auto& segments = loaded.run.segments;
    if (segments.size() == 1 && segments[0].derivation == derivation) return std::move(loaded);
  }
  return std::nullopt;
}

manifests::Config load_config(const artifacts::Store& store, const manifests::Segment& segment) {
  return manifests::parse_config(store.get(segment.config), "config " + segment.config.short_hex());
}

}  // namespace repro::cli

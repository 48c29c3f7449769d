#include "cli/lineage.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "artifacts/base/error.h"

namespace repro::cli {
namespace {

// A chain of digests has an end, but runs name each other by id.
constexpr int kMaxDepth = 64;

// The step of `parent` at which it had these weights: a branch may have set its own step to 0.
std::optional<std::int64_t> step_of(const manifests::Run& parent, const Digest& model_root) {
  for (const manifests::StoredState& state : parent.states) {
    if (state.model_root == model_root) return state.step;
  }
  return std::nullopt;
}

class Walk {
 public:
  explicit Walk(Context& context) : store_(context.store()) {}

  void add_run(const manifests::Run& run, std::int64_t step, const std::string& label, int depth,
               bool last) {
    const manifests::Segment& first = run.segments.front();
    list_.push_back({depth, last, "run", run.id, label,
                     fmt::format("trained {}, steps {}..{}", run.recipe, first.first_step, step),
                     run.segments.back().derivation.hex()});
    if (!enter(run.id, depth)) return;
    if (!first.parent_model.empty()) {
      add_model(first.parent_model, "", depth + 1, true);
    } else if (!first.parent_run.empty()) {
      add_parent_run(first, depth + 1);
    }
  }

  void add_model(const std::string& manifest, const std::string& label, int depth, bool last) {
    const auto digest = find_digest(manifest);
    if (!digest || !store_.contains(*digest)) {
      list_.push_back({depth, last, "missing", manifest, label, "a model that is not here", ""});
      return;
    }
    const manifests::Model model = load_model(store_, *digest);
    const manifests::ModelOrigin& origin = model.origin;
    std::string how = origin.operation;
    for (const auto& [name, value] : origin.settings) how += fmt::format(" {}={}", name, value);
    if (!origin.files.empty()) {
      how += " of " + plural_text(static_cast<std::int64_t>(origin.files.size()), "file");
    }
    list_.push_back({depth, last, "model", manifest, label.empty() ? model.name : label, how,
                     manifests::model_derivation(origin).hex()});
    if (!enter(manifest, depth)) return;
    for (const manifests::ModelParent& parent : origin.parents) {
      const bool last_parent = &parent == &origin.parents.back();
      if (!parent.model.empty()) {
        add_model(parent.model, parent.label, depth + 1, last_parent);
      } else {
        add_known_run(parent.run, parent.step, parent.label, depth + 1, last_parent);
      }
    }
  }

  std::vector<Ancestor> take() { return std::move(list_); }

 private:
  bool enter(const std::string& id, int depth) {
    return visited_.insert(id).second && depth < kMaxDepth;
  }

  void add_parent_run(const manifests::Segment& segment, int depth) {
    const auto ref = store_.find_ref("runs", segment.parent_run);
    std::int64_t step = segment.first_step;
    const auto digest = find_digest(segment.parent_state);
    if (ref && digest && store_.contains(*digest)) {
      const Digest model_root = load_state(store_, *digest).model_root;
      step = step_of(load_run(store_, ref->target), model_root).value_or(step);
    }
    add_known_run(segment.parent_run, step, "", depth, true);
  }

  void add_known_run(const std::string& id, std::int64_t step, const std::string& label, int depth,
                     bool last) {
    const auto ref = store_.find_ref("runs", id);
    if (!ref) {
      list_.push_back({depth, last, "missing", id, label, "a run that is not here", ""});
      return;
    }
    const manifests::Run run = load_run(store_, ref->target);
    const std::string name = run.name.empty() ? run.id.substr(0, 12) : run.name;
    add_run(run, step, label.empty() ? fmt::format("{}@{}", name, step) : label, depth, last);
  }

  artifacts::Store& store_;
  std::vector<Ancestor> list_;
  std::set<std::string> visited_;
};

}  // namespace

std::vector<Ancestor> lineage_of(Context& context, const LoadedRun& run) {
  Walk walk(context);
  walk.add_run(run.run, run.run.step, run_label(run.run), 0, true);
  return walk.take();
}

std::vector<Ancestor> lineage_of(Context& context, const LoadedModel& model) {
  Walk walk(context);
  walk.add_model(model.manifest.hex(), model.model.name, 0, true);
  return walk.take();
}

void print_lineage(Io& io, const std::vector<Ancestor>& lineage) {
  if (lineage.size() < 2) return;
  io.line("made of");
  std::vector<bool> open;  // by depth: whether more siblings follow below
  for (const Ancestor& ancestor : lineage) {
    const auto depth = static_cast<std::size_t>(ancestor.depth);
    open.resize(depth + 1);
    open[depth] = !ancestor.last;
    std::string line = "  ";
    for (std::size_t level = 1; level < depth; ++level) line += open[level] ? "|  " : "   ";
    if (depth > 0) line += ancestor.last ? "`- " : "|- ";
    line += fmt::format("{}  {}", ancestor.label, ancestor.how);
    if (!ancestor.derivation.empty()) line += "  " + ancestor.derivation.substr(0, 12);
    io.line(line);
  }
}

Json lineage_records(const std::vector<Ancestor>& lineage) {
  Json list = Json::array();
  for (const Ancestor& ancestor : lineage) {
    list.push_back({{"depth", ancestor.depth},
                    {"kind", ancestor.kind},
                    {"id", ancestor.id},
                    {"label", ancestor.label},
                    {"how", ancestor.how},
                    {"derivation", ancestor.derivation}});
  }
  return list;
}

}  // namespace repro::cli

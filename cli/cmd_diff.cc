#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "artifacts/base/error.h"
#include "cli/commands.h"
#include "cli/print_comparison.h"
#include "cli/recipe_source.h"
#include "cli/resolve.h"
#include "cli/state_source.h"
#include "verify/compare.h"
#include "verify/object_pair.h"

namespace repro::cli {
namespace {

constexpr const char* kDetails =
    "A and B are two runs, states (RUN@STEP), models, datasets, recipes, objects, files or "
    "folders. Runs "
    "are "
    "compared by manifests and logs: deciding and running keys, dataset roots, operators, code, "
    "and "
    "the first step whose root differs. Where roots differ, the tensors of the newest step that "
    "both have stored are compared too, if those are not large; --tensors compares the first step "
    "whose root differs, re-deriving what is not stored.\n\n"
    "Exit code: 0 identical, 1 different. Running keys, names and code are listed but make nothing "
    "different: they decide no bit.";

// Reading more than this is worth a question: --tensors.
constexpr std::int64_t kMaxUnaskedBytes = std::int64_t{1} << 30;
constexpr std::uint64_t kMaxConfigBytes = std::uint64_t{16} << 20;

bool is_yaml(std::string_view path) { return path.ends_with(".yaml") || path.ends_with(".yml"); }

// A configuration: of a recipe, of a YAML file, or of a run's newest segment.
std::optional<manifests::Config> find_config(Context& context, const Resolved& what) {
  const bool file = what.noun == Noun::path && is_yaml(what.path);
  if (what.noun == Noun::recipe || file) {
    return resolve_recipe(context, file ? what.path : what.name, false, {}).config;
  }
  if (what.noun == Noun::run) {
    const Digest digest = what.run->segments.back().config;
    return manifests::parse_config(context.store().get(digest, kMaxConfigBytes),
                                   "config " + digest.short_hex());
  }
  return std::nullopt;
}

bool is_state(const Resolved& what) { return what.noun == Noun::state || what.noun == Noun::model; }

// A model may have no moments and counters, and what it has of them is not the model.
manifests::State weights_of(manifests::State state) {
  std::erase_if(state.tensors,
                [](const auto& tensor) { return !manifests::is_weight(tensor.name); });
  state.state_root = manifests::compute_state_root(state);
  return state;
}

std::optional<StateSource> find_state(Context& context, const Resolved& what) {
  if (is_state(what)) return StateSource::open(context, what);
  if (what.noun == Noun::run) return StateSource::open(context, *what.run, what.run->step);
  return std::nullopt;
}

verify::Comparison compare_sources(const StateSource& a, const StateSource& b,
                                   const std::string& tensor) {
  return verify::compare_states({a.store(), a.state()}, {b.store(), b.state()}, tensor);
}

verify::Comparison compare_weights(const StateSource& a, const StateSource& b,
                                   const std::string& tensor) {
  const manifests::State left = weights_of(a.state());
  const manifests::State right = weights_of(b.state());
  return verify::compare_states({a.store(), left}, {b.store(), right}, tensor);
}

std::optional<std::int64_t> newest_common_step(const manifests::Run& a, const manifests::Run& b) {
  std::optional<std::int64_t> newest;
  for (const auto& left : a.states) {
    for (const auto& right : b.states) {
      if (left.step == right.step) newest = left.step;
    }
  }
  return newest;
}

void add_tensors(Context& context, const Resolved& a, const Resolved& b, const Arguments& arguments,
                 verify::Comparison& result) {
  if (!result.first_root) return;
  const bool asked = arguments.has("--tensors") || arguments.has("--tensor");
  const auto common = newest_common_step(*a.run, *b.run);
  const std::int64_t step = asked ? result.first_root->step : common.value_or(-1);
  if (step < 0) {
    context.io().note("no step is stored in both runs; --tensors re-derives one and compares it");
    return;
  }
  const StateSource left = StateSource::open(context, *a.run, step);
  const StateSource right = StateSource::open(context, *b.run, step);
  std::int64_t bytes = 0;
  for (const auto& tensor : left.state().tensors) bytes += tensor.size;
  if (!asked && bytes > kMaxUnaskedBytes) {
    context.io().note("tensors not compared: " + bytes_text(static_cast<std::uint64_t>(bytes)) +
                      " a state; pass --tensors");
    return;
  }
  context.io().note("comparing tensors of step " + std::to_string(step));
  verify::Comparison tensors = compare_sources(left, right, arguments.text("--tensor"));
  result.tensors = std::move(tensors.tensors);
  result.num_equal_tensors = tensors.num_equal_tensors;
}

verify::Comparison compare_objects(const artifacts::Store& store, const Digest& a,
                                   const Digest& b) {
  verify::Comparison result;
  result.identical = a == b;
  if (result.identical) return result;
  verify::ElementComparer comparer("uint8");
  verify::read_pair(verify::object_source(store, a), verify::object_source(store, b),
                    [&](auto x, auto y) { comparer.update(x, y); });
  const std::string size_a = std::to_string(store.size_of(a));
  const std::string size_b = std::to_string(store.size_of(b));
  result.tensors.push_back(
      {"bytes", "values", "uint8 [" + size_a + "]", "uint8 [" + size_b + "]", comparer.result()});
  if (size_a != size_b) result.differences.push_back({"changed", "size", size_a, size_b});
  return result;
}

[[noreturn]] void refuse(const Resolved& a, const Resolved& b) {
  throw Error(Code::invalid_argument,
              "cannot compare " + std::string(noun_name(a.noun)) + " " + a.text + " with " +
                  std::string(noun_name(b.noun)) + " " + b.text,
              "compare two things of one kind; `repro help diff` lists the kinds");
}

verify::Comparison compare(Context& context, const Resolved& a, const Resolved& b,
                           const Arguments& arguments) {
  if (a.noun == Noun::run && b.noun == Noun::run) {
    const artifacts::Store& store = context.store();
    verify::Comparison result = verify::compare_runs({store, *a.run}, {store, *b.run});
    add_tensors(context, a, b, arguments, result);
    return result;
  }
  if (a.noun == Noun::dataset && b.noun == Noun::dataset) {
    return verify::compare_datasets(load_dataset(context.store(), a.digest),
                                    load_dataset(context.store(), b.digest));
  }
  if (a.noun == Noun::object && b.noun == Noun::object) {
    return compare_objects(context.store(), a.digest, b.digest);
  }
  if (is_state(a) || is_state(b)) {
    const auto left = find_state(context, a);
    const auto right = left ? find_state(context, b) : std::nullopt;
    if (!left || !right) refuse(a, b);
    if (a.noun == Noun::model || b.noun == Noun::model) {
      return compare_weights(*left, *right, arguments.text("--tensor"));
    }
    return compare_sources(*left, *right, arguments.text("--tensor"));
  }
  const auto config_a = find_config(context, a);
  const auto config_b = config_a ? find_config(context, b) : std::nullopt;
  if (config_a && config_b) return verify::compare_configs(*config_a, *config_b);
  if (a.noun == Noun::path && b.noun == Noun::path) {
    return verify::compare_paths(context.files(), a.path, b.path);
  }
  refuse(a, b);
}

int run_diff(const Arguments& arguments, Context& context) {
  const Resolved a = resolve(context, arguments.text("A"));
  const Resolved b = resolve(context, arguments.text("B"));
  return print_comparison(context.io(), compare(context, a, b, arguments));
}

}  // namespace

Command make_diff_command() {
  return {.name = "diff",
          .group = "Verify",
          .summary = "what differs between two runs, states, models, recipes, datasets or folders",
          .details = kDetails,
          .needs = Needs::nothing,
          .options = {{"A", ValueKind::one, "", "one of them", Required::yes},
                      {"B", ValueKind::one, "", "the other", Required::yes},
                      {"--tensors", ValueKind::flag, "",
                       "compare the tensors of the first step whose root differs"},
                      {"--tensor", ValueKind::one, "NAME", "compare only this tensor"}},
          .run = run_diff};
}

}  // namespace repro::cli

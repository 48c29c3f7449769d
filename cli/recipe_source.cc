#include "cli/recipe_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "artifacts/base/error.h"
#include "artifacts/base/spelling.h"
#include "cli/worker.h"
#include "manifests/config_keys.h"
#include "manifests/recipe_base.h"

namespace repro::cli {
namespace {

constexpr std::uint64_t kMaxRecipeBytes = std::uint64_t{1} << 20;

struct RunningOption {
  OptionSpec spec;
  const char* key;
};

const std::vector<RunningOption>& running_table() {
  static const std::vector<RunningOption> kTable = {
      {{"--threads", ValueKind::one, "N", "threads (0: all cores)"}, "run.threads"},
      {{"--kernels", ValueKind::one, "PATH", "scalar, avx2, avx512, amx, neon, fp64 or auto"},
       "run.kernels"},
      {{"--micro-batch", ValueKind::one, "N", "sequences at a time (0: as memory allows)"},
       "run.micro_batch"},
      {{"--recompute", ValueKind::one, "true|false",
        "keep less for the backward pass and compute it again"},
       "run.recompute"},
      {{"--ranks", ValueKind::one, "N", "processes (this version: 1)"}, "run.ranks"},
      {{"--device", ValueKind::one, "NAME", "cpu or cuda"}, "run.device"},
      {{"--digest-every", ValueKind::one, "K", "roots in the log at every K-th step"},
       "run.digest_every"},
      {{"--checkpoint-every", ValueKind::one, "K", "a stored state at every K-th step"},
       "run.checkpoint_every"},
  };
  return kTable;
}

manifests::FoundRecipe found_file(FileSystem& files, const std::string& path) {
  manifests::FoundRecipe found;
  found.id = absolute_path(path);
  found.folder = parent_path(path);
  found.recipe = {path, files.read_file(path, kMaxRecipeBytes)};
  const std::string overlay = join_path(found.folder, "smoke.yaml");
  if (files.exists(overlay)) {
    found.smoke = manifests::RecipeLayer{overlay, files.read_file(overlay, kMaxRecipeBytes)};
  }
  return found;
}

// The YAML file that `recipe` names, or nullopt.
std::optional<std::string> find_recipe_file(FileSystem& files, const std::string& recipe) {
  const auto status = files.find_status(recipe);
  if (!status) return std::nullopt;
  if (status->kind != FileKind::directory) return recipe;
  const std::string inside = join_path(recipe, "recipe.yaml");
  if (files.exists(inside)) return inside;
  throw Error(Code::not_found, "folder " + recipe + " has no recipe.yaml");
}

// A built-in recipe, or one in a file; built-in ones are laid over built-in ones alone.
std::optional<manifests::FoundRecipe> find_base(FileSystem& files, const std::string& name,
                                                const std::string& folder) {
  if (auto builtin = manifests::find_builtin_base(name, folder)) return builtin;
  if (folder.empty()) return std::nullopt;
  const auto file = find_recipe_file(files, join_path(folder, name));
  return file ? std::optional(found_file(files, *file)) : std::nullopt;
}

[[noreturn]] void fail_unknown_recipe(const std::string& recipe) {
  std::vector<std::string> names;
  std::string list;
  for (const auto& builtin : manifests::builtin_recipes()) {
    names.emplace_back(builtin.name);
    list += (list.empty() ? "" : ", ") + names.back();
  }
  const auto nearest = find_nearest(recipe, names);
  throw Error(Code::not_found, "there is no recipe or file '" + recipe + "'",
              nearest ? "did you mean " + *nearest + "?" : "built-in recipes: " + list);
}

std::string label_of(const manifests::Config& config, const std::string& path) {
  if (!config.name.empty()) return config.name;
  const std::string name = base_name(path);
  const std::string stem = name.substr(0, name.find('.'));
  return stem == "recipe" ? base_name(parent_path(absolute_path(path))) : stem;
}

bool lists(const Json& event, const char* key, const std::string& value) {
  const auto found = event.find(key);
  return found != event.end() && std::find(found->begin(), found->end(), value) != found->end();
}

// What an import kept because it decides bits and no key of a recipe says it.
void check_computed(const manifests::Config& config) {
  if (config.not_computed.empty()) return;
  std::string names;
  for (const auto& [name, texts] : config.not_computed) names += (names.empty() ? "" : ", ") + name;
  throw Error(Code::unsupported,
              "the recipe has settings that are kept as a note, not computed yet: " + names,
              "remove their lines below not_computed to train without what they say");
}

// The worker's own reason, where it gives one.
[[noreturn]] void fail_device(const Json& probe, const std::string& device) {
  const auto found = probe.find(device);
  if (found != probe.end() && found->contains("problem")) {
    throw Error(Code::environment, found->at("problem").get<std::string>(),
                found->at("hint").get<std::string>());
  }
  throw Error(Code::environment, "the trainer of this build has no device " + device,
              "`repro doctor` says what it has; on the CPU exact gives the bits that any device "
              "must give");
}

}  // namespace

ResolvedRecipe resolve_recipe(Context& context, const std::string& recipe, bool smoke,
                              const std::vector<manifests::Override>& overrides) {
  FileSystem& files = context.files();
  const auto resolve = [&](const manifests::FoundRecipe& found) {
    const auto layers = manifests::recipe_layers(
        found, smoke, [&](const std::string& name, const std::string& folder) {
          return find_base(files, name, folder);
        });
    return manifests::resolve_recipe(layers, overrides);
  };
  if (const auto* builtin = manifests::find_builtin_recipe(recipe)) {
    return {resolve(manifests::found_builtin(*builtin)), recipe, ""};
  }
  const auto file = find_recipe_file(files, recipe);
  if (!file) fail_unknown_recipe(recipe);
  ResolvedRecipe resolved{resolve(found_file(files, *file)), "", *file};
  resolved.label = label_of(resolved.config, *file);
  return resolved;
}

std::vector<OptionSpec> recipe_options() {
  return {{"--smoke", ValueKind::flag, "", "the recipe's small size, for a first look"},
          {"--set", ValueKind::many, "KEY=VALUE", "change a value of the recipe; may be repeated"}};
}

std::vector<OptionSpec> running_options() {
  std::vector<OptionSpec> options;
  for (const RunningOption& option : running_table()) options.push_back(option.spec);
  return options;
}

std::vector<manifests::Override> set_overrides(const Arguments& arguments) {
  std::vector<manifests::Override> overrides;
  for (const std::string& text : arguments.all("--set")) {
    const auto equals = text.find('=');
    if (equals == std::string::npos || equals == 0) {
      throw Error(Code::invalid_argument, "--set needs KEY=VALUE, not '" + text + "'",
                  "`repro config --keys` lists the keys");
    }
    overrides.push_back({text.substr(0, equals), text.substr(equals + 1)});
  }
  return overrides;
}

std::vector<manifests::Override> running_overrides(const Arguments& arguments) {
  std::vector<manifests::Override> overrides;
  for (const RunningOption& option : running_table()) {
    if (const auto value = arguments.find(option.spec.name)) {
      overrides.push_back({option.key, *value});
    }
  }
  return overrides;
}

manifests::RunConfig running_choices(const Arguments& arguments,
                                     std::initializer_list<std::string_view> options) {
  manifests::Config config;
  for (const RunningOption& option : running_table()) {
    if (std::find(options.begin(), options.end(), option.spec.name) == options.end()) continue;
    const auto value = arguments.find(option.spec.name);
    if (value) manifests::set_config_value(config, option.key, *value, option.spec.name);
  }
  return config.run;
}

void check_possible(Context& context, const manifests::Config& config) {
  check_computed(config);
  if (config.run.ranks != 1) {
    throw Error(Code::unsupported,
                fmt::format("cannot train on {} ranks: ranks do not exist yet in this version",
                            config.run.ranks),
                "leave --ranks out, or give --ranks 1; --threads uses the cores of this machine");
  }
  if (config.run.device == "cpu" && config.profile == "exact") return;
  if (config.data.mask_documents && config.profile == "exact") {
    throw Error(Code::unsupported,
                "data.mask_documents: in exact, a GPU cannot keep attention within documents yet",
                "train with --device cpu, or with --profile native");
  }
  manifests::RunSpec spec;
  spec.command = manifests::SpecCommand::probe;
  spec.running = config.run;
  Json probe;
  run_worker(context, spec, [&](const Json& event) { probe = event; });
  if (!lists(probe, "devices", config.run.device)) {
    fail_device(probe, config.run.device);
  }
  if (!lists(probe, "profiles", config.profile)) {
    throw Error(Code::environment, "the trainer of this build has no profile " + config.profile,
                "`repro doctor` says what it has; profile exact runs everywhere");
  }
}

}  // namespace repro::cli

// A recipe as a command is given it: which one, and what is laid over it.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/arguments.h"
#include "cli/context.h"
#include "manifests/config.h"
#include "manifests/recipe.h"

namespace repro::cli {

struct ResolvedRecipe {
  manifests::Config config;
  std::string label;  // its name, or that of its file
  std::string path;   // of the YAML file; "" for a built-in recipe
};

// `recipe`: a built-in name, a YAML file, or a folder with recipe.yaml, with what its `base` names
// under it. `smoke` lays smoke.yaml (built in, or beside the file) over it, then `overrides`.
// Error(not_found) with the nearest name; Error(invalid_argument) as of manifests::resolve_recipe.
ResolvedRecipe resolve_recipe(Context& context, const std::string& recipe, bool smoke,
                              const std::vector<manifests::Override>& overrides);

// --smoke and --set.
std::vector<OptionSpec> recipe_options();
// --threads, --kernels, --micro-batch, --recompute, --ranks, --device, --digest-every,
// --checkpoint-every.
std::vector<OptionSpec> running_options();
// --set and the running options (where a command has them), as overrides in this order.
std::vector<manifests::Override> set_overrides(const Arguments& arguments);
std::vector<manifests::Override> running_overrides(const Arguments& arguments);

// Checked, for commands that have no other running options than these.
manifests::RunConfig running_choices(const Arguments& arguments,
                                     std::initializer_list<std::string_view> options);

// Refuses what this version or machine cannot do: settings that are kept but not computed, more
// than one rank, attention within documents on a GPU in exact (Error(unsupported)), devices and
// profiles that the worker does not have (Error(environment); asks the worker only if needed).
void check_possible(Context& context, const manifests::Config& config);

}  // namespace repro::cli

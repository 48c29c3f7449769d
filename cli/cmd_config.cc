#include <nlohmann/json.hpp>

#include "artifacts/base/error.h"
#include "cli/commands.h"
#include "cli/config_view.h"
#include "cli/recipe_source.h"
#include "manifests/config_keys.h"

namespace repro::cli {
namespace {

int print_keys(Context& context) {
  std::vector<std::vector<std::string>> rows = {{"KEY", "CLASS", "DEFAULT", "ALLOWED", "MEANING"}};
  for (const manifests::ConfigKey& key : manifests::config_keys()) {
    const std::string class_name(key_class_name(key.key_class));
    rows.push_back({key.path, class_name, key.required ? "(required)" : key.default_value,
                    key.allowed, key.help});
    context.io().emit("config_key", {{"key", key.path},
                                     {"class", class_name},
                                     {"required", key.required},
                                     {"default", key.default_value},
                                     {"allowed", key.allowed},
                                     {"help", key.help}});
  }
  context.io().table(rows);
  return 0;
}

int run_config(const Arguments& arguments, Context& context) {
  if (arguments.has("--keys")) return print_keys(context);
  if (!arguments.has("RECIPE")) {
    for (const auto& recipe : manifests::builtin_recipes()) {
      context.io().line(std::string(recipe.name));
      context.io().emit("recipe", {{"name", recipe.name}});
    }
    return 0;
  }
  const ResolvedRecipe recipe = resolve_recipe(context, arguments.text("RECIPE"),
                                               arguments.has("--smoke"), set_overrides(arguments));
  print_config(context.io(), recipe.config);
  return 0;
}

}  // namespace

Command make_config_command() {
  std::vector<OptionSpec> options = {
      {"RECIPE", ValueKind::one, "", "built-in name, YAML file or folder"}};
  for (auto& option : recipe_options()) options.push_back(std::move(option));
  options.push_back({"--keys", ValueKind::flag, "", "list all keys with class, default and range"});
  return {.name = "config",
          .group = "Start",
          .summary = "show a recipe with every value made explicit",
          .details =
              "Without RECIPE: the built-in recipes. A *deciding* key can change a bit of a "
              "result; a *running* key cannot.",
          .needs = Needs::nothing,
          .options = std::move(options),
          .run = run_config};
}

}  // namespace repro::cli

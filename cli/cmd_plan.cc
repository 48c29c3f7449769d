#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "artifacts/base/error.h"
#include "artifacts/base/number_text.h"
#include "cli/commands.h"
#include "cli/data_source.h"
#include "cli/eval_task.h"
#include "cli/mixture.h"
#include "cli/new_run.h"
#include "cli/pipeline.h"
#include "cli/recipe_source.h"
#include "cli/resolve.h"
#include "manifests/model_shape.h"

namespace repro::cli {
namespace {

constexpr const char* kDetails =
    "Nothing starts and nothing is written. The derivation is named where the store has the data\n"
    "already. --tokens-per-second (of an earlier run, see `repro log RUN --telemetry`) gives the "
    "time.";

struct Plan {
  std::int64_t parameters = 0;
  std::int64_t tokens_per_step = 0;
  double flops_per_token = 0;
  std::int64_t training_bytes = 0;
  std::int64_t checkpoint_bytes = 0;
  std::int64_t num_checkpoints = 0;
  std::optional<double> seconds;
  std::optional<LoadedDataset> data;
  std::optional<Digest> derivation;
  std::optional<LoadedRun> run;
};

std::optional<double> find_rate(const Arguments& arguments) {
  const auto text = arguments.find("--tokens-per-second");
  if (!text) return std::nullopt;
  const auto rate = find_number(*text);
  if (!rate || !(*rate > 0)) {
    throw Error(Code::invalid_argument,
                "--tokens-per-second is '" + *text + "'; expected a number above 0");
  }
  return rate;
}

Plan make_plan(Context& context, const manifests::Config& config, const std::string& data,
               std::optional<double> rate) {
  Plan plan;
  const std::int64_t steps = config.train.steps;
  plan.parameters = manifests::parameter_count(config.model);
  plan.tokens_per_step = config.train.batch_size * config.data.sequence_length;
  plan.flops_per_token = manifests::flops_per_token(config.model, config.data.sequence_length);
  plan.training_bytes = manifests::training_bytes(config);
  plan.checkpoint_bytes = manifests::checkpoint_bytes(config.model);
  const std::int64_t every = config.run.checkpoint_every;
  plan.num_checkpoints = every > 0 ? (steps + every - 1) / every : 1;
  if (rate) plan.seconds = static_cast<double>(plan.tokens_per_step * steps) / *rate;
  const manifests::Config with_tasks = with_stored_tasks(context, config, Keep::no);
  if (!context.has_store() || data.empty() || !config.not_computed.empty()) return plan;
  plan.data = find_dataset(context, data);
  // Other profiles ask the worker what they hold constant; a plan starts nothing.
  if (!plan.data || config.profile != "exact") return plan;
  plan.derivation = manifests::derivation_digest(
      make_derivation(context, with_tasks, manifests::dataset_root(plan.data->dataset), {}));
  plan.run = find_realisation(context, *plan.derivation);
  return plan;
}

std::string operators_text(const manifests::Config& config) {
  std::string text;
  for (const auto& [name, version] : manifests::operators_of(config)) {
    text += fmt::format("{}{}/{}", text.empty() ? "" : " ", name, version);
  }
  return text;
}

std::string data_text(const Plan& plan, const std::string& data) {
  if (data.empty()) return "none named; --data gives it";
  if (!plan.data) return data + " (would be added first)";
  return fmt::format("{}, {} tokens, root {}", plan.data->dataset.name,
                     count_text(plan.data->dataset.num_tokens()),
                     manifests::dataset_root(plan.data->dataset).hex());
}

// And what it would be with run.recompute, where the recipe does not say that.
std::string memory_text(manifests::Config config, std::int64_t bytes) {
  const auto text = [](std::int64_t count) {
    return bytes_text(static_cast<std::uint64_t>(count));
  };
  if (config.run.recompute) return "about " + text(bytes) + ", recomputing activations";
  config.run.recompute = true;
  return fmt::format("about {}; {} with --recompute true", text(bytes),
                     text(manifests::training_bytes(config)));
}

void print_plan(Io& io, const ResolvedRecipe& recipe, const Plan& plan, const std::string& data) {
  const manifests::Config& config = recipe.config;
  const std::int64_t tokens = plan.tokens_per_step * config.train.steps;
  io.line(fmt::format("recipe      {}, profile {}", recipe.label, config.profile));
  io.line(fmt::format(
      "stages      {}train {} steps, evaluate {}", plan.data ? "" : "add data, ",
      count_text(config.train.steps),
      config.eval.every > 0 ? fmt::format("every {} steps", config.eval.every) : "never"));
  io.line("data        " + data_text(plan, data));
  if (plan.data) print_parts(io, plan.data->dataset);
  io.line(fmt::format("parameters  {}", count_text(plan.parameters)));
  io.line(fmt::format("tokens      {} a step, {} in all", count_text(plan.tokens_per_step),
                      count_text(tokens)));
  io.line(fmt::format("arithmetic  {:.4g} FLOPs a token, {:.4g} in all", plan.flops_per_token,
                      plan.flops_per_token * static_cast<double>(tokens)));
  io.line("memory      " + memory_text(config, plan.training_bytes));
  io.line(fmt::format("disk        {} checkpoints of {}", plan.num_checkpoints,
                      bytes_text(static_cast<std::uint64_t>(plan.checkpoint_bytes))));
  if (plan.seconds) io.line("time        " + duration_text(*plan.seconds));
  io.line("operators   " + operators_text(config));
  for (const auto& [name, texts] : config.not_computed) {
    io.line("not yet     " + name + " is not computed: `repro train` will refuse this recipe");
  }
  if (plan.derivation) io.line("derivation  " + plan.derivation->hex());
  if (plan.run) {
    io.line(fmt::format("run         {} has this derivation and is at step {}",
                        run_label(plan.run->run), plan.run->run.step));
  }
}

Json plan_record(const ResolvedRecipe& recipe, const Plan& plan, const std::string& data) {
  const manifests::Config& config = recipe.config;
  Json record = {{"recipe", recipe.label},
                 {"profile", config.profile},
                 {"steps", config.train.steps},
                 {"data", data},
                 {"parameters", plan.parameters},
                 {"tokens_per_step", plan.tokens_per_step},
                 {"flops_per_token", plan.flops_per_token},
                 {"training_bytes", plan.training_bytes},
                 {"checkpoint_bytes", plan.checkpoint_bytes},
                 {"checkpoints", plan.num_checkpoints},
                 {"operators", Json(manifests::operators_of(config))}};
  record["seconds"] = plan.seconds ? Json(*plan.seconds) : Json();
  record["dataset"] = plan.data ? Json(manifests::dataset_root(plan.data->dataset).hex()) : Json();
  record["parts"] = plan.data ? part_records(plan.data->dataset) : Json::array();
  record["not_computed"] = Json::array();
  for (const auto& [name, texts] : config.not_computed) record["not_computed"].push_back(name);
  record["derivation"] = plan.derivation ? Json(plan.derivation->hex()) : Json();
  record["run"] = plan.run ? Json(plan.run->run.id) : Json();
  return record;
}

int run_plan(const Arguments& arguments, Context& context) {
  if (const auto pipeline = find_pipeline(context, arguments.text("RECIPE"))) {
    return plan_pipeline(context, *pipeline, arguments);
  }
  auto overrides = set_overrides(arguments);
  for (auto& override : running_overrides(arguments)) overrides.push_back(std::move(override));
  const ResolvedRecipe recipe =
      resolve_recipe(context, arguments.text("RECIPE"), arguments.has("--smoke"), overrides);
  const std::string data = arguments.find("--data").value_or(recipe.config.data.source);
  const Plan plan = make_plan(context, recipe.config, data, find_rate(arguments));
  print_plan(context.io(), recipe, plan, data);
  context.io().emit("plan", plan_record(recipe, plan, data));
  return 0;
}

}  // namespace

Command make_plan_command() {
  std::vector<OptionSpec> options = {
      {"RECIPE", ValueKind::one, "", "built-in name, YAML file or folder", Required::yes}};
  for (auto& option : recipe_options()) options.push_back(std::move(option));
  options.push_back({"--data", ValueKind::one, "NAME|PATH", "dataset, files or folder"});
  options.push_back({"--tokens-per-second", ValueKind::one, "RATE", "to reckon the time"});
  for (auto& option : running_options()) options.push_back(std::move(option));
  return {.name = "plan",
          .group = "Train",
          .summary = "say what a training would take, without starting it",
          .details = kDetails,
          .needs = Needs::nothing,
          .options = std::move(options),
          .run = run_plan};
}

}  // namespace repro::cli

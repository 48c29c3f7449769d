#include "cli/pipeline.h"

#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "artifacts/base/error.h"
#include "artifacts/base/spelling.h"
#include "cli/evaluation.h"
#include "cli/merge.h"
#include "cli/run_record.h"
#include "cli/train_recipe.h"
#include "manifests/model_shape.h"

namespace repro::cli {
namespace {

using manifests::Override;
using manifests::Pipeline;
using manifests::Stage;

constexpr std::int64_t kEvalBatch = 8;
constexpr std::uint64_t kMaxPipelineBytes = std::uint64_t{1} << 20;

// What a pipeline says itself, or what means one training.
constexpr const char* kOptionsOfOneTraining[] = {"--data",  "--from",          "--reset",
                                                 "--until", "--profile-steps", "--profile-file"};

void refuse_options(const Arguments& arguments) {
  for (const char* option : kOptionsOfOneTraining) {
    if (!arguments.has(option)) continue;
    throw Error(Code::invalid_argument, fmt::format("{} does not go with a pipeline", option),
                "change a stage with --set STAGE.KEY=VALUE, or train a stage's recipe by itself");
  }
}

// `--set STAGE.KEY=VALUE`, by stage.
std::map<std::string, std::vector<Override>> stage_overrides(const Pipeline& pipeline,
                                                             const Arguments& arguments) {
  std::map<std::string, std::vector<Override>> changes;
  std::vector<std::string> names;
  for (const Stage& stage : pipeline.stages) names.push_back(stage.name);
  for (const Override& change : set_overrides(arguments)) {
    const std::size_t dot = change.key.find('.');
    const std::string name = change.key.substr(0, dot);
    const Stage* stage = pipeline.find(name);
    if (stage == nullptr || dot == std::string::npos) {
      const auto nearest = find_nearest(name, names);
      throw Error(
          Code::invalid_argument,
          fmt::format("--set {}: pipeline {} has no stage '{}'", change.key, pipeline.name, name),
          nearest ? fmt::format("did you mean {}?", *nearest)
                  : "write --set STAGE.KEY=VALUE; `repro plan` lists the stages");
    }
    if (stage->is_merge()) {
      throw Error(Code::invalid_argument,
                  fmt::format("--set {}: stage {} merges and has no keys", change.key, name));
    }
    changes[name].push_back({change.key.substr(dot + 1), change.value});
  }
  return changes;
}

class Builder {
 public:
  Builder(Context& context, const PipelineSource& source, const Arguments& arguments,
          std::optional<std::string> profile)
      : context_(context),
        source_(source),
        arguments_(arguments),
        profile_(std::move(profile)),
        changes_(stage_overrides(source.pipeline, arguments)) {}

  // `start`: the step at which the stage begins, of the run it goes on from.
  ResolvedRecipe recipe(const Stage& stage, std::int64_t start) const {
    std::vector<Override> overrides;
    if (start > 0) overrides.push_back({"schedule.start", std::to_string(start)});
    const bool smoke = arguments_.has("--smoke");
    append(overrides, stage.set);
    if (smoke) append(overrides, stage.smoke);
    const auto changes = changes_.find(stage.name);
    if (changes != changes_.end()) append(overrides, changes->second);
    append(overrides, running_overrides(arguments_));
    if (profile_) overrides.push_back({"profile", *profile_});
    const bool builtin = manifests::find_builtin_recipe(stage.recipe) != nullptr;
    return resolve_recipe(context_, builtin ? stage.recipe : path_of(stage.recipe), smoke,
                          overrides);
  }

  // A value with '/' is a path from the folder of the pipeline's file.
  std::string path_of(const std::string& value) const {
    const bool relative = value.find('/') != std::string::npos && value.front() != '/';
    return relative && !source_.folder.empty() ? join_path(source_.folder, value) : value;
  }

  // A task's file lies beside the pipeline's, whether its name has '/' or not.
  std::string task_of(const std::string& task) const {
    const bool relative = !task.starts_with("builtin:") && task.front() != '/';
    return relative && !source_.folder.empty() ? join_path(source_.folder, task) : task;
  }

  // Where the schedule of a stage starts: a merged model has no steps, and `reset: [step]` forgets
  // them.
  static std::int64_t start_of(const Stage& stage, std::int64_t parent_step) {
    for (const std::string& name : stage.reset) {
      if (name == "step") return 0;
    }
    return parent_step;
  }

 private:
  static void append(std::vector<Override>& list, const std::vector<Override>& more) {
    list.insert(list.end(), more.begin(), more.end());
  }

  Context& context_;
  const PipelineSource& source_;
  const Arguments& arguments_;
  std::optional<std::string> profile_;
  std::map<std::string, std::vector<Override>> changes_;
};

std::string kind_text(const Stage& stage) {
  if (stage.is_merge()) return fmt::format("merge of {}", fmt::join(stage.merge, ", "));
  return "train " + stage.recipe + (stage.from.empty() ? "" : " from " + stage.from);
}

// The smoke size has names of its own: a merged model's name is taken once.
std::string prefix_of(const Pipeline& pipeline, const Arguments& arguments) {
  const std::string otherwise = pipeline.name + (arguments.has("--smoke") ? "-smoke" : "");
  return arguments.find("--name").value_or(otherwise) + "-";
}

// Before the first stage, which may take long.
std::vector<manifests::EvalTask> read_tasks(Context& context, const Builder& builder,
                                            const Pipeline& pipeline) {
  std::vector<manifests::EvalTask> tasks;
  for (const std::string& task : pipeline.tasks) {
    tasks.push_back(read_eval_task(context, builder.task_of(task)));
  }
  return tasks;
}

class PipelineRun {
 public:
  PipelineRun(Context& context, const PipelineSource& source, const Arguments& arguments)
      : context_(context),
        pipeline_(source.pipeline),
        builder_(context, source, arguments, arguments.find("--profile")),
        tasks_(read_tasks(context, builder_, source.pipeline)),
        running_(running_choices(arguments, {"--threads", "--kernels"})),
        profile_(arguments.find("--profile").value_or("")),
        again_(arguments.has("--again")),
        prefix_(prefix_of(source.pipeline, arguments)) {}

  int run() {
    std::size_t number = 0;
    for (const Stage& stage : pipeline_.stages) {
      context_.io().note(fmt::format("stage {} of {}: {}, {}", ++number, pipeline_.stages.size(),
                                     stage.name, kind_text(stage)));
      done_[stage.name] = stage.is_merge() ? merge(stage) : train(stage);
    }
    print();
    evaluate_stages();
    return status_;
  }

 private:
  struct Done {
    std::string reference;  // as --from takes it
    std::string kind;       // "run", "model"
    std::string id;
    std::int64_t step = 0;
    Digest derivation;
    Digest model_root;
  };

  Done train(const Stage& stage) {
    TrainRequest request;
    std::int64_t start = 0;
    if (!stage.from.empty()) {
      const Done& parent = done_.at(stage.from);
      start = Builder::start_of(stage, parent.step);
      request.from = parent.reference;
      // As OLMo 2's mid-training does: other data, so another order; steps and moments go on.
      request.reset = parse_reset(
          stage.reset.empty() ? "data" : fmt::format("{}", fmt::join(stage.reset, ",")));
    }
    request.recipe = builder_.recipe(stage, start);
    request.name = prefix_ + stage.name;
    artifacts::check_name(request.name, "run name");
    for (const std::string& source : stage.data) request.data.push_back(builder_.path_of(source));
    request.again = again_;
    const TrainOutcome outcome = train_recipe(context_, request);
    status_ = std::max(status_, outcome.status);
    return done_run(outcome.run, request.recipe.config.last_step());
  }

  Done done_run(const std::string& id, std::int64_t step) {
    Done done;
    done.reference = fmt::format("{}@{}", id, step);
    const Resolved state = resolve_state(context_, done.reference);
    done.kind = "run";
    done.id = id;
    done.step = step;
    done.derivation = state.run->segments.front().derivation;
    for (const manifests::StoredState& stored : state.run->states) {
      if (stored.step == step) done.model_root = stored.model_root;
    }
    return done;
  }

  Done merge(const Stage& stage) {
    std::vector<Weights> parents;
    for (const std::string& name : stage.merge) {
      parents.push_back(open_weights(context_, done_.at(name).reference));
      parents.back().parent.label = name;
    }
    const std::string formula = stage.formula.empty() ? "exact" : stage.formula;
    const Merged merged =
        merge_weights(context_, std::move(parents), formula, prefix_ + stage.name);
    const LoadedModel& model = merged.model;
    Done done;
    done.reference = model.manifest.hex();
    done.kind = "model";
    done.id = model.manifest.hex();
    done.derivation = manifests::model_derivation(model.model.origin);
    done.model_root = model.model.model_root;
    return done;
  }

  // Before and after: every stage on every task.
  void evaluate_stages() {
    if (tasks_.empty()) return;
    std::vector<std::string> models;
    for (const Stage& stage : pipeline_.stages) models.push_back(done_.at(stage.name).reference);
    std::vector<EvalResult> results =
        evaluate(context_, models, tasks_, {running_, kEvalBatch, profile_});
    // In the order of models, then tasks.
    for (std::size_t i = 0; i < results.size(); ++i) {
      results[i].model = pipeline_.stages[i / tasks_.size()].name;
    }
    context_.io().line();
    print_evaluations(context_.io(), results);
  }

  void print() {
    Io& io = context_.io();
    std::vector<std::vector<std::string>> rows = {
        {"STAGE", "WHAT", "STEP", "NAME", "DERIVATION", "MODEL ROOT"}};
    Json stages = Json::array();
    for (const Stage& stage : pipeline_.stages) {
      const Done& done = done_.at(stage.name);
      const std::string step = done.kind == "run" ? std::to_string(done.step) : "-";
      rows.push_back({stage.name, kind_text(stage), step, prefix_ + stage.name,
                      done.derivation.short_hex(), done.model_root.short_hex()});
      stages.push_back({{"name", stage.name},
                        {"kind", done.kind},
                        {"id", done.id},
                        {"step", done.step},
                        {"derivation", done.derivation.hex()},
                        {"digest", done.model_root.hex()}});
    }
    io.line();
    io.table(rows);
    io.emit("pipeline", {{"name", pipeline_.name}, {"stages", stages}});
  }

  Context& context_;
  const Pipeline& pipeline_;
  const Builder builder_;
  std::vector<manifests::EvalTask> tasks_;
  manifests::RunConfig running_;
  std::string profile_;  // of --profile; "": each stage's own
  bool again_;
  std::string prefix_;
  std::map<std::string, Done> done_;
  int status_ = 0;
};

class PlanTable {
 public:
  void add_merge(const Stage& stage) {
    rows_.push_back({stage.name, kind_text(stage), "-", "-", "-", "-"});
    stages_.push_back({{"name", stage.name}, {"kind", "model"}});
  }

  void add_training(const Stage& stage, const manifests::Config& config) {
    const std::int64_t tokens =
        config.train.steps * config.train.batch_size * config.data.sequence_length;
    const double flops = static_cast<double>(tokens) *
                         manifests::flops_per_token(config.model, config.data.sequence_length);
    const std::int64_t bytes = manifests::training_bytes(config);
    flops_ += flops;
    rows_.push_back({stage.name, kind_text(stage),
                     fmt::format("{}..{}", config.schedule.start, config.last_step()),
                     count_text(tokens), fmt::format("{:.4g}", flops),
                     bytes_text(static_cast<std::uint64_t>(bytes))});
    stages_.push_back({{"name", stage.name},
                       {"kind", "run"},
                       {"start", config.schedule.start},
                       {"steps", config.train.steps},
                       {"tokens", tokens},
                       {"flops", flops},
                       {"training_bytes", bytes}});
  }

  void print(Io& io, const std::string& name) const {
    io.line("pipeline    " + name);
    io.table(rows_);
    io.line(fmt::format("{:.4g} FLOPs in all", flops_));
    io.emit("pipeline_plan", {{"name", name}, {"stages", stages_}, {"flops", flops_}});
  }

 private:
  std::vector<std::vector<std::string>> rows_ = {
      {"STAGE", "WHAT", "STEPS", "TOKENS", "FLOPS", "MEMORY"}};
  Json stages_ = Json::array();
  double flops_ = 0;
};

}  // namespace

std::optional<PipelineSource> find_pipeline(Context& context, const std::string& recipe) {
  if (const auto* builtin = manifests::find_builtin_pipeline(recipe)) {
    return PipelineSource{manifests::parse_pipeline(recipe + "/pipeline.yaml", builtin->yaml), ""};
  }
  if (manifests::find_builtin_recipe(recipe) != nullptr) return std::nullopt;
  FileSystem& files = context.files();
  std::string path = recipe;
  auto status = files.find_status(path);
  if (status && status->kind == FileKind::directory) {
    path = join_path(recipe, "pipeline.yaml");
    status = files.find_status(path);
  }
  if (!status || status->kind != FileKind::regular) return std::nullopt;
  const std::string text = files.read_file(path, kMaxPipelineBytes);
  if (!manifests::is_pipeline(text)) return std::nullopt;
  PipelineSource source{manifests::parse_pipeline(path, text), parent_path(path)};
  if (source.folder.empty()) source.folder = ".";
  if (source.pipeline.name.empty()) {
    const std::string file = base_name(path);
    source.pipeline.name = file.substr(0, file.find('.'));
  }
  return source;
}

int train_pipeline(Context& context, const PipelineSource& source, const Arguments& arguments) {
  refuse_options(arguments);
  return PipelineRun(context, source, arguments).run();
}

int plan_pipeline(Context& context, const PipelineSource& source, const Arguments& arguments) {
  const Builder builder(context, source, arguments, std::nullopt);
  PlanTable table;
  std::map<std::string, std::int64_t> ends;
  for (const Stage& stage : source.pipeline.stages) {
    if (stage.is_merge()) {
      table.add_merge(stage);
      continue;
    }
    const std::int64_t start = stage.from.empty() ? 0 : Builder::start_of(stage, ends[stage.from]);
    const manifests::Config config = builder.recipe(stage, start).config;
    ends[stage.name] = config.last_step();
    table.add_training(stage, config);
  }
  table.print(context.io(), source.pipeline.name);
  return 0;
}

}  // namespace repro::cli

#include <algorithm>
#include <string>
#include <vector>

#include "artifacts/base/error.h"
#include "cli/commands.h"
#include "cli/eval_task.h"
#include "cli/evaluation.h"
#include "cli/inference.h"
#include "cli/recipe_source.h"

namespace repro::cli {
namespace {

constexpr const char* kDetails =
    "X is RUN, RUN@STEP, a tag, a state or a model; words that end in .jsonl are tasks: files of "
    "lines\n{\"context\":\"...\",\"choices\":[\"...\",\"...\"],\"answer\":0} or "
    "{\"text\":\"...\"}, "
    "or requests of oe-eval as OLMo ships\nthem. Several X give one table with a column for "
    "each.\n\nThe likeliest choice is compared with the answer; of texts, bits a byte and "
    "perplexity are told. Sums of\nlog-likelihood are exact: batch, threads and kernels change "
    "nothing. In the profile native they depend\non the environment, which the record names. Every "
    "result is a record in the store,\nwhich `repro show` shows with its items.";

int run_eval(const Arguments& arguments, Context& context) {
  std::vector<std::string> models;
  std::vector<std::string> tasks;
  for (const std::string& word : arguments.all("X|TASK")) {
    std::vector<std::string>& list = names_task(word) ? tasks : models;
    if (std::find(list.begin(), list.end(), word) != list.end()) {
      throw Error(Code::invalid_argument, "'" + word + "' is given twice", "leave one out");
    }
    list.push_back(word);
  }
  if (models.empty() || tasks.empty()) {
    throw Error(
        Code::invalid_argument,
        models.empty() ? "there is no model to evaluate" : "there is no task to evaluate on",
        "write `repro eval RUN TASK.jsonl`; a task is a file that ends in .jsonl");
  }
  EvalSettings settings;
  settings.running = running_choices(arguments, {"--threads", "--kernels"});
  settings.profile = profile_option(arguments);
  settings.batch = count_option(arguments, "--batch", 1, settings.batch);
  std::vector<manifests::EvalTask> read;
  for (const std::string& task : tasks) read.push_back(read_eval_task(context, task));
  print_evaluations(context.io(), evaluate(context, models, read, settings));
  return 0;
}

}  // namespace

Command make_eval_command() {
  std::vector<OptionSpec> options = {
      {"X|TASK", ValueKind::many, "", "what is evaluated, and on which files", Required::yes}};
  for (OptionSpec& option : inference_options()) options.push_back(std::move(option));
  return {.name = "eval",
          .group = "Ask",
          .summary = "accuracy and perplexity of models on tasks",
          .details = kDetails,
          .needs = Needs::store,
          .options = std::move(options),
          .run = run_eval};
}

}  // namespace repro::cli

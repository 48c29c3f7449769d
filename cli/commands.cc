#include "cli/commands.h"

#include <fmt/format.h>

#include <algorithm>

#include "artifacts/base/error.h"
#include "artifacts/base/spelling.h"

namespace repro::cli {
namespace {

std::vector<Command> make_commands() {
  std::vector<Command> table;
  for (const auto& make : {make_init_command,
                           make_status_command,
                           make_doctor_command,
                           make_config_command,
                           make_import_olmo_config_command,
                           make_import_olmo_checkpoint_command,
                           make_import_hf_command,
                           make_import_log_command,
                           make_add_command,
                           make_data_add_command,
                           make_data_mix_command,
                           make_plan_command,
                           make_train_command,
                           make_resume_command,
                           make_merge_command,
                           make_runs_command,
                           make_log_command,
                           make_show_command,
                           make_cat_command,
                           make_tag_command,
                           make_rm_command,
                           make_checkout_command,
                           make_export_hf_command,
                           make_report_command,
                           make_generate_command,
                           make_score_command,
                           make_eval_command,
                           make_diff_command,
                           make_verify_command,
                           make_fsck_command,
                           make_completion_command,
                           make_version_command,
                           make_help_command}) {
    table.push_back(make());
  }
  return table;
}

std::string usage_word(const OptionSpec& spec) {
  const std::string word = spec.name + (spec.kind == ValueKind::many ? "..." : "");
  return spec.required == Required::yes ? word : "[" + word + "]";
}

std::string usage_line(const Command& command) {
  std::string line = "usage: repro " + command.name;
  for (const OptionSpec& spec : command.options) {
    if (spec.positional()) line += " " + usage_word(spec);
  }
  return line + " [options]\n";
}

std::string option_label(const OptionSpec& spec) {
  std::string label = spec.name;
  for (auto at = label.find(','); at != std::string::npos; at = label.find(',', at + 2)) {
    label.insert(at + 1, " ");
  }
  if (spec.kind == ValueKind::maybe) return label + "[=" + spec.metavar + "]";
  return spec.metavar.empty() ? label : label + " " + spec.metavar;
}

std::string option_lines(std::span<const OptionSpec> options) {
  std::size_t width = 0;
  for (const OptionSpec& spec : options) width = std::max(width, option_label(spec).size());
  std::string text;
  for (const OptionSpec& spec : options) {
    text += fmt::format("  {:<{}}  {}\n", option_label(spec), width, spec.help);
  }
  return text;
}

}  // namespace

const std::vector<Command>& commands() {
  static const std::vector<Command> kCommands = make_commands();
  return kCommands;
}

const Command& find_command(std::string_view name) {
  std::vector<std::string> names;
  std::string members;
  for (const Command& command : commands()) {
    if (command.name == name) return command;
    names.push_back(command.name);
    if (command.name.starts_with(std::string(name) + " "))
      members += " `repro " + command.name + "`";
  }
  if (!members.empty()) {
    throw Error(Code::invalid_argument, fmt::format("`repro {}` needs a second word", name),
                "there is" + members);
  }
  const auto nearest = find_nearest(name, names);
  throw Error(Code::invalid_argument, fmt::format("there is no command '{}'", name),
              nearest ? fmt::format("did you mean `repro {}`?", *nearest)
                      : "`repro help` lists all commands");
}

std::string overview_text() {
  std::string text =
      "repro makes a training run a thing you can hold, check and re-derive.\n\n"
      "usage: repro [-C DIR] [--json] COMMAND ...\n";
  std::size_t width = 0;
  for (const Command& command : commands()) width = std::max(width, command.name.size());
  std::string group;
  for (const Command& command : commands()) {
    if (command.group != group) text += fmt::format("\n{}\n", command.group);
    group = command.group;
    text += fmt::format("  {:<{}}  {}\n", command.name, width, command.summary);
  }
  return text +
         "\n`repro help COMMAND` says more. Names: a run's id or a unique prefix of it, its name, "
         "a "
         "tag,\n`last`, `last~1`; RUN@STEP is a state, RUN@-1 the newest one.\n";
}

std::string help_text(const Command& command) {
  std::string text = usage_line(command) + "\n" + command.summary + ".\n";
  if (!command.details.empty()) text += "\n" + command.details + "\n";
  std::vector<OptionSpec> positionals;
  std::vector<OptionSpec> options;
  for (const OptionSpec& spec : command.options) {
    (spec.positional() ? positionals : options).push_back(spec);
  }
  if (!positionals.empty()) text += "\narguments\n" + option_lines(positionals);
  for (const OptionSpec& spec : common_options()) options.push_back(spec);
  text += "\noptions\n" + option_lines(options);
  return text +
         "\nexit codes: 0 yes; 1 sound, but the claim is false; 2 usage; 3 not found or I/O; "
         "4 corruption;\n5 not possible here; 6 conflict; 70 bug; 130 interrupted\n";
}

}  // namespace repro::cli

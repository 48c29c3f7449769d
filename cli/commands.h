// The table of commands. A command is data (name, help, options) and one function; help,
// completion, spelling suggestions and the frozen-option test are made from the table. To add one:
// write cmd_NAME.cc with `Command make_NAME_command()`, declare it here, and add it to
// `commands()`.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/arguments.h"
#include "cli/context.h"

namespace repro::cli {

// What must exist before a command runs.
enum class Needs : std::uint8_t {
  nothing,  // works anywhere; may use a store if there is one
  store,    // Error(not_found) outside a store, before anything else happens
};

struct Command {
  std::string name;     // "train"; two words for a member of a family: "data add"
  std::string group;    // heading in `repro help`
  std::string summary;  // one line, no full stop
  std::string details;  // paragraphs for `repro help NAME`; may be ""
  Needs needs = Needs::store;
  std::vector<OptionSpec> options;  // positionals (in order) and options
  // Returns 0, or 1 where the answer is "no" (differs, verification failed), or another exit code
  // of docs/cli.md; failures are thrown as Error.
  std::function<int(const Arguments&, Context&)> run;
};

// All commands, in the order of `repro help`.
const std::vector<Command>& commands();
// Error(invalid_argument) with the nearest name.
const Command& find_command(std::string_view name);
// Text of `repro help` and of `repro help NAME`.
std::string overview_text();
std::string help_text(const Command& command);

Command make_add_command();
Command make_cat_command();
Command make_checkout_command();
Command make_completion_command();
Command make_config_command();
Command make_data_add_command();
Command make_data_mix_command();
Command make_diff_command();
Command make_doctor_command();
Command make_eval_command();
Command make_export_hf_command();
Command make_fsck_command();
Command make_generate_command();
Command make_help_command();
Command make_import_olmo_checkpoint_command();
Command make_import_hf_command();
Command make_import_olmo_config_command();
Command make_import_log_command();
Command make_init_command();
Command make_log_command();
Command make_merge_command();
Command make_plan_command();
Command make_report_command();
Command make_resume_command();
Command make_rm_command();
Command make_runs_command();
Command make_score_command();
Command make_show_command();
Command make_status_command();
Command make_tag_command();
Command make_train_command();
Command make_verify_command();
Command make_version_command();

}  // namespace repro::cli

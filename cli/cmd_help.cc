#include "cli/commands.h"

namespace repro::cli {
namespace {

int run_help(const Arguments& arguments, Context& context) {
  std::string name;
  for (const std::string& word : arguments.all("COMMAND")) name += (name.empty() ? "" : " ") + word;
  context.io().raw(name.empty() ? overview_text() : help_text(find_command(name)));
  return 0;
}

}  // namespace

Command make_help_command() {
  return {.name = "help",
          .group = "Help",
          .summary = "show what commands there are, or how one is used",
          .details = "",
          .needs = Needs::nothing,
          .options = {{"COMMAND", ValueKind::many, "", "\"train\", \"data add\", ..."}},
          .run = run_help};
}

}  // namespace repro::cli

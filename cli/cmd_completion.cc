#include <fmt/format.h>

#include "artifacts/base/error.h"
#include "cli/commands.h"

namespace repro::cli {
namespace {

std::string option_words(const Command& command) {
  std::string words;
  for (const auto& list : {std::span<const OptionSpec>(command.options), common_options()}) {
    for (const OptionSpec& spec : list) {
      if (!spec.positional()) words += " " + spec.key();
    }
  }
  return words;
}

// Commands and options come from the table; names of runs, tags and datasets are asked of `repro`.
std::string bash_script() {
  std::string names;
  std::string cases;
  for (const Command& command : commands()) {
    names += " " + command.name.substr(0, command.name.find(' '));
    cases += fmt::format("    \"{}\") options=\"{}\" ;;\n", command.name,
                         option_words(command).substr(1));
  }
  return "# bash completion for repro: eval \"$(repro completion bash)\"\n"
         "_repro() {\n"
         "  local word=\"${COMP_WORDS[COMP_CWORD]}\" command=\"${COMP_WORDS[1]}\" options=\"\"\n"
         "  if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
         "    COMPREPLY=($(compgen -W \"" +
         names.substr(1) +
         "\" -- \"$word\"))\n"
         "    return\n"
         "  fi\n"
         "  [ \"$command\" = data ] && command=\"data add\"\n"
         "  case \"$command\" in\n" +
         cases +
         "  esac\n"
         "  if [[ \"$word\" == -* ]]; then\n"
         "    COMPREPLY=($(compgen -W \"$options\" -- \"$word\"))\n"
         "  else\n"
         "    local names=\"last $(repro runs 2>/dev/null | tail -n +2 | awk '{print $1, $2}')\"\n"
         "    names+=\" $(repro tag 2>/dev/null | awk '{print $2}') $(repro config 2>/dev/null)\"\n"
         "    COMPREPLY=($(compgen -W \"$names\" -- \"$word\") $(compgen -f -- \"$word\"))\n"
         "  fi\n"
         "}\n"
         "complete -F _repro repro\n";
}

int run_completion(const Arguments& arguments, Context& context) {
  const std::string& shell = arguments.text("SHELL");
  if (shell != "bash") {
    throw Error(Code::invalid_argument, "there is no completion for " + shell,
                "`repro completion bash`");
  }
  context.io().raw(bash_script());
  return 0;
}

}  // namespace

Command make_completion_command() {
  return {.name = "completion",
          .group = "Help",
          .summary = "print a script that completes words in a shell",
          .details = "In ~/.bashrc:  eval \"$(repro completion bash)\"",
          .needs = Needs::nothing,
          .options = {{"SHELL", ValueKind::one, "", "bash", Required::yes}},
          .run = run_completion};
}

}  // namespace repro::cli

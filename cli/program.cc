#include "cli/program.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>
#include <vector>

#include "artifacts/base/error.h"
#include "cli/commands.h"

namespace repro::cli {
namespace {

// What stands before the command's name.
struct Front {
  std::size_t used = 0;  // words
  std::vector<std::string> folders;
  bool json = false;
  bool help = false;
  bool version = false;
};

Front parse_front(std::span<const std::string> words) {
  Front front;
  while (front.used < words.size() && words[front.used].starts_with('-')) {
    const std::string& word = words[front.used++];
    if (word == "--json") {
      front.json = true;
    } else if (word == "-h" || word == "--help") {
      front.help = true;
    } else if (word == "--version") {
      front.version = true;
    } else if (word == "-C") {
      if (front.used == words.size()) throw Error(Code::invalid_argument, "-C needs a folder");
      front.folders.push_back(words[front.used++]);
    } else {
      throw Error(Code::invalid_argument, "there is no option " + word + " before the command",
                  "`repro help` shows the usage");
    }
  }
  return front;
}

void enter(const std::string& folder) {
  std::error_code error;
  std::filesystem::current_path(folder, error);
  if (error) throw Error(Code::not_found, "cannot enter " + folder + ": " + error.message());
}

// The command that `words` begin with; takes its one or two words off.
const Command& take_command(std::span<const std::string>& words) {
  if (words.size() >= 2) {
    const std::string pair = words[0] + " " + words[1];
    for (const Command& command : commands()) {
      if (command.name != pair) continue;
      words = words.subspan(2);
      return command;
    }
  }
  const std::string name = words[0];
  words = words.subspan(1);
  return find_command(name);
}

int run_command(const Command& command, std::span<const std::string> words, Context& context) {
  const Arguments arguments = parse_arguments(command.options, words, command.name);
  Io& io = context.io();
  if (arguments.has("--json")) io.set_json(true);
  if (arguments.has("--help")) {
    io.raw(help_text(command));
    return 0;
  }
  for (const std::string& folder : arguments.all("-C")) enter(folder);
  if (command.needs == Needs::store) context.store();
  return command.run(arguments, context);
}

int run_words(std::span<const std::string> words, Context& context) {
  const Front front = parse_front(words);
  words = words.subspan(front.used);
  if (front.json) context.io().set_json(true);
  for (const std::string& folder : front.folders) enter(folder);
  if (front.version) return run_command(find_command("version"), {}, context);
  if (front.help || words.empty()) {
    if (!words.empty()) return run_command(find_command("help"), words, context);
    context.io().raw(overview_text());
    return front.help ? 0 : exit_code(Code::invalid_argument);
  }
  const Command& command = take_command(words);
  return run_command(command, words, context);
}

void print_error(Io& io, const Error& error) {
  if (io.json()) {
    const Json object = {{"type", "error"},
                         {"schema", "repro.error/1"},
                         {"code", code_name(error.code())},
                         {"message", error.what()},
                         {"hint", error.hint()}};
    io.error_raw(object.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
    return;
  }
  std::string text = fmt::format("repro: {}\n", error.message());
  for (const std::string& frame : error.contexts()) text += fmt::format("  in: {}\n", frame);
  if (!error.hint().empty()) text += fmt::format("  hint: {}\n", error.hint());
  io.error_raw(text);
}

}  // namespace

int run_program(std::span<const std::string> words, Io& io, FileSystem& files, Clock& clock) {
  // Errors of parsing itself must already come as JSON where the words ask for it.
  if (std::find(words.begin(), words.end(), "--json") != words.end()) io.set_json(true);
  Context context(io, files, clock);
  try {
    return run_words(words, context);
  } catch (const Error& error) {
    print_error(io, error);
    return exit_code(error.code());
  } catch (const std::exception& error) {
    print_error(io, Error(Code::internal, error.what(), "this is a bug; please report it"));
    return exit_code(Code::internal);
  }
}

}  // namespace repro::cli

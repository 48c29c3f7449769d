#include "tests/cli/cli_fixture.h"

#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "artifacts/base/clock.h"
#include "artifacts/base/environment.h"
#include "artifacts/base/error.h"
#include "artifacts/base/file_system.h"
#include "cli/program.h"

namespace repro::cli_test {

std::vector<Json> Outcome::json() const {
  std::vector<Json> lines;
  std::istringstream stream(out);
  for (std::string line; std::getline(stream, line);) lines.push_back(parse_json(line, "output"));
  return lines;
}

Json Outcome::json_of(const std::string& type) const {
  Json found;
  for (const Json& line : json()) {
    if (line.value("type", "") == type) found = line;
  }
  EXPECT_FALSE(found.is_null()) << "no JSON line of type " << type << " in:\n" << out << error;
  return found;
}

CliTest::CliTest() : old_folder_(std::filesystem::current_path().string()) {
  std::filesystem::current_path(folder_.path());
  const std::string build = find_environment("REPRO_BINARY_DIR").value_or(old_folder_);
  set_environment("REPRO_TRAIN", build + "/tests/repro-fake-train");
  for (const char* name : {"FAKE_WORKER_STOP_AT", "FAKE_WORKER_FAIL", "REPRO_STORE"}) {
    ::unsetenv(name);
  }
}

CliTest::~CliTest() { std::filesystem::current_path(old_folder_); }

void CliTest::set_environment(const std::string& name, const std::string& value) {
  ::setenv(name.c_str(), value.c_str(), 1);
}

Outcome CliTest::run_with(const std::vector<std::string>& words, bool terminal) {
  std::ostringstream out;
  std::ostringstream error;
  cli::IoSettings settings;
  settings.out_terminal = terminal;
  settings.error_terminal = terminal;
  settings.colour = true;
  cli::Io io(out, error, settings);
  Outcome outcome;
  outcome.code = cli::run_program(words, io, system_file_system(), system_clock());
  std::filesystem::current_path(folder_.path());  // -C may have left it
  outcome.out = out.str();
  outcome.error = error.str();
  return outcome;
}

Outcome CliTest::run(const std::vector<std::string>& words) { return run_with(words, false); }

Outcome CliTest::run_on_terminal(const std::vector<std::string>& words) {
  return run_with(words, true);
}

Outcome CliTest::must(const std::vector<std::string>& words) {
  Outcome outcome = run(words);
  EXPECT_EQ(outcome.code, 0) << "repro " << words.front() << ":\n" << outcome.out << outcome.error;
  return outcome;
}

void CliTest::make_store() {
  must({"init"});
  folder_.write("letters/a.txt", "the quick brown fox");
  must({"data", "add", "letters", "letters"});
}

std::string CliTest::train(const std::string& name, int steps,
                           const std::vector<std::string>& more) {
  std::vector<std::string> words = {"--json",
                                    "train",
                                    "olmo2-tiny",
                                    "--smoke",
                                    "--data",
                                    "letters",
                                    "--name",
                                    name,
                                    "--until",
                                    std::to_string(steps),
                                    "--checkpoint-every",
                                    "4"};
  words.insert(words.end(), more.begin(), more.end());
  return must(words).json_of("run").value("id", "");
}

}  // namespace repro::cli_test

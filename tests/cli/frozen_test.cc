// Option names and keys of JSON records are API: scripts depend on them. This test fails when one
// changes. After a change that is meant, run it with REPRO_UPDATE_GOLDENS=1 and say in docs/cli.md
// what changed.
#include <map>
#include <set>
#include <sstream>
#include <string>

#include "artifacts/base/environment.h"
#include "artifacts/base/error.h"
#include "artifacts/base/file_system.h"
#include "cli/commands.h"
#include "tests/cli/cli_fixture.h"
#include "tests/cli/hf_folder.h"

namespace repro::cli_test {
namespace {

std::string frozen_path(const std::string& name) {
  return find_environment("REPRO_SOURCE_DIR").value_or(".") + "/tests/cli/frozen/" + name;
}

void expect_frozen(const std::string& name, const std::string& now) {
  const std::string path = frozen_path(name);
  if (find_environment("REPRO_UPDATE_GOLDENS")) {
    system_file_system().write_file_atomically(path, now);
  }
  EXPECT_EQ(support::read_text(path), now) << "see the head of " << __FILE__;
}

std::string option_table() {
  std::string table;
  for (const cli::Command& command : cli::commands()) {
    table += command.name + "\n";
    for (const cli::OptionSpec& spec : command.options) {
      table += "  " + spec.name + (spec.metavar.empty() ? "" : " " + spec.metavar) +
               (spec.kind == cli::ValueKind::many ? " ..." : "") +
               (spec.kind == cli::ValueKind::maybe ? " (value optional)" : "") +
               (spec.required == cli::Required::yes ? " (required)" : "") + "\n";
    }
  }
  return table;
}

// Paths of all keys: "state.digest", "states[].step". Maps whose keys are data are not entered.
void collect_keys(const Json& value, const std::string& path, std::set<std::string>& keys) {
  static const std::set<std::string> kData = {
      "operators", "segments[].operators", "classes", "config", "content", "metadata"};
  if (!path.empty()) keys.insert(path);
  if (kData.contains(path)) return;
  if (value.is_array()) {
    for (const Json& item : value) {
      if (item.is_object()) collect_keys(item, path + "[]", keys);
    }
  }
  if (!value.is_object()) return;
  for (const auto& [key, item] : value.items()) {
    collect_keys(item, path.empty() ? key : path + "." + key, keys);
  }
}

class Frozen : public CliTest {
 protected:
  // Runs with --json and notes the keys of every record.
  void note(std::vector<std::string> words, const std::string& type_prefix = "") {
    words.insert(words.begin(), "--json");
    const Outcome outcome = run(words);
    for (const Json& line : outcome.json()) {
      collect_keys(line, "", keys_[type_prefix + line.value("type", "?")]);
    }
    if (!outcome.error.empty())
      collect_keys(parse_json(outcome.error, "error"), "", keys_["error"]);
  }

  std::string key_table() const {
    std::string table;
    for (const auto& [type, keys] : keys_) {
      table += type + "\n";
      for (const std::string& key : keys) table += "  " + key + "\n";
    }
    return table;
  }

  std::map<std::string, std::set<std::string>> keys_;
};

TEST_F(Frozen, DocumentNamesCommandsCodesAndRecords) {
  const std::string path = find_environment("REPRO_SOURCE_DIR").value_or(".") + "/docs/cli.md";
  const std::string text = support::read_text(path);
  for (const cli::Command& command : cli::commands()) {
    EXPECT_NE(text.find("`" + command.name), std::string::npos) << command.name;
  }
  for (int code = 0; code <= static_cast<int>(Code::internal); ++code) {
    const auto value = static_cast<Code>(code);
    const std::string row =
        "| " + std::to_string(exit_code(value)) + " | `" + std::string(code_name(value)) + "` |";
    EXPECT_NE(text.find(row), std::string::npos) << row;
  }
  const std::string records = support::read_text(frozen_path("json_keys.txt"));
  std::istringstream lines(records);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(" ") || line.starts_with("log: ")) continue;
    EXPECT_NE(text.find("`" + line + "`"), std::string::npos) << line;
  }
}

TEST_F(Frozen, OptionNames) { expect_frozen("options.txt", option_table()); }

TEST_F(Frozen, JsonKeys) {
  note({"init"});
  folder_.write("letters/a.txt", "the quick brown fox");
  note({"data", "add", "letters", "letters"});
  note({"data", "mix", "twice", "--source", "letters:x2"});
  const std::vector<std::string> training = {
      "train", "olmo2-tiny", "--smoke", "--data", "letters", "--until", "6", "--name", "one"};
  note(training);
  note({"train", "olmo2-tiny", "--smoke", "--data", "letters", "--until", "6", "--again"});
  note({"resume", "one", "--until", "8", "--skip-batches", "9..10"});
  note({"resume", "one", "--until", "9", "--profile-steps", "9"});
  note({"add", "letters"});
  note({"tag", "kept", "one@6"});
  note({"show", "one"});
  note({"show", "one@6"});
  note({"show", "one@5"});
  note({"show", "one@5", "--batch", "--text"});
  note({"show", "letters/a.txt"});
  note({"show", "twice"});
  note({"show", ".repro"});
  note({"show", sha256("the quick brown fox").hex()});
  note({"show", "olmo2-tiny"});
  note({"checkout", "one", "-o", "out"});
  note({"show", "out/model.safetensors"});
  note({"export", "hf", "one", "-o", "out2"});
  write_hf_folder(folder_, "hf", "float32");
  note({"import", "hf", "hf"});
  note({"log", "one"}, "log: ");
  note({"generate", "one", "--prompt", "a", "--prompt", "!"});
  note({"score", "one", "text", "--per-token"});
  folder_.write("task.jsonl", R"({"context":"a","choices":["b","c"],"answer":0})");
  note({"eval", "one", "task.jsonl"});
  for (const char* command : {"runs", "status", "doctor", "version"}) note({command});
  note({"config"});
  folder_.write("olmo.yaml",
                "model: {weight_tying: false, rope: true, attention_dropout: 0, "
                "residual_dropout: 0, embedding_dropout: 0, include_bias: false, "
                "layer_norm_type: rms, attention_layer_norm: true, norm_after: true}\n"
                "optimizer: {name: adamw}\n");
  note({"import", "olmo-config", "olmo.yaml"});
  folder_.write("list.csv", "Step,Checkpoint Directory\n5,u/step5\n5,v/step5\n");
  note({"verify", "--as", "olmo2", "list.csv"});
  folder_.write("log.csv", "step,loss,gpu\n1,2,x\n");
  note({"import", "log", "log.csv", "--name", "theirs"});
  note({"report", "one", "theirs", "-o", "page"});
  note({"config", "--keys"});
  note({"plan", "olmo2-tiny", "--smoke", "--data", "letters"});
  note({"plan", "olmo2-tiny", "--smoke", "--data", "twice"});
  note({"rm", "kept"});
  note({"show", "nothing-at-all"});
  expect_frozen("json_keys.txt", key_table());
}

}  // namespace
}  // namespace repro::cli_test

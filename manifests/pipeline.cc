#include "manifests/pipeline.h"

#include <algorithm>
#include <utility>

#include "artifacts/base/error.h"
#include "artifacts/base/spelling.h"
#include "manifests/recipe_reader.h"

namespace repro::manifests {
namespace {

constexpr std::string_view kStages = "stages";
constexpr std::size_t kMaxStageName = 64;

class Reader {
 public:
  explicit Reader(std::string_view file) : file_(file) {}

  void take(const RecipeEntry& entry) {
    if (entry.path == "name") {
      pipeline_.name = text_of(entry);
    } else if (entry.path == "tasks") {
      pipeline_.tasks = list_of(entry);
    } else if (entry.path == kStages) {
      if (entry.kind != EntryKind::group) fail(entry.line, "stages is not a map of stages");
    } else if (entry.path.starts_with("stages.")) {
      take_stage_entry(entry);
    } else {
      fail_unknown(entry, entry.path, {"name", "stages", "tasks"});
    }
  }

  Pipeline finish() {
    if (pipeline_.stages.empty()) fail(1, "it has no stage");
    for (const Stage& stage : pipeline_.stages) check(stage);
    return std::move(pipeline_);
  }

 private:
  [[noreturn]] void fail(int line, const std::string& why) const {
    throw Error(Code::invalid_argument, file_ + ":" + std::to_string(line) + ": " + why,
                "docs/recipes.md, \"Pipelines\", describes the YAML of pipelines");
  }

  [[noreturn]] void fail_unknown(const RecipeEntry& entry, const std::string& word,
                                 const std::vector<std::string>& known) const {
    const auto nearest = find_nearest(word, known);
    fail(entry.line, "unknown key " + word + (nearest ? "; did you mean " + *nearest + "?" : ""));
  }

  std::string text_of(const RecipeEntry& entry) const {
    if (entry.kind != EntryKind::plain && entry.kind != EntryKind::quoted) {
      fail(entry.line, entry.path + " is not a text");
    }
    return entry.text;
  }

  std::vector<std::string> list_of(const RecipeEntry& entry) const {
    const bool empty = entry.kind == EntryKind::list && entry.text.empty();
    if (entry.kind != EntryKind::items && !empty) fail(entry.line, entry.path + " is not a list");
    return entry.items;
  }

  // A text, or a list of them.
  std::vector<std::string> texts_of(const RecipeEntry& entry) const {
    const bool scalar = entry.kind == EntryKind::plain || entry.kind == EntryKind::quoted;
    return scalar ? std::vector<std::string>{entry.text} : list_of(entry);
  }

  void take_stage_entry(const RecipeEntry& entry) {
    const std::string path = entry.path.substr(std::string_view("stages.").size());
    const std::size_t dot = path.find('.');
    if (dot == std::string::npos) {
      if (entry.kind != EntryKind::group) fail(entry.line, "stage " + path + " has no keys");
      add_stage(path, entry.line);
      return;
    }
    take_key(pipeline_.stages.back(), path.substr(dot + 1), entry);
  }

  void add_stage(const std::string& name, int line) {
    constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyz0123456789-";
    if (name.empty() || name.size() > kMaxStageName ||
        name.find_first_not_of(kAllowed) != std::string::npos) {
      fail(line, "the name of a stage is of lower-case letters, digits and '-'");
    }
    pipeline_.stages.emplace_back();
    pipeline_.stages.back().name = name;
    pipeline_.stages.back().line = line;
  }

  void take_key(Stage& stage, const std::string& key, const RecipeEntry& entry) const {
    if (key == "recipe") {
      stage.recipe = text_of(entry);
    } else if (key == "from") {
      stage.from = text_of(entry);
    } else if (key == "as") {
      stage.formula = text_of(entry);
    } else if (key == "data") {
      stage.data = texts_of(entry);
    } else if (key == "reset") {
      stage.reset = list_of(entry);
    } else if (key == "merge") {
      stage.merge = list_of(entry);
    } else if (key == "set" || key == "smoke") {
      require_group(entry);
    } else if (key.starts_with("set.")) {
      add_override(stage.set, key.substr(4), entry);
    } else if (key.starts_with("smoke.")) {
      add_override(stage.smoke, key.substr(6), entry);
    } else {
      fail_unknown(entry, key, {"as", "data", "from", "merge", "recipe", "reset", "set", "smoke"});
    }
  }

  static void add_override(std::vector<Override>& overrides, std::string key,
                           const RecipeEntry& entry) {
    if (entry.kind != EntryKind::group) overrides.push_back({std::move(key), entry.text});
  }

  void require_group(const RecipeEntry& entry) const {
    if (entry.kind != EntryKind::group) fail(entry.line, entry.path + " is not a group of keys");
  }

  // Whether `name` is a stage before `stage`.
  void require_earlier(const Stage& stage, const std::string& name) const {
    for (const Stage& other : pipeline_.stages) {
      if (&other == &stage) break;
      if (other.name == name) return;
    }
    fail(stage.line, "stage " + stage.name + " needs '" + name + "', which is no stage before it");
  }

  void check(const Stage& stage) const {
    const bool trains = !stage.recipe.empty();
    if (trains == stage.is_merge()) {
      fail(stage.line,
           "stage " + stage.name + " needs either a recipe to train or a list to merge");
    }
    const bool training_keys = !stage.from.empty() || !stage.data.empty() || !stage.reset.empty() ||
                               !stage.set.empty() || !stage.smoke.empty();
    if (stage.is_merge() && training_keys) {
      fail(stage.line, "stage " + stage.name +
                           " merges: from, data, reset, set and smoke are for "
                           "stages that train");
    }
    if (trains && !stage.formula.empty()) {
      fail(stage.line, "stage " + stage.name + " trains: `as` is for stages that merge");
    }
    if (!stage.reset.empty() && stage.from.empty()) {
      fail(stage.line, "stage " + stage.name + " resets, but goes on from no other stage");
    }
    if (!stage.from.empty()) require_earlier(stage, stage.from);
    for (const std::string& parent : stage.merge) require_earlier(stage, parent);
  }

  std::string file_;
  Pipeline pipeline_;
};

}  // namespace

const Stage* Pipeline::find(std::string_view stage) const {
  const auto found = std::find_if(stages.begin(), stages.end(),
                                  [&](const Stage& each) { return each.name == stage; });
  return found == stages.end() ? nullptr : &*found;
}

const BuiltinPipeline* find_builtin_pipeline(std::string_view name) {
  for (const BuiltinPipeline& pipeline : builtin_pipelines()) {
    if (pipeline.name == name) return &pipeline;
  }
  return nullptr;
}

bool is_pipeline(std::string_view text) {
  try {
    const auto entries = read_recipe("", text);
    return std::any_of(entries.begin(), entries.end(),
                       [](const RecipeEntry& entry) { return entry.path == kStages; });
  } catch (const Error&) {
    return false;
  }
}

Pipeline parse_pipeline(std::string_view file, std::string_view text) {
  Reader reader(file);
  for (const RecipeEntry& entry : read_recipe(file, text)) reader.take(entry);
  return reader.finish();
}

}  // namespace repro::manifests

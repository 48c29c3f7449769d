#include "manifests/recipe_reader.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <map>
#include <optional>
#include <sstream>

#include "artifacts/base/error.h"
#include "manifests/text_checks.h"

namespace repro::manifests {
namespace {

constexpr std::size_t kMaxRecipeBytes = std::size_t{1} << 20;
constexpr std::size_t kMaxDepth = 8;

// Turns parser events into entries. Working on events, not on yaml-cpp's nodes, keeps line numbers
// and shows every anchor, alias, tag and second key.
class RecipeHandler : public YAML::EventHandler {
 public:
  explicit RecipeHandler(std::string_view file) : file_(file) {}

  std::vector<RecipeEntry> take() { return std::move(entries_); }

  [[noreturn]] void fail(const YAML::Mark& mark, const std::string& why) const {
    throw Error(Code::invalid_argument, file_ + ":" + std::to_string(mark.line + 1) + ": " + why,
                "docs/recipes.md describes the YAML of recipes");
  }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnAnchor(const YAML::Mark& mark, const std::string&) override {
    fail(mark, "anchors are not allowed in a recipe");
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    fail(mark, "aliases are not allowed in a recipe");
  }
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override;
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override;
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value style) override;
  void OnSequenceEnd() override;
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value style) override;
  void OnMapEnd() override { maps_.pop_back(); }

 private:
  struct OpenMap {
    std::string prefix;               // "" or "model."
    std::optional<std::string> path;  // of the key whose value comes next
  };

  void check_plain(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) const;
  void take_key(const YAML::Mark& mark, const std::string& key);
  std::string take_path(const YAML::Mark& mark);
  void take_list_item(const YAML::Mark& mark, const std::string& value);
  void add(RecipeEntry entry) { entries_.push_back(std::move(entry)); }

  std::string file_;
  std::vector<RecipeEntry> entries_;
  std::vector<OpenMap> maps_;
  std::map<std::string, int> lines_;  // of every key seen
  int list_depth_ = 0;
  std::vector<std::string> pair_;
  YAML::Mark pair_mark_;
};

// yaml-cpp gives "?" and "!" to plain and quoted values without a tag, "" to some nodes.
void RecipeHandler::check_plain(const YAML::Mark& mark, const std::string& tag,
                                YAML::anchor_t anchor) const {
  if (anchor != YAML::NullAnchor) fail(mark, "anchors are not allowed in a recipe");
  if (!tag.empty() && tag != "?" && tag != "!") fail(mark, "tags are not allowed in a recipe");
}

void RecipeHandler::take_key(const YAML::Mark& mark, const std::string& key) {
  OpenMap& map = maps_.back();
  if (!is_plain_text(key, 200) || key.empty()) fail(mark, "a key is empty or not printable");
  map.path = map.prefix + key;
  const auto [seen, added] = lines_.emplace(*map.path, mark.line + 1);
  if (!added) {
    fail(mark, "key " + *map.path + " stands twice, first in line " + std::to_string(seen->second));
  }
}

// The path whose value begins at `mark`.
std::string RecipeHandler::take_path(const YAML::Mark& mark) {
  if (maps_.empty()) fail(mark, "a recipe is a list of `key: value` lines; found something else");
  if (!maps_.back().path) fail(mark, "a key must be a plain word");
  std::string path = std::move(*maps_.back().path);
  maps_.back().path.reset();
  return path;
}

void RecipeHandler::take_list_item(const YAML::Mark& mark, const std::string& value) {
  if (list_depth_ != 2) fail(mark, "a list holds pairs, like [[10, 20], [30, 31]]");
  pair_.push_back(value);
}

void RecipeHandler::OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) {
  check_plain(mark, "", anchor);
  if (maps_.empty() && list_depth_ == 0) return;  // an empty document
  if (list_depth_ > 0) fail(mark, "a list holds an empty item");
  fail(mark, "key " + take_path(mark) + " has no value");
}

void RecipeHandler::OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                             const std::string& value) {
  check_plain(mark, tag, anchor);
  if (list_depth_ > 0) return take_list_item(mark, value);
  if (!maps_.empty() && !maps_.back().path) return take_key(mark, value);
  const EntryKind kind = tag == "!" ? EntryKind::quoted : EntryKind::plain;
  add({take_path(mark), value, kind, mark.line + 1});
}

void RecipeHandler::OnSequenceStart(const YAML::Mark& mark, const std::string& tag,
                                    YAML::anchor_t anchor, YAML::EmitterStyle::value) {
  check_plain(mark, tag, anchor);
  if (list_depth_ == 0) add({take_path(mark), "", EntryKind::list, mark.line + 1});
  if (++list_depth_ > 2) fail(mark, "a list holds pairs, like [[10, 20], [30, 31]]");
  pair_.clear();
  pair_mark_ = mark;
}

void RecipeHandler::OnSequenceEnd() {
  if (list_depth_ == 2) {
    if (pair_.size() != 2) fail(pair_mark_, "a list holds pairs, like [[10, 20], [30, 31]]");
    std::string& text = entries_.back().text;
    text += (text.empty() ? "" : ",") + pair_[0] + ".." + pair_[1];
  }
  --list_depth_;
}

void RecipeHandler::OnMapStart(const YAML::Mark& mark, const std::string& tag,
                               YAML::anchor_t anchor, YAML::EmitterStyle::value) {
  check_plain(mark, tag, anchor);
  if (list_depth_ > 0) fail(mark, "a list holds pairs, like [[10, 20], [30, 31]]");
  if (maps_.empty()) {
    maps_.emplace_back();
    return;
  }
  if (maps_.size() == kMaxDepth) fail(mark, "keys are nested too deeply");
  const std::string path = take_path(mark);
  add({path, "", EntryKind::group, mark.line + 1});
  maps_.push_back({path + ".", std::nullopt});
}

}  // namespace

std::vector<RecipeEntry> read_recipe(std::string_view file, std::string_view text) {
  const std::string name(file);
  if (text.size() > kMaxRecipeBytes) {
    throw Error(Code::invalid_argument, name + " is too large for a recipe", "give a YAML file");
  }
  if (!is_note_text(text, kMaxRecipeBytes)) {
    throw Error(Code::invalid_argument, name + " is not UTF-8 text", "give a YAML file");
  }
  RecipeHandler handler(file);
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    if (parser.HandleNextDocument(handler)) {
      RecipeHandler rest(file);
      if (parser.HandleNextDocument(rest)) {
        throw Error(Code::invalid_argument, name + " holds more than one document",
                    "a recipe is one document; remove the line `---` between them");
      }
    }
  } catch (const YAML::Exception& error) {
    handler.fail(error.mark, "not valid YAML: " + error.msg);
  }
  return handler.take();
}

}  // namespace repro::manifests

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
constexpr const char* kListHint = "a list holds pairs, like [[10, 20], [30, 31]]";

// Turns parser events into entries. Working on events, not on yaml-cpp's nodes, keeps line numbers
// and shows every anchor, alias, tag and second key.
class RecipeHandler : public YAML::EventHandler {
 public:
  explicit RecipeHandler(std::string_view file) : file_(file) {}

  std::vector<RecipeEntry> take() { return std::move(entries_); }

  [[noreturn]] void fail(int line, const std::string& why) const {
    throw Error(Code::invalid_argument, file_ + ":" + std::to_string(line) + ": " + why,
                "docs/recipes.md describes the YAML of recipes");
  }
  [[noreturn]] void fail(const YAML::Mark& mark, const std::string& why) const {
    fail(mark.line + 1, why);
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
    std::optional<RecipeEntry> next;  // with path and line, until its value comes
  };

  void check_plain(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) const;
  void take_key(const YAML::Mark& mark, const std::string& key);
  RecipeEntry take_entry(const YAML::Mark& mark, EntryKind kind);
  void take_list_item(const YAML::Mark& mark, const std::string& value);

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
  const std::string path = map.prefix + key;
  const auto [seen, added] = lines_.emplace(path, mark.line + 1);
  if (!added) {
    fail(mark, "key " + path + " stands twice, first in line " + std::to_string(seen->second));
  }
  map.next = RecipeEntry{path, "", {}, EntryKind::plain, mark.line + 1};
}

// The entry whose value begins at `mark`.
RecipeEntry RecipeHandler::take_entry(const YAML::Mark& mark, EntryKind kind) {
  if (maps_.empty()) fail(mark, "a recipe is a list of `key: value` lines; found something else");
  if (!maps_.back().next) fail(mark, "a key must be a plain word");
  RecipeEntry entry = std::move(*maps_.back().next);
  maps_.back().next.reset();
  entry.kind = kind;
  return entry;
}

void RecipeHandler::take_list_item(const YAML::Mark& mark, const std::string& value) {
  if (list_depth_ == 2) {
    pair_.push_back(value);
    return;
  }
  RecipeEntry& entry = entries_.back();
  if (!entry.text.empty()) fail(mark, kListHint);
  entry.kind = EntryKind::items;
  entry.items.push_back(value);
}

void RecipeHandler::OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) {
  check_plain(mark, "", anchor);
  if (maps_.empty() && list_depth_ == 0) return;  // an empty document
  if (list_depth_ > 0) fail(mark, "a list holds an empty item");
  const RecipeEntry entry = take_entry(mark, EntryKind::plain);
  fail(entry.line, "key " + entry.path + " has no value");
}

void RecipeHandler::OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                             const std::string& value) {
  check_plain(mark, tag, anchor);
  if (list_depth_ > 0) return take_list_item(mark, value);
  if (!maps_.empty() && !maps_.back().next) return take_key(mark, value);
  entries_.push_back(take_entry(mark, tag == "!" ? EntryKind::quoted : EntryKind::plain));
  entries_.back().text = value;
}

void RecipeHandler::OnSequenceStart(const YAML::Mark& mark, const std::string& tag,
                                    YAML::anchor_t anchor, YAML::EmitterStyle::value) {
  check_plain(mark, tag, anchor);
  if (list_depth_ == 0) entries_.push_back(take_entry(mark, EntryKind::list));
  if (++list_depth_ > 2 || entries_.back().kind == EntryKind::items) fail(mark, kListHint);
  pair_.clear();
  pair_mark_ = mark;
}

void RecipeHandler::OnSequenceEnd() {
  if (list_depth_ == 2) {
    if (pair_.size() != 2) fail(pair_mark_, kListHint);
    std::string& text = entries_.back().text;
    text += (text.empty() ? "" : ",") + pair_[0] + ".." + pair_[1];
  }
  --list_depth_;
}

void RecipeHandler::OnMapStart(const YAML::Mark& mark, const std::string& tag,
                               YAML::anchor_t anchor, YAML::EmitterStyle::value) {
  check_plain(mark, tag, anchor);
  if (list_depth_ > 0) fail(mark, kListHint);
  if (maps_.empty()) {
    maps_.emplace_back();
    return;
  }
  if (maps_.size() == kMaxDepth) fail(mark, "keys are nested too deeply");
  entries_.push_back(take_entry(mark, EntryKind::group));
  maps_.push_back({entries_.back().path + ".", std::nullopt});
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

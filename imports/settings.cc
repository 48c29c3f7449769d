#include "imports/settings.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <map>
#include <optional>
#include <sstream>

#include "artifacts/base/error.h"
#include "manifests/text_checks.h"

namespace repro::imports {
namespace {

constexpr std::size_t kMaxFileBytes = std::size_t{4} << 20;
constexpr std::size_t kMaxValueBytes = 4096;
constexpr std::size_t kMaxValues = 100'000;
constexpr std::size_t kMaxDepth = 16;
constexpr const char* kHint = "only plain YAML is read: one mapping of keys, values and lists";

[[noreturn]] void fail_at(std::string_view file, int line, const std::string& why) {
  throw Error(Code::invalid_argument, std::string(file) + ":" + std::to_string(line) + ": " + why,
              kHint);
}

// Turns parser events into settings. Events, not nodes: anchors and aliases are seen before
// anything is copied, and lines are known.
class SettingsHandler : public YAML::EventHandler {
 public:
  explicit SettingsHandler(std::string_view file) : file_(file) {}

  std::vector<Setting> take() { return std::move(settings_); }
  bool saw_mapping() const { return saw_mapping_; }
  [[noreturn]] void fail(const YAML::Mark& mark, const std::string& why) const {
    fail_at(file_, mark.line + 1, why);
  }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnAnchor(const YAML::Mark& mark, const std::string&) override {
    fail(mark, "anchors are not read");
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    fail(mark, "aliases are not read");
  }
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    check_plain(mark, "", anchor);
    if (levels_.empty()) return;  // an empty document
    take_value(mark, SettingKind::null, "null");
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    check_plain(mark, tag, anchor);
    if (!manifests::is_plain_text(value, kMaxValueBytes)) {
      fail(mark, "a value is longer than 4096 bytes or holds control characters");
    }
    take_value(mark, SettingKind::scalar, value);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    check_plain(mark, tag, anchor);
    open(mark, false);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    check_plain(mark, tag, anchor);
    open(mark, true);
    saw_mapping_ = true;
  }
  void OnMapEnd() override { close(); }

 private:
  // An open map or list. Below a list nothing is a setting of its own: it becomes text.
  struct Level {
    bool map = false;
    bool text = false;  // inside a list
    std::string prefix;
    std::optional<Setting> next;     // map: the key whose value comes
    std::size_t num_values = 0;      // so far
    std::string flow;                // text: what stands between the brackets
    std::optional<std::string> key;  // text map: as `next`
    std::size_t list = 0;            // list of settings: its index
  };

  void check_plain(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) const {
    if (anchor != YAML::NullAnchor) fail(mark, "anchors are not read");
    if (!tag.empty() && tag != "?" && tag != "!") fail(mark, "tags are not read");
  }
  void count(const YAML::Mark& mark) {
    if (++num_values_ > kMaxValues) fail(mark, "the file has more than 100000 values");
  }
  void take_key(const YAML::Mark& mark, const std::string& key);
  void take_value(const YAML::Mark& mark, SettingKind kind, const std::string& value);
  void add_text(const YAML::Mark& mark, Level& level, const std::string& value);
  void open(const YAML::Mark& mark, bool map);
  void close();

  std::string file_;
  std::vector<Setting> settings_;
  std::vector<Level> levels_;
  std::map<std::string, int> lines_;  // of every key seen
  std::size_t num_values_ = 0;
  bool saw_mapping_ = false;
};

void SettingsHandler::take_key(const YAML::Mark& mark, const std::string& key) {
  Level& level = levels_.back();
  if (key.empty() || key.size() > 200) fail(mark, "a key is empty or longer than 200 bytes");
  const std::string path = level.prefix + key;
  const auto [seen, added] = lines_.emplace(path, mark.line + 1);
  if (!added) {
    fail(mark, "key " + path + " stands twice, first in line " + std::to_string(seen->second));
  }
  level.next = Setting{path, SettingKind::null, "", {}, mark.line + 1};
}

// A value inside a list, as text; a list of texts gets it as an item.
void SettingsHandler::add_text(const YAML::Mark& mark, Level& level, const std::string& value) {
  if (level.map && !level.key) {
    level.key = value;
    return;
  }
  const std::string text = level.map ? *level.key + ": " + value : value;
  level.key.reset();
  if (!level.text) {
    settings_[level.list].items.push_back(text);
    return;
  }
  level.flow += (level.flow.empty() ? "" : ", ") + text;
  if (level.flow.size() > kMaxValueBytes) fail(mark, "an item of a list is longer than 4096 bytes");
}

void SettingsHandler::take_value(const YAML::Mark& mark, SettingKind kind,
                                 const std::string& value) {
  count(mark);
  if (levels_.empty()) fail(mark, "the file is no mapping of keys to values");
  Level& level = levels_.back();
  ++level.num_values;
  if (!level.map || level.text) return add_text(mark, level, value);
  if (!level.next) {
    if (kind != SettingKind::scalar) fail(mark, "a key must be a plain word");
    return take_key(mark, value);
  }
  level.next->kind = kind;
  if (kind == SettingKind::scalar) level.next->text = value;
  settings_.push_back(std::move(*level.next));
  level.next.reset();
}

void SettingsHandler::open(const YAML::Mark& mark, bool map) {
  count(mark);
  if (levels_.size() == kMaxDepth) fail(mark, "the file is nested too deeply");
  Level level;
  level.map = map;
  if (levels_.empty()) {
    if (!map) fail(mark, "the file is no mapping of keys to values");
    levels_.push_back(std::move(level));
    return;
  }
  Level& outer = levels_.back();
  ++outer.num_values;
  level.text = outer.text || !outer.map;
  if (level.text) {
    if (outer.map && !outer.key) fail(mark, "a key must be a plain word");
  } else {
    if (!outer.next) fail(mark, "a key must be a plain word");
    level.prefix = outer.next->path + ".";
    level.list = settings_.size();
    if (!map) {
      outer.next->kind = SettingKind::list;
      settings_.push_back(std::move(*outer.next));
      outer.next.reset();
    }
  }
  levels_.push_back(std::move(level));
}

void SettingsHandler::close() {
  const Level level = std::move(levels_.back());
  levels_.pop_back();
  if (levels_.empty()) return;
  Level& outer = levels_.back();
  if (level.text) {
    return add_text({}, outer, level.map ? "{" + level.flow + "}" : "[" + level.flow + "]");
  }
  if (!level.map) return;
  if (level.num_values == 0) {
    outer.next->kind = SettingKind::empty;
    settings_.push_back(*outer.next);
  }
  outer.next.reset();
}

// Texts of settings with the references in them replaced.
class References {
 public:
  References(std::string_view file, const std::vector<Setting>& settings) : file_(file) {
    for (const Setting& setting : settings) by_path_[setting.path] = &setting;
  }

  std::string replace(const Setting& at, const std::string& text, int depth) {
    std::string result;
    std::size_t from = 0;
    while (true) {
      const std::size_t begin = text.find("${", from);
      const std::size_t end = begin == std::string::npos ? begin : text.find('}', begin);
      if (end == std::string::npos) break;
      const std::string name = text.substr(begin + 2, end - begin - 2);
      result += text.substr(from, begin - from);
      const bool resolver = name.find(':') != std::string::npos;
      result += resolver ? "${" + name + "}" : value_of(at, name, depth);
      if (result.size() > kMaxValueBytes) fail(at, "becomes longer than 4096 bytes");
      from = end + 1;
    }
    return result + text.substr(from);
  }

 private:
  static constexpr int kMaxChain = 8;
  static constexpr int kMaxReplaced = 10'000;  // empty values could be multiplied without growing

  [[noreturn]] void fail(const Setting& at, const std::string& why) const {
    fail_at(file_, at.line, at.path + " " + why);
  }
  std::string value_of(const Setting& at, const std::string& name, int depth) {
    if (++num_replaced_ > kMaxReplaced) fail(at, "is one of more than 10000 references");
    const auto found = by_path_.find(name);
    if (found == by_path_.end()) fail(at, "refers to ${" + name + "}, which is not in the file");
    const Setting& target = *found->second;
    if (depth == kMaxChain) fail(at, "refers to itself, or through more than 8 keys");
    if (target.kind != SettingKind::scalar)
      fail(at, "refers to ${" + name + "}, which is no value");
    return replace(target, target.text, depth + 1);
  }

  std::string file_;
  std::map<std::string, const Setting*, std::less<>> by_path_;
  int num_replaced_ = 0;
};

}  // namespace

std::string Setting::shown() const {
  if (kind == SettingKind::null) return "null";
  if (kind == SettingKind::empty) return "{}";
  if (kind == SettingKind::scalar) return text;
  std::string list;
  for (const std::string& item : items) list += (list.empty() ? "" : ", ") + item;
  return "[" + list + "]";
}

std::vector<Setting> read_settings(std::string_view file, std::string_view text) {
  const std::string name(file);
  if (text.size() > kMaxFileBytes) {
    throw Error(Code::invalid_argument, name + " is larger than 4 MiB", kHint);
  }
  if (!manifests::is_note_text(text, kMaxFileBytes)) {
    throw Error(Code::invalid_argument, name + " is not UTF-8 text", kHint);
  }
  SettingsHandler handler(file);
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    if (parser.HandleNextDocument(handler)) {
      SettingsHandler rest(file);
      if (parser.HandleNextDocument(rest)) {
        throw Error(Code::invalid_argument, name + " holds more than one document", kHint);
      }
    }
  } catch (const YAML::Exception& error) {
    fail_at(name, error.mark.line + 1, "not valid YAML: " + error.msg);
  }
  if (!handler.saw_mapping()) {
    throw Error(Code::invalid_argument, name + " is no mapping of keys to values", kHint);
  }
  return handler.take();
}

void resolve_references(std::string_view file, std::vector<Setting>& settings) {
  std::vector<Setting> resolved = settings;
  References references(file, settings);
  for (Setting& setting : resolved) {
    setting.text = references.replace(setting, setting.text, 0);
    for (std::string& item : setting.items) item = references.replace(setting, item, 0);
  }
  settings = std::move(resolved);
}

}  // namespace repro::imports

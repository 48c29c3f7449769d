#include "train/tokenizer/tokenizer_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>

#include "artifacts/base/error.h"
#include "artifacts/base/json.h"
#include "train/tokenizer/byte_table.h"

namespace repro::train {
namespace {

constexpr std::size_t kMaxFileBytes = std::size_t{256} << 20;
constexpr std::size_t kMaxTokens = std::size_t{1} << 24;
// What ByteLevel splits by where it is told to (GPT-2's pattern).
constexpr const char* kGpt2Regex =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

using Keys = std::vector<std::string_view>;

class FileParser {
 public:
  FileParser(std::string_view json, std::string_view what)
      : what_(what), root_(parse_json(json, what, kMaxFileBytes)) {}

  TokenizerFile run() {
    check_keys(root_, "tokenizer.json",
               {"version", "truncation", "padding", "added_tokens", "normalizer", "pre_tokenizer",
                "post_processor", "decoder", "model"});
    if (root_.value("version", Json()) != "1.0") refuse("a version other than 1.0");
    for (const char* key : {"truncation", "padding", "normalizer"}) {
      if (const Json& part = part_of(root_, key); !part.is_null()) refuse(name_of(part, key));
    }
    parse_model(part_of(root_, "model"));
    parse_added_tokens(part_of(root_, "added_tokens"));
    parse_pre_tokenizer(part_of(root_, "pre_tokenizer"));
    parse_post_processor(part_of(root_, "post_processor"));
    const Json& decoder = part_of(root_, "decoder");
    if (type_of(decoder) != "ByteLevel") refuse(name_of(decoder, "decoder"));
    return std::move(file_);
  }

 private:
  [[noreturn]] void refuse(const std::string& part) const {
    throw Error(Code::unsupported, fmt::format("{}: {} is not supported", what_, part),
                "docs/data.md lists what is; tokenise with the library and add the ids (*.u32)");
  }

  [[noreturn]] void fail(const std::string& why) const {
    throw Error(Code::invalid_argument, fmt::format("{}: {}", what_, why));
  }

  // --- access to JSON ---------------------------------------------------------------------------

  const Json& part_of(const Json& object, const char* key) const {
    static const Json kNothing;
    const auto found = object.find(key);
    return found == object.end() ? kNothing : *found;
  }

  static std::string type_of(const Json& part) {
    if (!part.is_object()) return "";
    const auto type = part.find("type");
    return type != part.end() && type->is_string() ? type->get<std::string>() : "";
  }

  static std::string name_of(const Json& part, const std::string& role) {
    const std::string type = type_of(part);
    return !type.empty() ? role + " " + type : part.is_null() ? "no " + role : role;
  }

  void check_keys(const Json& object, const std::string& where, const Keys& known) const {
    if (!object.is_object()) fail(where + " is no JSON object");
    for (const auto& [key, value] : object.items()) {
      if (std::find(known.begin(), known.end(), key) == known.end()) {
        refuse(fmt::format("\"{}\" of {}", key, where));
      }
    }
  }

  bool flag(const Json& object, const char* key, const std::string& where, bool absent) const {
    const Json& value = part_of(object, key);
    if (value.is_null()) return absent;
    if (!value.is_boolean())
      fail(fmt::format("\"{}\" of {} is neither true nor false", key, where));
    return value.get<bool>();
  }

  std::string text(const Json& object, const char* key, const std::string& where) const {
    const Json& value = part_of(object, key);
    if (!value.is_string()) fail(fmt::format("{} has no text \"{}\"", where, key));
    return value.get<std::string>();
  }

  std::uint32_t id_from(const Json& value, const std::string& where) const {
    if (!value.is_number_unsigned() || value.get<std::uint64_t>() >= kMaxTokens) {
      fail(fmt::format("the id of {} is no whole number below {}", where, kMaxTokens));
    }
    return value.get<std::uint32_t>();
  }

  // --- model ------------------------------------------------------------------------------------

  void parse_model(const Json& model) {
    if (const std::string type = type_of(model); type != "BPE") refuse(name_of(model, "model"));
    check_keys(model, "model BPE",
               {"type", "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix",
                "fuse_unk", "byte_fallback", "ignore_merges", "vocab", "merges"});
    for (const char* key : {"dropout", "unk_token"}) {
      if (!part_of(model, key).is_null()) refuse(fmt::format("\"{}\" of model BPE", key));
    }
    for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
      const Json& affix = part_of(model, key);
      if (!affix.is_null() && affix != "") refuse(fmt::format("\"{}\" of model BPE", key));
    }
    for (const char* key : {"byte_fallback", "fuse_unk"}) {
      if (flag(model, key, "model BPE", false)) refuse(fmt::format("\"{}\" of model BPE", key));
    }
    file_.ignore_merges = flag(model, "ignore_merges", "model BPE", false);
    parse_vocabulary(part_of(model, "vocab"));
    parse_merges(part_of(model, "merges"));
  }

  void parse_vocabulary(const Json& vocab) {
    if (!vocab.is_object() || vocab.empty()) fail("model BPE has no \"vocab\"");
    file_.tokens.resize(vocab.size());
    ids_.emplace(vocab.size());
    std::vector<bool> taken(vocab.size());
    for (const auto& [token, value] : vocab.items()) {
      const std::uint32_t id = id_from(value, fmt::format("token \"{}\"", token));
      if (id >= vocab.size()) {
        fail(
            fmt::format("token \"{}\" has the id {} in a vocabulary of {} tokens, so another id "
                        "is missing",
                        token, id, vocab.size()));
      }
      if (taken[id]) {
        fail(fmt::format("id {} is of \"{}\" and of \"{}\"", id, file_.tokens[id], token));
      }
      taken[id] = true;
      file_.tokens[id] = token;
      ids_->add(token, id);
    }
    file_.model_size = static_cast<std::uint32_t>(vocab.size());
  }

  void parse_merges(const Json& merges) {
    if (!merges.is_array()) fail("model BPE has no list \"merges\"");
    file_.merges.reserve(merges.size());
    std::vector<std::pair<std::uint64_t, std::size_t>> pairs;
    pairs.reserve(merges.size());
    for (const Json& merge : merges) {
      const std::string where = fmt::format("merge {}", file_.merges.size());
      const auto [left, right] = sides_of(merge, where);
      const MergeRule rule = {merged_id(left, where), merged_id(right, where),
                              merged_id(left + right, where)};
      pairs.emplace_back((std::uint64_t{rule.left} << 32U) | rule.right, file_.merges.size());
      file_.merges.push_back(rule);
    }
    std::sort(pairs.begin(), pairs.end());
    for (std::size_t i = 1; i < pairs.size(); ++i) {
      if (pairs[i].first == pairs[i - 1].first) {
        fail(fmt::format("merge {} repeats merge {}", pairs[i].second, pairs[i - 1].second));
      }
    }
  }

  std::pair<std::string, std::string> sides_of(const Json& merge, const std::string& where) const {
    if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
      return {merge[0].get<std::string>(), merge[1].get<std::string>()};
    }
    if (!merge.is_string()) fail(where + " is neither \"a b\" nor [\"a\", \"b\"]");
    const auto both = merge.get<std::string>();
    const std::size_t blank = both.find(' ');
    if (blank == std::string::npos || both.find(' ', blank + 1) != std::string::npos) {
      fail(fmt::format("{} (\"{}\") is not two tokens with one blank between", where, both));
    }
    return {both.substr(0, blank), both.substr(blank + 1)};
  }

  std::uint32_t merged_id(const std::string& token, const std::string& where) const {
    const auto id = ids_->find(token);
    if (!id) fail(fmt::format("{} names \"{}\", which is not in the vocabulary", where, token));
    return *id;
  }

  // --- added tokens -----------------------------------------------------------------------------

  void parse_added_tokens(const Json& list) {
    if (list.is_null()) return;
    if (!list.is_array()) fail("\"added_tokens\" is no list");
    for (const Json& json : list) {
      const std::string where = fmt::format("added token {}", file_.added.size());
      check_keys(json, where,
                 {"id", "content", "single_word", "lstrip", "rstrip", "normalized", "special"});
      AddedToken token;
      token.content = text(json, "content", where);
      if (token.content.empty()) fail(where + " is empty");
      token.id = id_from(part_of(json, "id"), where);
      token.single_word = flag(json, "single_word", where, false);
      token.lstrip = flag(json, "lstrip", where, false);
      token.rstrip = flag(json, "rstrip", where, false);
      token.normalized = flag(json, "normalized", where, !flag(json, "special", where, false));
      place(token);
      file_.added.push_back(std::move(token));
    }
  }

  // The library numbers tokens that the model does not have from the model's size on, in the order
  // of the list, whatever their "id" says; so anything else is refused.
  void place(const AddedToken& token) {
    for (const AddedToken& other : file_.added) {
      if (other.content == token.content)
        fail("added token \"" + token.content + "\" stands twice");
    }
    const auto known = ids_->find(token.content);
    const std::uint32_t expected = known.value_or(static_cast<std::uint32_t>(file_.tokens.size()));
    if (token.id != expected) {
      fail(fmt::format("added token \"{}\" has the id {} and not {}{}", token.content, token.id,
                       expected, known ? ", which the vocabulary gives it" : "; ids have no gaps"));
    }
    if (!known) file_.tokens.push_back(token.content);
  }

  // --- pre-tokeniser ----------------------------------------------------------------------------

  void parse_pre_tokenizer(const Json& json) {
    if (type_of(json) != "Sequence") return parse_byte_level(json);
    check_keys(json, "pre_tokenizer Sequence", {"type", "pretokenizers"});
    const Json& steps = part_of(json, "pretokenizers");
    if (!steps.is_array() || steps.empty()) fail("pre_tokenizer Sequence has no \"pretokenizers\"");
    for (std::size_t i = 0; i + 1 < steps.size(); ++i) parse_split(steps[i]);
    parse_byte_level(steps.back());
  }

  void parse_byte_level(const Json& json) {
    if (type_of(json) != "ByteLevel") refuse(name_of(json, "pre_tokenizer"));
    const std::string where = "pre_tokenizer ByteLevel";
    check_keys(json, where, {"type", "add_prefix_space", "trim_offsets", "use_regex"});
    if (flag(json, "add_prefix_space", where, true)) file_.prefix_after = file_.splits.size();
    if (flag(json, "use_regex", where, true)) file_.splits.push_back({kGpt2Regex, false});
  }

  void parse_split(const Json& json) {
    if (type_of(json) != "Split") refuse(name_of(json, "pre_tokenizer"));
    check_keys(json, "pre_tokenizer Split", {"type", "pattern", "behavior", "invert"});
    const Json& pattern = part_of(json, "pattern");
    if (!pattern.is_object() || pattern.size() != 1 || !pattern.contains("Regex")) {
      refuse("pre_tokenizer Split by anything but a Regex");
    }
    const std::string behaviour = text(json, "behavior", "pre_tokenizer Split");
    const bool invert = flag(json, "invert", "pre_tokenizer Split", false);
    if (behaviour != "Isolated" && !(behaviour == "Removed" && invert)) {
      refuse(fmt::format("pre_tokenizer Split {}{}", behaviour, invert ? ", inverted" : ""));
    }
    file_.splits.push_back({text(pattern, "Regex", "pre_tokenizer Split"), behaviour == "Removed"});
  }

  // --- post-processor ---------------------------------------------------------------------------

  void parse_post_processor(const Json& json) {
    const std::string type = type_of(json);
    if (json.is_null() || type == "ByteLevel") return;  // ByteLevel touches offsets only
    if (type == "TemplateProcessing") return parse_template(json);
    if (type != "Sequence") refuse(name_of(json, "post_processor"));
    const Json& steps = part_of(json, "processors");
    if (!steps.is_array()) fail("post_processor Sequence has no \"processors\"");
    for (const Json& step : steps) parse_post_processor(step);
  }

  void parse_template(const Json& json) {
    check_keys(json, "post_processor TemplateProcessing",
               {"type", "single", "pair", "special_tokens"});
    if (!file_.begin_ids.empty() || !file_.end_ids.empty()) {
      refuse("a second post_processor TemplateProcessing");
    }
    bool text_seen = false;
    for (const Json& piece : part_of(json, "single")) {
      if (piece.is_object() && piece.contains("Sequence") && !text_seen) {
        text_seen = true;
        continue;
      }
      const Json& special = piece.is_object() ? part_of(piece, "SpecialToken") : Json();
      if (!special.is_object()) refuse("\"single\" of post_processor TemplateProcessing");
      add_template_ids(part_of(json, "special_tokens"),
                       text(special, "id", "a SpecialToken of the template"),
                       text_seen ? file_.end_ids : file_.begin_ids);
    }
    if (!text_seen) fail("the template has no place for the text");
  }

  void add_template_ids(const Json& specials, const std::string& name,
                        std::vector<std::uint32_t>& ids) {
    const Json& special = part_of(specials, name.c_str());
    const Json& list = special.is_object() ? part_of(special, "ids") : special;
    if (!list.is_array()) fail("the template has no ids for \"" + name + "\"");
    for (const Json& json : list) {
      ids.push_back(id_from(json, "\"" + name + "\" in the template"));
      if (ids.back() >= file_.tokens.size()) {
        fail(fmt::format("the template's id {} of \"{}\" is of no token", ids.back(), name));
      }
    }
  }

  std::string_view what_;
  Json root_;
  TokenizerFile file_;
  std::optional<ByteTable> ids_;  // of the model's tokens
};

}  // namespace

TokenizerFile parse_tokenizer_file(std::string_view json, std::string_view what) {
  return FileParser(json, what).run();
}

}  // namespace repro::train

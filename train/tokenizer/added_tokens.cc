#include "train/tokenizer/added_tokens.h"

#include <algorithm>

#include "train/tokenizer/split_pattern.h"
#include "train/tokenizer/unicode.h"
#include "train/tokenizer/utf8.h"

namespace repro::train {
namespace {

std::string_view first_character(std::string_view text) {
  return text.substr(0, text.empty() ? 0 : utf8_length(text));
}

std::string_view last_character(std::string_view text) {
  if (text.empty()) return text;
  std::size_t at = text.size() - 1;
  while ((static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80U) --at;
  return text.substr(at);
}

// Unicode's White_Space.
bool is_space(std::string_view character) {
  if (character.empty()) return false;
  const std::uint32_t code = utf8_code_point(character);
  return (code >= 0x09 && code <= 0x0D) || code == 0x20 || code == 0x85 || code == 0xA0 ||
         code == 0x1680 || (code >= 0x2000 && code <= 0x200A) || code == 0x2028 || code == 0x2029 ||
         code == 0x202F || code == 0x205F || code == 0x3000;
}

// What Unicode (UTS 18, Annex C) calls a word character: besides categories the joiners, and signs
// that count as letters (circled and squared ones).
bool is_word(std::string_view character) {
  if (character.empty()) return false;
  const std::uint32_t code = utf8_code_point(character);
  if (code == 0x200C || code == 0x200D || (code >= 0x24B6 && code <= 0x24E9) ||
      (code >= 0x1F130 && code <= 0x1F149) || (code >= 0x1F150 && code <= 0x1F169) ||
      (code >= 0x1F170 && code <= 0x1F189)) {
    return true;
  }
  static const SplitPattern pattern(R"([\p{L}\p{M}\p{Nd}\p{Nl}\p{Pc}])", "word characters");
  const PreparedText prepared(character);
  std::size_t begin = 0;
  std::size_t end = 0;
  return Matcher().find(pattern, prepared.shadow(), 0, begin, end);
}

}  // namespace

AddedTokens::Pass::Pass(std::span<const AddedToken* const> wanted)
    : tokens(wanted.begin(), wanted.end()), contents(wanted.size()) {
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const std::string& content = tokens[i]->content;
    contents.add(content, static_cast<std::uint32_t>(i));
    auto& own = lengths.at(static_cast<unsigned char>(content[0]));
    if (std::find(own.begin(), own.end(), content.size()) == own.end()) {
      own.push_back(content.size());
    }
  }
  for (auto& own : lengths) std::sort(own.rbegin(), own.rend());
}

const AddedToken* AddedTokens::Pass::find_at(std::string_view text, std::size_t at) const {
  for (const std::size_t length : lengths[static_cast<unsigned char>(text[at])]) {
    if (length > text.size() - at) continue;
    if (const auto index = contents.find(text.substr(at, length))) return tokens[*index];
  }
  return nullptr;
}

AddedTokens::AddedTokens(std::span<const AddedToken> tokens)
    : tokens_(tokens.begin(), tokens.end()) {
  for (const bool normalized : {false, true}) {
    std::vector<const AddedToken*> wanted;
    for (const AddedToken& token : tokens_) {
      if (token.normalized == normalized) wanted.push_back(&token);
    }
    if (!wanted.empty()) passes_.emplace_back(wanted);
  }
}

void AddedTokens::split(std::string_view text, const Sink& sink) const {
  const auto from = [&](std::size_t level, std::size_t begin, std::size_t end,
                        const auto& self) -> void {
    if (level == passes_.size()) {
      sink({begin, end, nullptr});
      return;
    }
    split(passes_[level], text.substr(begin, end - begin), [&](const Stretch& stretch) {
      if (stretch.token == nullptr) {
        self(level + 1, begin + stretch.begin, begin + stretch.end, self);
      } else {
        sink({begin + stretch.begin, begin + stretch.end, stretch.token});
      }
    });
  };
  if (!text.empty()) from(0, 0, text.size(), from);
}

void AddedTokens::split(const Pass& pass, std::string_view text, const Sink& sink) const {
  std::size_t taken = 0;  // all before it was handed on
  for (std::size_t at = 0; at < text.size();) {
    const AddedToken* token = pass.find_at(text, at);
    if (token == nullptr) {
      ++at;
      continue;
    }
    std::size_t begin = at;
    std::size_t end = at + token->content.size();
    at = end;
    if (token->single_word && (is_word(last_character(text.substr(0, begin))) ||
                               is_word(first_character(text.substr(end))))) {
      continue;
    }
    while (token->lstrip && begin > taken) {
      const std::string_view before = last_character(text.substr(0, begin));
      if (!is_space(before)) break;
      begin -= before.size();
    }
    while (token->rstrip && is_space(first_character(text.substr(end)))) {
      end += first_character(text.substr(end)).size();
    }
    if (taken < begin) sink({taken, begin, nullptr});
    sink({begin, end, token});
    taken = end;
  }
  if (taken < text.size()) sink({taken, text.size(), nullptr});
}

}  // namespace repro::train

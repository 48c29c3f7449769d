// Which regular expressions mean the same to Oniguruma and to PCRE2.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "artifacts/base/error.h"
#include "train/tokenizer/split_pattern.h"

namespace repro::train {
namespace {

constexpr std::array<std::string_view, 30> kCategories = {
    "L",  "Lu", "Ll", "Lt", "Lm", "Lo", "M",  "Mn", "Mc", "Me", "N",  "Nd", "Nl", "No", "P",
    "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "S",  "Sm", "Sc", "Sk", "So", "Z",  "Zs", "Zl"};

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_punctuation(char c) { return c > ' ' && c < 0x7F && !is_letter(c) && !is_digit(c); }

class RegexCheck {
 public:
  RegexCheck(std::string_view regex, std::string_view what) : regex_(regex), what_(what) {}

  void run() {
    while (at_ < regex_.size()) {
      switch (regex_[at_]) {
        case '\\':
          take_escape();
          break;
        case '[':
          take_class();
          break;
        case '(':
          take_group();
          break;
        case '{':
          take_count();
          break;
        case '^':
        case '$':
        case '.':
          refuse(1);
        default:
          take_literal();
      }
    }
  }

 private:
  [[noreturn]] void refuse(std::size_t length) const {
    throw Error(Code::unsupported,
                fmt::format("{}: \"{}\" in the regex \"{}\" is not supported", what_,
                            regex_.substr(at_, length), regex_),
                "only what all regex engines read alike is taken (train/tokenizer/"
                "split_pattern.h)");
  }

  bool take(std::string_view word) {
    if (!regex_.substr(at_).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }

  void take_literal() {
    const char c = regex_[at_];
    if ((c < ' ' && c != '\t' && c != '\n' && c != '\r') || c >= 0x7F) refuse(1);
    ++at_;
  }

  void take_escape() {
    const char next = at_ + 1 < regex_.size() ? regex_[at_ + 1] : '\0';
    if (next == 'p' || next == 'P') return take_property();
    if (!is_punctuation(next) && std::string_view("rntsSdD").find(next) == std::string_view::npos) {
      refuse(2);
    }
    at_ += 2;
  }

  void take_property() {
    const std::size_t end = regex_.find('}', at_);
    if (end == std::string_view::npos || regex_[at_ + 2] != '{') refuse(3);
    std::string_view name = regex_.substr(at_ + 3, end - at_ - 3);
    if (name.starts_with('^')) name.remove_prefix(1);
    if (std::find(kCategories.begin(), kCategories.end(), name) == kCategories.end()) {
      refuse(end + 1 - at_);
    }
    at_ = end + 1;
  }

  // [[:alpha:]], [a[b]] and [a&&b] differ between the engines.
  void take_class() {
    ++at_;
    take("^");
    if (at_ < regex_.size() && regex_[at_] == ']') refuse(1);
    while (at_ < regex_.size() && regex_[at_] != ']') {
      if (regex_[at_] == '[' || regex_.substr(at_).starts_with("&&")) refuse(2);
      if (regex_[at_] == '\\') {
        take_escape();
      } else {
        take_literal();
      }
    }
    ++at_;  // an open class is for PCRE2 to refuse
  }

  void take_group() {
    if (take("(?i:")) return take_caseless();
    if (take("(?:") || take("(?=") || take("(?!")) return;
    if (regex_.substr(at_).starts_with("(?") || regex_.substr(at_).starts_with("(*")) refuse(4);
    ++at_;
  }

  // Classes fold otherwise; and some pairs of letters are one ligature to Oniguruma alone.
  void take_caseless() {
    for (; at_ < regex_.size() && regex_[at_] != ')'; ++at_) {
      const char c = regex_[at_];
      if (!(c >= 'a' && c <= 'z') && c != '\'' && c != '|') refuse(1);
      for (const std::string_view pair : {"ff", "fi", "fl", "ss", "st"}) {
        if (regex_.substr(at_).starts_with(pair)) refuse(2);
      }
    }
  }

  // {2}+ is possessive to PCRE2 alone, {2}? lazy; {,2} counts for Oniguruma alone.
  void take_count() {
    const std::size_t end = regex_.find('}', at_);
    if (end == std::string_view::npos || !is_digit(regex_[at_ + 1])) refuse(2);
    const std::string_view inside = regex_.substr(at_ + 1, end - at_ - 1);
    const bool plain =
        std::all_of(inside.begin(), inside.end(), [](char c) { return is_digit(c) || c == ','; });
    const bool qualified =
        end + 1 < regex_.size() && (regex_[end + 1] == '+' || regex_[end + 1] == '?');
    if (!plain || qualified) refuse(end + 2 - at_);
    at_ = end + 1;
  }

  std::string_view regex_;
  std::string_view what_;
  std::size_t at_ = 0;
};

}  // namespace

void check_regex(std::string_view regex, std::string_view what) { RegexCheck(regex, what).run(); }

}  // namespace repro::train

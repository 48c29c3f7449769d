// A pre-tokeniser's regular expression, matched by PCRE2.
//
// tokenizer.json means Oniguruma's Ruby syntax; PCRE2 reads the same text, and where the two differ
// the text is refused rather than read otherwise. Taken are: ASCII literals, | ( ) (?: ), (?= (?!
// (?i: with small letters and apostrophes in it, classes without nesting, \r \n \t \s \S \d \D,
// \p{...} of a general category (not C...), * + ? {m,n}, the first three also lazy or possessive.
//
// Thread rules: a pattern is immutable and shared; a `Matcher` belongs to one thread.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace repro::train {

// Error(unsupported) naming the part of `regex` that is not taken.
void check_regex(std::string_view regex, std::string_view what);

class SplitPattern {
 public:
  // `what` names the tokenizer's file. Error(unsupported) as above, or for a pattern that can match
  // nothing at all; Error(invalid_argument) where PCRE2 refuses it.
  SplitPattern(const std::string& regex, std::string_view what);
  SplitPattern(SplitPattern&&) noexcept;
  ~SplitPattern();

 private:
  friend class Matcher;
  struct State;
  std::unique_ptr<State> state_;
};

class Matcher {
 public:
  Matcher();
  Matcher(const Matcher&) = delete;
  Matcher& operator=(const Matcher&) = delete;
  ~Matcher();

  // The first match in `shadow` (valid UTF-8) at or after `from`, as begin and end; false where
  // there is none. Error(unsupported) for text on which the pattern takes too many steps.
  bool find(const SplitPattern& pattern, std::string_view shadow, std::size_t from,
            std::size_t& begin, std::size_t& end);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace repro::train

// The texts are sentences out of a small grammar and word lists in which early words are likelier,
// so letters, words and sentences each have something to learn. Order of draws, word lists and
// grammar are frozen: a change of any of them changes golden values of every recipe.

#include "train/data/builtin.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <string_view>
#include <utility>

#include "artifacts/base/error.h"

namespace repro::train {
namespace {

// SplitMix64: own and frozen, so that no version of the trainer's generator can move the corpora.
class Draws {
 public:
  explicit Draws(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    state_ += 0x9E3779B97F4A7C15U;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
    return z ^ (z >> 31);
  }
  // Below `bound` (<= 2^32), every value alike up to 2^-32.
  std::uint64_t below(std::uint64_t bound) { return ((next() >> 32) * bound) >> 32; }
  // Below `bound`, small values likelier.
  std::uint64_t small_below(std::uint64_t bound) { return below(below(bound) + 1); }
  bool one_in(std::uint64_t n) { return below(n) == 0; }

 private:
  std::uint64_t state_;
};

constexpr std::string_view kNouns[] = {
    "river",  "house",   "letter",  "garden", "road",    "captain", "window",  "harbour", "winter",
    "mill",   "teacher", "bridge",  "forest", "lamp",    "market",  "village", "horse",   "stone",
    "valley", "clock",   "baker",   "island", "morning", "storm",   "field",   "kitchen", "tower",
    "sister", "engine",  "library", "doctor", "machine", "ladder",  "orchard", "message", "ship"};
constexpr std::string_view kAdjectives[] = {
    "old",   "small", "quiet",  "long",   "bright",  "heavy", "green",  "cold",
    "early", "round", "broken", "gentle", "distant", "plain", "narrow", "careful"};
constexpr std::string_view kVerbs[] = {
    "found",   "carried", "followed", "watched",  "opened",  "crossed",   "remembered", "repaired",
    "painted", "reached", "measured", "answered", "covered", "described", "counted",    "warned"};
constexpr std::string_view kPlaces[] = {"near",  "behind", "under",   "beside",
                                        "above", "beyond", "against", "without"};
constexpr std::string_view kOpenings[] = {"In the evening", "After a while", "Before the war",
                                          "At first",       "By the autumn", "Once a year"};
constexpr std::string_view kThinking[] = {"said", "thought", "wrote", "knew", "believed"};

constexpr std::string_view kNumbers[] = {"nothing", "one",     "two",       "three",    "four",
                                         "five",    "six",     "seven",     "eight",    "nine",
                                         "ten",     "eleven",  "twelve",    "thirteen", "fourteen",
                                         "fifteen", "sixteen", "seventeen", "eighteen"};

// `count` sentences of `write_sentence`, which adds one to `text`, with spaces between them.
template <class Write>
void write_sentences(std::string& text, std::uint64_t count, const Write& write_sentence) {
  for (std::uint64_t s = 0; s < count; ++s) {
    if (s != 0) text += " ";
    write_sentence();
  }
}

class SumsWriter {
 public:
  std::string write_document() {
    text_.clear();
    write_sentences(text_, 8 + draws_.below(17), [&] { write_sentence(); });
    text_ += "\n";
    return std::move(text_);
  }

 private:
  void write_sentence() {
    const std::uint64_t a = draws_.below(10);
    const std::uint64_t b = draws_.below(10);
    const std::size_t begin = text_.size();
    if (draws_.one_in(4)) {
      text_ += fmt::format("{} without {} is {}.", kNumbers[a + b], kNumbers[b], kNumbers[a]);
    } else {
      text_ += fmt::format("{} and {} make {}.", kNumbers[a], kNumbers[b], kNumbers[a + b]);
    }
    char& first = text_[begin];
    first = static_cast<char>(first - 'a' + 'A');
  }

  Draws draws_{3};
  std::string text_;
};

class ProseWriter {
 public:
  // A title, a blank line, some paragraphs.
  std::string write_document() {
    text_.clear();
    write_title();
    const std::uint64_t paragraphs = 2 + draws_.below(5);
    for (std::uint64_t p = 0; p < paragraphs; ++p) {
      text_ += "\n";
      write_sentences(text_, 2 + draws_.below(5), [&] { write_sentence(); });
      text_ += "\n";
    }
    return std::move(text_);
  }

 private:
  std::string_view word(std::span<const std::string_view> words) {
    return words[draws_.small_below(words.size())];
  }

  void write_title() {
    text_ += "The ";
    text_ += word(kAdjectives);
    text_ += " ";
    text_ += word(kNouns);
    text_ += "\n";
  }

  void write_noun_phrase() {
    text_ += draws_.one_in(3) ? "a" : "the";
    const bool adjective = draws_.one_in(2);
    const std::string_view first = adjective ? word(kAdjectives) : word(kNouns);
    const bool vowel = std::string_view("aeiou").find(first[0]) != std::string_view::npos;
    if (text_.back() == 'a' && vowel) text_ += "n";
    text_ += " ";
    text_ += first;
    if (!adjective) return;
    text_ += " ";
    text_ += word(kNouns);
  }

  void write_clause() {
    write_noun_phrase();
    text_ += " ";
    text_ += word(kVerbs);
    text_ += " ";
    write_noun_phrase();
    if (!draws_.one_in(2)) return;
    text_ += " ";
    text_ += word(kPlaces);
    text_ += " ";
    write_noun_phrase();
  }

  void write_sentence() {
    const std::size_t begin = text_.size();
    if (draws_.one_in(4)) {
      text_ += word(kOpenings);
      text_ += ", ";
    } else if (draws_.one_in(8)) {
      text_ += fmt::format("In {}, ", 1700 + draws_.below(200));
    }
    if (draws_.one_in(5)) {
      write_noun_phrase();
      text_ += " ";
      text_ += word(kThinking);
      text_ += " that ";
    }
    write_clause();
    if (draws_.one_in(4)) {
      text_ += ", and ";
      write_clause();
    }
    text_ += ".";
    char& first = text_[begin];
    if (first >= 'a' && first <= 'z') first = static_cast<char>(first - 'a' + 'A');
  }

  Draws draws_{1};
  std::string text_;
};

// Documents of `writer` of together exactly `num_bytes` bytes.
template <class Writer>
std::vector<std::string> write_text(Writer writer, std::int64_t num_bytes) {
  REPRO_CHECK(num_bytes >= 1 && num_bytes <= kMaxTextBytes);
  std::vector<std::string> documents;
  auto left = static_cast<std::size_t>(num_bytes);
  while (left != 0) {
    std::string document = writer.write_document();
    document.resize(std::min(document.size(), left));
    left -= document.size();
    documents.push_back(std::move(document));
  }
  return documents;
}

}  // namespace

std::vector<std::string> make_prose(std::int64_t num_bytes) {
  return write_text(ProseWriter(), num_bytes);
}

std::vector<std::string> make_sums(std::int64_t num_bytes) {
  return write_text(SumsWriter(), num_bytes);
}

std::vector<std::uint32_t> make_ids(std::int64_t vocab_size, std::int64_t count) {
  REPRO_CHECK(vocab_size >= 2 && vocab_size <= kMaxBuiltinVocab);
  REPRO_CHECK(count >= 1 && count <= kMaxBuiltinIds);
  const auto vocab = static_cast<std::uint64_t>(vocab_size);
  Draws draws(2);
  std::vector<std::uint32_t> ids(static_cast<std::size_t>(count));
  // Few ids are followed-to, so that they are frequent and soon learnt.
  const std::uint64_t frequent = vocab / 16 + 1;
  std::uint64_t last = 0;
  for (std::uint32_t& id : ids) {
    last = draws.one_in(4) ? draws.small_below(vocab) : (5 * last + 17 + draws.below(4)) % frequent;
    id = static_cast<std::uint32_t>(last);
  }
  return ids;
}

}  // namespace repro::train

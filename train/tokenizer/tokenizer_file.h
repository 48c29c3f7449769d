// Hugging Face `tokenizers` files (tokenizer.json, version 1.0) that hold byte-level BPE.
//
// Taken: model BPE without dropout, unknown token, byte fallback and affixes, merges as "a b" or
// ["a","b"], with or without ignore_merges; no normalizer; pre_tokenizer ByteLevel, or a Sequence
// of Splits by regex and one ByteLevel; post_processor none, ByteLevel, TemplateProcessing or a
// Sequence of them; decoder ByteLevel; any added tokens. Whatever else is there is refused by name,
// since leaving it out would give other ids than the library.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "train/tokenizer/merges.h"

namespace repro::train {

// A token that is found in the text before anything else is done with it.
struct AddedToken {
  std::uint32_t id = 0;
  std::string content;       // not empty
  bool single_word = false;  // only where no word character touches it
  bool lstrip = false;       // takes the white space before it along
  bool rstrip = false;       // ... after it
  bool normalized = false;   // found after those that are not
};

// A step of the pre-tokeniser: the text is cut at the matches of `regex`.
struct SplitRule {
  std::string regex;
  bool drops_gaps = false;  // what lies between matches is left out; else it is a piece too
};

struct TokenizerFile {
  // Every id below tokens.size() is one token, and every token has one id.
  std::vector<std::string> tokens;  // as written, in the byte alphabet (byte_alphabet.h)
  std::uint32_t model_size = 0;     // ids below it are the model's; the others only added
  std::vector<MergeRule> merges;
  bool ignore_merges = false;  // a piece that is a token as a whole is that token
  std::vector<SplitRule> splits;
  // A blank is put before what this many splits leave, where there is none; nullopt: nowhere.
  std::optional<std::size_t> prefix_after;
  std::vector<AddedToken> added;
  std::vector<std::uint32_t> begin_ids;  // what TemplateProcessing puts before a text
  std::vector<std::uint32_t> end_ids;    // ... and after it
};

// `what` names the file in errors. Error(unsupported) naming a component that is not taken;
// Error(invalid_argument) for broken JSON, ids that are missing or given twice, merges of tokens
// that are not there.
TokenizerFile parse_tokenizer_file(std::string_view json, std::string_view what);

}  // namespace repro::train

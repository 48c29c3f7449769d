// Byte-level BPE out of a tokenizer.json (tokenizer_file.h): bpe/1.
//
// The ids are those of the `tokenizers` library for the same file with add_special_tokens off, for
// text that is valid UTF-8; other bytes are read as Python's errors="replace" reads them (utf8.h).
// Added tokens are found in any text, "<|endoftext|>" too.
//
// Steps: broken bytes become U+FFFD; added tokens are cut out; the rest is split by the regexes; a
// piece that is a token as a whole and that merging would give too is looked up, any other merged.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "train/tokenizer/added_tokens.h"
#include "train/tokenizer/byte_table.h"
#include "train/tokenizer/merges.h"
#include "train/tokenizer/split_pattern.h"
#include "train/tokenizer/tokenizer.h"

namespace repro::train {

class BpeTokenizer final : public Tokenizer {
 public:
  // The bytes of a tokenizer.json; `what` names it in errors, which are those of tokenizer_file.h;
  // Error(invalid_argument) too where a byte is no token, or a token of the model stands for no
  // bytes and is not added.
  BpeTokenizer(std::string_view json, std::string_view what);

  std::string name_and_version() const override { return "bpe/1"; }
  std::int64_t vocab_size() const override { return static_cast<std::int64_t>(texts_.size()); }
  // The added token "<|endoftext|>", "<|end_of_text|>" or "</s>", the first of these that there is.
  std::optional<std::uint32_t> end_of_text() const override { return end_of_text_; }

  void encode(std::string_view text, const IdSink& sink) const override;
  std::string decode(std::span<const std::uint32_t> ids) const override;

  // What the file's template puts around a text (add_special_tokens on).
  const std::vector<std::uint32_t>& begin_ids() const { return begin_ids_; }
  const std::vector<std::uint32_t>& end_ids() const { return end_ids_; }

 private:
  struct Pattern {
    SplitPattern pattern;
    bool drops_gaps;
  };
  class Encoding;

  BpeTokenizer(TokenizerFile file, std::string_view what);

  std::vector<std::string> texts_;  // the bytes of every id
  MergeTable merges_;
  ByteTable whole_pieces_;  // pieces that are one token
  std::vector<Pattern> patterns_;
  std::optional<std::size_t> prefix_after_;
  AddedTokens added_;
  std::optional<std::uint32_t> end_of_text_;
  std::vector<std::uint32_t> begin_ids_;
  std::vector<std::uint32_t> end_ids_;
};

}  // namespace repro::train

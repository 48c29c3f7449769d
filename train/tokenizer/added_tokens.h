// Finding added tokens in a text, as the `tokenizers` library does: first those that are not
// `normalized`, then, in what lies between, the others; each time the leftmost, of those that begin
// at one place the longest.
//
// Thread rules: immutable.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "train/tokenizer/byte_table.h"
#include "train/tokenizer/tokenizer_file.h"

namespace repro::train {

class AddedTokens {
 public:
  explicit AddedTokens(std::span<const AddedToken> tokens);

  // A stretch of the text: `token` where that is one; else ordinary text, not empty.
  struct Stretch {
    std::size_t begin;
    std::size_t end;
    const AddedToken* token;
  };
  using Sink = std::function<void(const Stretch&)>;

  // Hands the stretches of `text` (valid UTF-8) to `sink` in order.
  void split(std::string_view text, const Sink& sink) const;

 private:
  // The tokens of one pass.
  struct Pass {
    explicit Pass(std::span<const AddedToken* const> tokens);

    const AddedToken* find_at(std::string_view text, std::size_t at) const;

    std::vector<const AddedToken*> tokens;
    ByteTable contents;                                 // -> index in `tokens`
    std::array<std::vector<std::size_t>, 256> lengths;  // by first byte, descending
  };

  void split(const Pass& pass, std::string_view text, const Sink& sink) const;

  std::vector<AddedToken> tokens_;
  std::vector<Pass> passes_;
};

}  // namespace repro::train

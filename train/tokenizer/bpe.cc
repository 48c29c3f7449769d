#include "train/tokenizer/bpe.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "artifacts/base/error.h"
#include "train/tokenizer/byte_alphabet.h"
#include "train/tokenizer/tokenizer_file.h"
#include "train/tokenizer/unicode.h"

namespace repro::train {
namespace {

constexpr std::size_t kIdsAtOnce = 16384;

// An added token's text is its content, whatever the byte alphabet would read in it.
std::vector<std::string> texts_of(const TokenizerFile& file, std::string_view what) {
  std::vector<std::string> texts(file.tokens.size());
  std::vector<bool> known(file.tokens.size());
  for (const AddedToken& token : file.added) {
    texts[token.id] = token.content;
    known[token.id] = true;
  }
  for (std::uint32_t id = 0; id < file.model_size; ++id) {
    if (known[id]) continue;
    auto bytes = bytes_of_token(file.tokens[id]);
    if (!bytes) {
      throw Error(Code::invalid_argument,
                  fmt::format("{}: token \"{}\" is not written in byte-level BPE's alphabet", what,
                              file.tokens[id]));
    }
    texts[id] = *std::move(bytes);
  }
  return texts;
}

std::array<std::uint32_t, 256> byte_ids_of(const TokenizerFile& file, std::string_view what) {
  std::array<std::uint32_t, 256> ids{};
  std::array<bool, 256> known{};
  for (std::uint32_t id = 0; id < file.model_size; ++id) {
    const auto bytes = bytes_of_token(file.tokens[id]);
    if (!bytes || bytes->size() != 1) continue;
    const auto byte = static_cast<unsigned char>((*bytes)[0]);
    ids.at(byte) = id;
    known.at(byte) = true;
  }
  const auto missing = std::find(known.begin(), known.end(), false);
  if (missing != known.end()) {
    throw Error(Code::invalid_argument, fmt::format("{}: no token stands for the byte {:#04x}",
                                                    what, missing - known.begin()));
  }
  return ids;
}

std::optional<std::uint32_t> find_end_of_text(std::span<const AddedToken> added) {
  for (const std::string_view name : {"<|endoftext|>", "<|end_of_text|>", "</s>"}) {
    const auto found = std::find_if(added.begin(), added.end(),
                                    [&](const AddedToken& token) { return token.content == name; });
    if (found != added.end()) return found->id;
  }
  return std::nullopt;
}

}  // namespace

BpeTokenizer::BpeTokenizer(std::string_view json, std::string_view what)
    : BpeTokenizer(parse_tokenizer_file(json, what), what) {}

BpeTokenizer::BpeTokenizer(TokenizerFile file, std::string_view what)
    : texts_(texts_of(file, what)),
      merges_(byte_ids_of(file, what), file.merges),
      whole_pieces_(file.model_size),
      prefix_after_(file.prefix_after),
      added_(file.added),
      end_of_text_(find_end_of_text(file.added)),
      begin_ids_(std::move(file.begin_ids)),
      end_ids_(std::move(file.end_ids)) {
  for (const SplitRule& rule : file.splits) {
    patterns_.push_back({SplitPattern(rule.regex, what), rule.drops_gaps});
  }
  MergeScratch scratch;
  std::vector<std::uint32_t> ids;
  for (std::uint32_t id = 0; id < file.model_size; ++id) {
    const auto bytes = bytes_of_token(file.tokens[id]);
    if (!bytes) continue;
    ids.clear();
    if (!file.ignore_merges) merges_.merge(*bytes, scratch, ids);
    if (file.ignore_merges || (ids.size() == 1 && ids[0] == id)) whole_pieces_.add(*bytes, id);
  }
}

// One text on its way to ids.
class BpeTokenizer::Encoding {
 public:
  Encoding(const BpeTokenizer& tokenizer, const PreparedText& text, const IdSink& sink)
      : tokenizer_(tokenizer), text_(text), sink_(sink) {
    ids_.reserve(std::min(text.text().size() / 2 + 8, kIdsAtOnce + 1024));
  }

  void run() {
    tokenizer_.added_.split(text_.text(), [&](const AddedTokens::Stretch& stretch) {
      if (stretch.token == nullptr) {
        const std::size_t size = stretch.end - stretch.begin;
        split(0, text_.text().substr(stretch.begin, size),
              text_.shadow().substr(stretch.begin, size));
      } else {
        ids_.push_back(stretch.token->id);
      }
    });
    flush();
  }

 private:
  // Cuts `text` by the patterns from `level` on; a pattern sees nothing around it.
  void split(std::size_t level, std::string_view text, std::string_view shadow) {
    if (text.empty()) return;
    if (level == tokenizer_.prefix_after_ && !text.starts_with(' ')) {
      const std::string longer = " " + std::string(text);
      return cut(level, longer, " " + std::string(shadow));
    }
    cut(level, text, shadow);
  }

  void cut(std::size_t level, std::string_view text, std::string_view shadow) {
    if (level == tokenizer_.patterns_.size()) return take_piece(text);
    const Pattern& pattern = tokenizer_.patterns_[level];
    const auto hand_on = [&](std::size_t begin, std::size_t end) {
      split(level + 1, text.substr(begin, end - begin), shadow.substr(begin, end - begin));
    };
    std::size_t at = 0;
    std::size_t begin = 0;
    std::size_t end = 0;
    while (at < shadow.size() && matcher_.find(pattern.pattern, shadow, at, begin, end)) {
      if (!pattern.drops_gaps) hand_on(at, begin);
      hand_on(begin, end);
      at = end;
    }
    if (!pattern.drops_gaps) hand_on(at, text.size());
  }

  void take_piece(std::string_view piece) {
    if (const auto id = tokenizer_.whole_pieces_.find(piece)) {
      ids_.push_back(*id);
    } else {
      tokenizer_.merges_.merge(piece, scratch_, ids_);
    }
    if (ids_.size() >= kIdsAtOnce) flush();
  }

  void flush() {
    if (!ids_.empty()) sink_(ids_);
    ids_.clear();
  }

  const BpeTokenizer& tokenizer_;
  const PreparedText& text_;
  const IdSink& sink_;
  Matcher matcher_;
  MergeScratch scratch_;
  std::vector<std::uint32_t> ids_;
};

void BpeTokenizer::encode(std::string_view text, const IdSink& sink) const {
  const PreparedText prepared(text);
  Encoding(*this, prepared, sink).run();
}

std::string BpeTokenizer::decode(std::span<const std::uint32_t> ids) const {
  std::string text;
  for (const std::uint32_t id : ids) {
    if (id >= texts_.size()) {
      throw Error(Code::invalid_argument,
                  fmt::format("id {} is not in the vocabulary of {} tokens", id, texts_.size()));
    }
    if (id != end_of_text_) text += texts_[id];
  }
  return text;
}

}  // namespace repro::train

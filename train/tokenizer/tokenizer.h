// Text to token ids and back.
//
// A tokenizer has a name and a version ("byte/1"); they stand in every dataset manifest and enter
// its root, so one version never changes what it gives for a text. A new kind of tokenizer is a
// class here and a line in `make_tokenizer`; nothing else of the trainer knows how text becomes
// ids.
//
//   const auto tokenizer = make_tokenizer("byte/1");
//   tokenizer->encode(text, [&](std::span<const std::uint32_t> ids) { ... });
//
// Thread rules: immutable after construction; const calls may run in many threads.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace repro::train {

using IdSink = std::function<void(std::span<const std::uint32_t>)>;

class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  // "byte/1". Of bpe/1 the file decides too; a dataset manifest names it beside (tokenizer_file).
  virtual std::string name_and_version() const = 0;
  // Every id it gives is below this. 0: it gives none, the ids come from the data ("ids/1").
  virtual std::int64_t vocab_size() const = 0;
  // The id that ends every document in a token stream; nullopt where documents are not marked.
  virtual std::optional<std::uint32_t> end_of_text() const = 0;

  // The ids of one whole document (any bytes), handed to `sink` in order in pieces of any length,
  // without the end-of-text id. Error(unsupported) where the tokenizer takes no text.
  virtual void encode(std::string_view text, const IdSink& sink) const = 0;
  // The bytes of a stretch of ids: decode(encode(text)) == text, for bpe/1 where the text is valid
  // UTF-8, does not hold the end-of-text token and no added token takes white space along. The
  // end-of-text id stands for no bytes. Error(invalid_argument) for an id that is not of the
  // vocabulary.
  virtual std::string decode(std::span<const std::uint32_t> ids) const = 0;
};

// "byte/1" for "byte" (bytes 0..255, 256 ends a document), "ids" (data that is ids already; decodes
// to decimal numbers) and "bpe" (train/tokenizer/bpe.h): "NAME" means the newest version,
// "NAME/VERSION" exactly that one. Error(invalid_argument) with the nearest known name, or
// Error(unsupported) for an unknown version.
std::string resolve_tokenizer(std::string_view name);

// The tokenizer of such a name. `file`: the bytes of the tokenizer.json of bpe, which `what` names;
// the others have none. Errors: those of `resolve_tokenizer` and bpe.h.
std::unique_ptr<Tokenizer> make_tokenizer(std::string_view name, std::string_view file = "",
                                          std::string_view what = "tokenizer.json");

}  // namespace repro::train

#include "train/tokenizer/tokenizer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "artifacts/base/error.h"
#include "artifacts/base/spelling.h"
#include "train/tokenizer/bpe.h"

namespace repro::train {
namespace {

class ByteTokenizer final : public Tokenizer {
 public:
  std::string name_and_version() const override { return "byte/1"; }
  std::int64_t vocab_size() const override { return kEndOfText + 1; }
  std::optional<std::uint32_t> end_of_text() const override { return kEndOfText; }

  void encode(std::string_view text, const IdSink& sink) const override {
    std::array<std::uint32_t, 16384> ids{};
    while (!text.empty()) {
      const std::size_t count = std::min(text.size(), ids.size());
      std::transform(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(count), ids.begin(),
                     [](char byte) { return std::uint32_t{static_cast<unsigned char>(byte)}; });
      sink(std::span(ids).first(count));
      text.remove_prefix(count);
    }
  }

  std::string decode(std::span<const std::uint32_t> ids) const override {
    std::string text;
    text.reserve(ids.size());
    for (const std::uint32_t id : ids) {
      if (id > kEndOfText) {
        throw Error(
            Code::invalid_argument,
            fmt::format("id {} is not in the vocabulary of byte/1 (0..{})", id, kEndOfText));
      }
      if (id != kEndOfText) text.push_back(static_cast<char>(id));
    }
    return text;
  }

 private:
  static constexpr std::uint32_t kEndOfText = 256;
};

// For data that comes as ids; there is no text, so numbers stand in for it.
class IdsTokenizer final : public Tokenizer {
 public:
  std::string name_and_version() const override { return "ids/1"; }
  std::int64_t vocab_size() const override { return 0; }
  std::optional<std::uint32_t> end_of_text() const override { return std::nullopt; }

  void encode(std::string_view, const IdSink&) const override {
    throw Error(Code::unsupported, "the tokenizer ids takes no text",
                "use the tokenizer byte for text; ids is for files that hold token ids");
  }

  std::string decode(std::span<const std::uint32_t> ids) const override {
    return fmt::format("{}", fmt::join(ids, " "));
  }
};

}  // namespace

std::string resolve_tokenizer(std::string_view name) {
  const std::string kind(name.substr(0, name.find('/')));
  const std::vector<std::string> known = {"bpe", "byte", "ids"};
  if (std::find(known.begin(), known.end(), kind) == known.end()) {
    const auto nearest = find_nearest(kind, known);
    throw Error(Code::invalid_argument, fmt::format("unknown tokenizer \"{}\"", name),
                nearest ? fmt::format("did you mean {}?", *nearest)
                        : "known tokenizers: byte (text), bpe (text, by a tokenizer.json), ids "
                          "(files of token ids)");
  }
  if (kind != name && name.substr(kind.size()) != "/1") {
    throw Error(Code::unsupported,
                fmt::format("tokenizer {} is not known here, only version 1", name),
                "a newer repro may know it");
  }
  return kind + "/1";
}

std::unique_ptr<Tokenizer> make_tokenizer(std::string_view name, std::string_view file,
                                          std::string_view what) {
  const std::string resolved = resolve_tokenizer(name);
  if (resolved == "byte/1") return std::make_unique<ByteTokenizer>();
  if (resolved == "ids/1") return std::make_unique<IdsTokenizer>();
  if (file.empty()) {
    throw Error(Code::invalid_argument, "the tokenizer bpe needs its file",
                "name a tokenizer.json: repro data add NAME PATH --tokenizer FILE");
  }
  return std::make_unique<BpeTokenizer>(file, what);
}

}  // namespace repro::train

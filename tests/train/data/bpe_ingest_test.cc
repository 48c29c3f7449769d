// Datasets made by a tokenizer.json.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "tests/train/data/fixture.h"
#include "tests/train/tokenizer/golden_files.h"
#include "train/data/reader.h"
#include "train/data/stored_tokenizer.h"

namespace repro::train {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

class BpeIngest : public testing::Test, protected DataFixture {
 protected:
  BpeIngest() {
    tokenizer_path_ = scratch().write("t/tokenizer.json", read_golden("cl100k.json"));
    text_path_ = scratch().write("d/a.txt", "Hello, world! It's 12345.");
    scratch().write("d/b.jsonl", "{\"text\":\"x <|pad|> \\u00e9\"}\n{\"text\":\"y\"}\n");
  }

  IngestSpec spec(const std::string& tokenizer) const {
    IngestSpec spec;
    spec.name = "d";
    spec.paths = {parent_path(text_path_)};
    spec.tokenizer = tokenizer;
    return spec;
  }

  Error add_error(const std::string& tokenizer) {
    return catch_error([&] { add(spec(tokenizer)); });
  }

  // Files in the store's folder, whatever they are.
  std::size_t count_objects() const {
    std::size_t count = 0;
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(scratch() / ".repro/objects")) {
      count += entry.is_regular_file() ? 1 : 0;
    }
    return count;
  }

  std::string tokenizer_path_;
  std::string text_path_;
};

TEST_F(BpeIngest, DocumentsAreEncodedAndTheFileIsPartOfTheDataset) {
  const Ingested result = add(spec(tokenizer_path_));
  EXPECT_EQ(result.dataset.tokenizer, "bpe/1");
  EXPECT_EQ(store().get(*result.dataset.tokenizer_file), read_golden("cl100k.json"));
  EXPECT_EQ(result.dataset.dtype, "uint16");
  EXPECT_THAT(result.notes, IsEmpty());
  const auto tokenizer = open_tokenizer(store(), result.dataset);
  EXPECT_EQ(result.dataset.vocab_size, tokenizer->vocab_size());
  EXPECT_EQ(result.dataset.end_of_text, tokenizer->end_of_text());

  std::vector<std::uint32_t> expected;
  for (const char* text : {"Hello, world! It's 12345.", "x <|pad|> \xC3\xA9", "y"}) {
    tokenizer->encode(text, [&](std::span<const std::uint32_t> ids) {
      expected.insert(expected.end(), ids.begin(), ids.end());
    });
    expected.push_back(*tokenizer->end_of_text());
  }
  TokenStream stream(store(), result.dataset);
  std::vector<std::uint32_t> tokens(static_cast<std::size_t>(stream.num_tokens()));
  stream.read(0, tokens);
  EXPECT_EQ(tokens, expected);
  EXPECT_EQ(result.dataset.num_documents(), 3);
}

TEST_F(BpeIngest, TheRootRestsOnTheFilesBytesAndNotOnItsName) {
  const Ingested one = add(spec(tokenizer_path_));
  const std::string same = scratch().write("other.json", read_golden("cl100k.json"));
  EXPECT_EQ(add(spec(same)).root, one.root);
  const std::string longer = scratch().write("longer.json", read_golden("cl100k.json") + " ");
  const Ingested other = add(spec(longer));
  EXPECT_NE(other.root, one.root);
  EXPECT_EQ(other.dataset.shards, one.dataset.shards);
}

// What the catalogue remembers of unchanged files is kept apart by tokenizer.
TEST_F(BpeIngest, UnchangedFilesAreKnownForEachTokenizer) {
  const Ingested bpe = add(spec(tokenizer_path_));
  const Ingested bytes = add(spec("byte"));
  EXPECT_EQ(bytes.dataset.tokenizer, "byte/1");
  EXPECT_EQ(add(spec(tokenizer_path_)).root, bpe.root);
  EXPECT_EQ(add(spec("byte")).root, bytes.root);
}

TEST_F(BpeIngest, ABadTokenizerLeavesNothing) {
  const std::size_t before = count_objects();
  const std::string broken = scratch().write("broken.json", "{\"version\":");
  EXPECT_EQ(add_error(broken).code(), Code::invalid_argument);
  EXPECT_THAT(add_error(broken).message(), HasSubstr("broken.json"));
  std::string nfc = read_golden("cl100k.json");
  const std::string none = "\"normalizer\":null";
  nfc.replace(nfc.find(none), none.size(), "\"normalizer\":{\"type\":\"NFC\"}");
  const Error unsupported = add_error(scratch().write("nfc.json", nfc));
  EXPECT_EQ(unsupported.code(), Code::unsupported);
  EXPECT_THAT(unsupported.message(), HasSubstr("nfc.json: normalizer NFC"));
  EXPECT_EQ(add_error(scratch() / "none.json").code(), Code::not_found);
  EXPECT_EQ(add_error("bpe").code(), Code::invalid_argument);
  EXPECT_THAT(add_error("bpe").hint(), HasSubstr("tokenizer.json"));
  EXPECT_EQ(count_objects(), before);
  EXPECT_FALSE(store().find_ref("datasets", "d"));
}

// A file of uint32 ids.
std::string ids_file(const std::vector<std::uint32_t>& ids) {
  return {reinterpret_cast<const char*>(ids.data()), ids.size() * sizeof ids[0]};
}

TEST_F(BpeIngest, TokenFilesMayHaveTheTokenizerThatMadeThem) {
  const auto file = make_tokenizer("bpe", read_golden("cl100k.json"));
  const std::uint32_t end = *file->end_of_text();
  IngestSpec ids = spec(tokenizer_path_);
  ids.paths = {scratch().write("a.u32", ids_file({1, 2, end, 3}))};
  const Ingested result = add(ids);
  EXPECT_EQ(result.dataset.tokenizer, "bpe/1");
  EXPECT_EQ(result.dataset.vocab_size, file->vocab_size());
  EXPECT_EQ(result.dataset.dtype, "uint32");
  EXPECT_EQ(result.dataset.num_documents(), 2);
  EXPECT_EQ(open_tokenizer(store(), result.dataset)->decode(std::vector<std::uint32_t>{1}),
            file->decode(std::vector<std::uint32_t>{1}));
  ids.end_of_text = end;  // saying so too changes nothing
  EXPECT_EQ(add(ids).root, result.root);
}

TEST_F(BpeIngest, ATokenizerThatDidNotMakeTheIdsIsRefused) {
  const auto file = make_tokenizer("bpe", read_golden("cl100k.json"));
  IngestSpec ids = spec(tokenizer_path_);
  const auto vocab = static_cast<std::uint32_t>(file->vocab_size());
  ids.paths = {scratch().write("a.u32", ids_file({1, vocab, 2}))};
  EXPECT_THAT(catch_error([&] { add(ids); }).message(),
              HasSubstr("the files hold the id " + std::to_string(vocab)));
  ids.paths = {scratch().write("b.u32", ids_file({1, 2}))};
  ids.end_of_text = *file->end_of_text() - 1;
  EXPECT_THAT(catch_error([&] { add(ids); }).message(), HasSubstr("end-of-text id is said to be"));
  EXPECT_FALSE(store().find_ref("datasets", "d"));
}

TEST_F(BpeIngest, WithoutAnEndOfTextDocumentsAreNotMarkedAndThatIsSaid) {
  auto file = nlohmann::json::parse(read_golden("gpt2.json"));
  file["added_tokens"] = nlohmann::json::array();
  const Ingested result = add(spec(scratch().write("none.json", file.dump())));
  EXPECT_FALSE(result.dataset.end_of_text);
  EXPECT_THAT(result.notes, Contains(HasSubstr("none.json has no token that ends a text")));
}

TEST_F(BpeIngest, ADamagedTokenizerFileIsNotUsed) {
  const Ingested result = add(spec(tokenizer_path_));
  const std::string path = store().object_path(*result.dataset.tokenizer_file);
  std::filesystem::permissions(path, std::filesystem::perms::owner_all);
  std::filesystem::resize_file(path, 10);
  EXPECT_EQ(catch_error([&] { open_tokenizer(store(), result.dataset); }).code(), Code::corruption);
  std::filesystem::remove(path);
  EXPECT_EQ(catch_error([&] { open_tokenizer(store(), result.dataset); }).code(), Code::not_found);
}

}  // namespace
}  // namespace repro::train

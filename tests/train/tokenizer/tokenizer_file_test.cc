#include "train/tokenizer/tokenizer_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <vector>

#include "artifacts/base/error.h"
#include "tests/train/tokenizer/golden_files.h"
#include "train/tokenizer/bpe.h"

namespace repro::train {
namespace {

using nlohmann::json;
using testing::HasSubstr;

using Change = std::function<void(json&)>;

Error refusal_of(const std::string& text) {
  try {
    const BpeTokenizer tokenizer(text, "t.json");
  } catch (const Error& error) {
    return error;
  }
  return Error(Code::internal, "no error");
}

Error refusal(const std::string& golden, const Change& change) {
  json file = json::parse(read_golden(golden));
  change(file);
  return refusal_of(file.dump());
}

TEST(TokenizerFile, ReadsWhatTheGoldenFilesHave) {
  const TokenizerFile dolma = parse_tokenizer_file(read_golden("cl100k.json"), "t");
  ASSERT_EQ(dolma.splits.size(), 1U);
  EXPECT_TRUE(dolma.splits[0].drops_gaps);
  EXPECT_FALSE(dolma.prefix_after);
  EXPECT_FALSE(dolma.ignore_merges);
  EXPECT_EQ(dolma.model_size, dolma.tokens.size());
  EXPECT_EQ(dolma.tokens[dolma.added[0].id], "<|endoftext|>");
  const TokenizerFile llama = parse_tokenizer_file(read_golden("llama3.json"), "t");
  EXPECT_TRUE(llama.ignore_merges);
  EXPECT_FALSE(llama.splits[0].drops_gaps);
  EXPECT_EQ(llama.model_size + 3, llama.tokens.size());
  EXPECT_EQ(llama.begin_ids, std::vector<std::uint32_t>{llama.added[0].id});
  EXPECT_TRUE(llama.end_ids.empty());
  const TokenizerFile gpt2 = parse_tokenizer_file(read_golden("gpt2.json"), "t");
  EXPECT_EQ(gpt2.prefix_after, 0U);
  EXPECT_THAT(gpt2.splits[0].regex, HasSubstr("'ll"));
}

TEST(TokenizerFile, ATokensListOfAbsentFlagsHasTheLibrarysDefaults) {
  json file = json::parse(read_golden("gpt2.json"));
  const auto size = static_cast<std::uint32_t>(file["model"]["vocab"].size());
  file["added_tokens"] = {{{"id", size}, {"content", "<x>"}, {"special", true}},
                          {{"id", size + 1}, {"content", "<y>"}}};
  const TokenizerFile parsed = parse_tokenizer_file(file.dump(), "t");
  EXPECT_FALSE(parsed.added[0].normalized);
  EXPECT_TRUE(parsed.added[1].normalized);
}

// The value of a golden file that is set to something else, and what the refusal says.
struct Edit {
  const char* where;
  const char* value;
  const char* named;
};

void expect_refused(const char* golden, Code code, const std::vector<Edit>& edits) {
  for (const Edit& edit : edits) {
    const Error error = refusal(golden, [&](json& file) {
      file[json::json_pointer(edit.where)] = json::parse(edit.value);
    });
    EXPECT_EQ(error.code(), code) << error.what();
    EXPECT_THAT(error.message(), HasSubstr("t.json: "));
    EXPECT_THAT(error.message(), HasSubstr(edit.named));
  }
}

TEST(TokenizerFile, AComponentThatIsNotTakenIsNamed) {
  expect_refused("llama3.json", Code::unsupported,
                 {{"/normalizer", R"({"type": "NFC"})", "normalizer NFC is not supported"},
                  {"/truncation", R"({"max_length": 5})", "truncation"},
                  {"/padding", R"({"strategy": "BatchLongest"})", "padding"},
                  {"/version", R"("2.0")", "version"},
                  {"/extra", "1", "\"extra\""},
                  {"/decoder", R"({"type": "WordPiece"})", "decoder WordPiece"},
                  {"/decoder", "null", "no decoder"},
                  {"/model/type", R"("Unigram")", "model Unigram"},
                  {"/model/dropout", "0.1", "\"dropout\""},
                  {"/model/unk_token", R"("<unk>")", "\"unk_token\""},
                  {"/model/byte_fallback", "true", "\"byte_fallback\""},
                  {"/model/fuse_unk", "true", "\"fuse_unk\""},
                  {"/model/end_of_word_suffix", R"("</w>")", "\"end_of_word_suffix\""},
                  {"/model/continuing_subword_prefix", R"("##")", "\"continuing_subword_prefix\""},
                  {"/model/new", "1", "\"new\" of model BPE"},
                  {"/pre_tokenizer", "null", "no pre_tokenizer"},
                  {"/pre_tokenizer", R"({"type": "Metaspace"})", "pre_tokenizer Metaspace"},
                  {"/post_processor", R"({"type": "RobertaProcessing"})", "RobertaProcessing"},
                  {"/added_tokens/0/glue", "true", "\"glue\" of added token 0"}});
}

TEST(TokenizerFile, ASplitThatIsNotTakenIsNamed) {
  expect_refused("llama3.json", Code::unsupported,
                 {{"/pre_tokenizer/pretokenizers/0", R"({"type": "Digits"})", "Digits"},
                  {"/pre_tokenizer/pretokenizers/0/behavior", R"("Contiguous")", "Contiguous"},
                  {"/pre_tokenizer/pretokenizers/0/behavior", R"("Removed")", "Split Removed"},
                  {"/pre_tokenizer/pretokenizers/0/pattern", R"({"String": " "})", "a Regex"},
                  {"/pre_tokenizer/pretokenizers/0/pattern/Regex", R"("\\w+")", "\"\\w\" in"},
                  {"/pre_tokenizer/pretokenizers/1", R"({"type": "Digits"})", "Digits"}});
}

TEST(TokenizerFile, WhatIsBrokenIsRefused) {
  expect_refused(
      "cl100k.json", Code::invalid_argument,
      {{"/model/vocab/!", "1", "id 1 is of"},
       {"/model/vocab/!", "90000", "another id is missing"},
       {"/model/vocab/!", "-1", "the id of token \"!\""},
       {"/model/vocab/!", R"("1")", "the id of token \"!\""},
       {"/model/vocab/new", "905", "another id is missing"},
       {"/model/vocab", "{}", "no \"vocab\""},
       {"/model/merges", "null", "no list \"merges\""},
       {"/model/merges/3", R"("qqqq e")", "merge 3 names \"qqqq\", which is not in the vocabulary"},
       {"/model/merges/3", R"("! qqqq")", "merge 3 names \"qqqq\""},
       {"/model/merges/3", R"("! \"")", "merge 3 names \"!\"\""},
       {"/model/merges/3", R"("a  b")", "not two tokens"},
       {"/model/merges/3", R"("ab")", "not two tokens"},
       {"/model/merges/3", R"(["a", "b", "c"])", "merge 3 is neither"},
       {"/added_tokens/0/id", "5", "which the vocabulary gives it"},
       {"/added_tokens/3", R"({"id": 90000, "content": "<new>"})", "ids have no gaps"},
       {"/added_tokens/1/content", R"("<|endoftext|>")", "stands twice"},
       {"/added_tokens/0/content", R"("")", "is empty"},
       {"/added_tokens/0/lstrip", "1", "neither true nor false"},
       {"/added_tokens", "1", "no list"},
       {"/pre_tokenizer/pretokenizers/0/pattern/Regex", R"("(a")", "broken at byte"}});
  EXPECT_THAT(
      refusal("cl100k.json", [](json& f) { f["model"]["merges"][3] = f["model"]["merges"][7]; })
          .message(),
      HasSubstr("merge 7 repeats merge 3"));
}

TEST(TokenizerFile, TheTemplateHasToFit) {
  const auto at = [](json& f) -> json& { return f["post_processor"]["processors"][1]; };
  EXPECT_THAT(refusal("llama3.json", [&](json& f) { at(f)["special_tokens"].clear(); }).message(),
              HasSubstr("no ids for"));
  EXPECT_THAT(
      refusal("llama3.json",
              [&](json& f) { at(f)["special_tokens"]["<|begin_of_text|>"]["ids"] = {99999}; })
          .message(),
      HasSubstr("is of no token"));
  EXPECT_THAT(refusal("llama3.json", [&](json& f) { at(f)["single"].erase(1); }).message(),
              HasSubstr("no place for the text"));
}

TEST(TokenizerFile, EveryByteNeedsAToken) {
  // Without its merge "!" is only a byte; its id goes to another token.
  const Error error = refusal("gpt2.json", [](json& f) {
    json& vocab = f["model"]["vocab"];
    vocab["!!!!!!"] = vocab["!"];
    vocab.erase("!");
    f["model"]["merges"] = json::array();
  });
  EXPECT_EQ(error.code(), Code::invalid_argument);
  EXPECT_THAT(error.message(), HasSubstr("no token stands for the byte 0x21"));
}

TEST(TokenizerFile, ATokenOutsideTheAlphabetIsRefusedUnlessItIsAdded) {
  const Error error = refusal("gpt2.json", [](json& f) {
    f["model"]["vocab"]["two words"] = f["model"]["vocab"].size();
    f["added_tokens"] = json::array();
  });
  EXPECT_EQ(error.code(), Code::invalid_argument);
  EXPECT_THAT(error.message(), HasSubstr("\"two words\""));
}

TEST(TokenizerFile, BrokenJsonIsRefusedWithItsPlace) {
  const std::string whole = read_golden("gpt2.json");
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, whole.size() / 2}) {
    EXPECT_EQ(refusal_of(whole.substr(0, size)).code(), Code::invalid_argument) << size;
  }
  EXPECT_EQ(refusal_of("[]").code(), Code::invalid_argument);
  EXPECT_THAT(refusal_of(R"({"version":"1.0","version":"1.0"})").message(), HasSubstr("twice"));
}

}  // namespace
}  // namespace repro::train

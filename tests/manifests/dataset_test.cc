#include "manifests/dataset.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "manifests/licence.h"
#include "tests/manifests/flips.h"
#include "tests/manifests/samples.h"

namespace repro::manifests {
namespace {

using testing::HasSubstr;

TEST(DatasetManifest, ParseInvertsEncode) {
  const Dataset dataset = sample_dataset();
  EXPECT_EQ(parse_dataset(encode_dataset(dataset), "dataset"), dataset);
  EXPECT_EQ(dataset.num_tokens(), 5120);
  EXPECT_EQ(dataset.num_documents(), 4);
}

TEST(DatasetManifest, ATokenizerFileIsPartOfTheContent) {
  const Dataset dataset = sample_bpe_dataset();
  EXPECT_EQ(parse_dataset(encode_dataset(dataset), "dataset"), dataset);
  Dataset other = dataset;
  other.tokenizer_file = sample_digest(9);
  EXPECT_NE(dataset_root(other), dataset_root(dataset));
  other = dataset;
  other.end_of_text = std::nullopt;
  EXPECT_NE(dataset_root(other), dataset_root(dataset));
  EXPECT_EQ(parse_dataset(encode_dataset(other), "dataset"), other);
}

TEST(DatasetManifest, ATokenizerFileGoesWithBpeAlone) {
  const auto refused = [](const Dataset& dataset) {
    return failure_of([&] { encode_dataset(dataset); }).message;
  };
  Dataset dataset = sample_bpe_dataset();
  dataset.tokenizer_file = std::nullopt;
  EXPECT_THAT(refused(dataset), HasSubstr("goes with the tokenizer bpe"));
  dataset = sample_bpe_dataset();
  dataset.tokenizer = "byte/1";
  EXPECT_THAT(refused(dataset), HasSubstr("goes with the tokenizer bpe"));
  dataset = sample_dataset();
  dataset.end_of_text = 256;
  EXPECT_THAT(refused(dataset), HasSubstr("no id of its tokenizer"));
  dataset = sample_bpe_dataset();
  dataset.end_of_text = dataset.vocab_size;
  EXPECT_THAT(refused(dataset), HasSubstr("no id of its tokenizer"));
  Json json = Json::parse(encode_dataset(sample_bpe_dataset()));
  json["content"]["tokenizer_file"] = "x";
  EXPECT_EQ(failure_of([&] { parse_dataset(json.dump(), "dataset"); }).code, "corruption");
}

TEST(DatasetManifest, NotesDoNotEnterTheRoot) {
  Dataset dataset = sample_dataset();
  const Digest root = dataset_root(dataset);
  dataset.name = "other";
  dataset.created = "2030-01-01T00:00:00Z";
  dataset.sources.clear();
  dataset.skipped.clear();
  dataset.unigram_entropy = "1";
  EXPECT_EQ(dataset_root(dataset), root);
}

TEST(DatasetManifest, EveryPartOfTheContentEntersTheRoot) {
  const Digest root = dataset_root(sample_dataset());
  void (*const changes[])(Dataset&) = {
      [](Dataset& d) { d.tokenizer = "byte/2"; },
      [](Dataset& d) { d.dtype = "uint32"; },
      [](Dataset& d) { ++d.vocab_size; },
      [](Dataset& d) { std::swap(d.shards[0], d.shards[1]); },
      [](Dataset& d) { d.shards.pop_back(); },
      [](Dataset& d) { ++d.shards[0].num_tokens; },
      [](Dataset& d) { ++d.shards[1].num_documents; },
      [](Dataset& d) { d.shards[1].documents = sample_digest(9); },
      [](Dataset& d) { d.shards[1].tokens = sample_digest(9); },
  };
  for (const auto& change : changes) {
    Dataset dataset = sample_dataset();
    change(dataset);
    EXPECT_NE(dataset_root(dataset), root);
  }
}

TEST(DatasetManifest, AMixtureNotesItsPartsAndLicence) {
  const Dataset mixture = sample_mixture();
  EXPECT_EQ(parse_dataset(encode_dataset(mixture), "dataset"), mixture);
  EXPECT_EQ(dataset_root(mixture), dataset_root(sample_dataset()));
  const std::string plain = encode_dataset(sample_dataset());
  EXPECT_EQ(plain.find("licence\":"), std::string::npos);  // bytes of before there were licences
  EXPECT_EQ(plain.find("parts\":"), std::string::npos);
}

TEST(DatasetManifest, HostileNotesOfMixturesAreRefused) {
  struct Case {
    void (*damage)(Json&);
    const char* message;
  };
  const Case cases[] = {
      {[](Json& notes) { notes["licence"] = ""; }, "licence is empty"},
      {[](Json& notes) { notes["licence"] = "MIT OR GPL-2.0-only"; }, "SPDX identifiers"},
      {[](Json& notes) { notes["licence"] = "MIT AND "; }, "SPDX identifiers"},
      {[](Json& notes) { notes["licence"] = std::string(65, 'a'); }, "SPDX identifiers"},
      {[](Json& notes) { notes["parts"] = Json::array(); }, "is empty"},
      {[](Json& notes) { notes["parts"][0]["tokens"] = 0; }, "out of range"},
      {[](Json& notes) { notes["parts"][0]["source_tokens"] = 1LL << 60; }, "out of range"},
      {[](Json& notes) { notes["parts"][0]["licence"] = "a b"; }, "licence of a part"},
      {[](Json& notes) { notes["parts"][0]["name"] = "\x1b"; }, "control characters"},
      {[](Json& notes) { notes["parts"][0]["root"] = "1"; }, "not a digest"},
      {[](Json& notes) { notes["parts"][0]["more"] = 1; }, "unknown key"},
  };
  for (const Case& each : cases) {
    Json json = Json::parse(encode_dataset(sample_mixture()));
    each.damage(json["notes"]);
    const Failure failure = failure_of([&] { parse_dataset(json.dump(), "dataset 3f"); });
    EXPECT_EQ(failure.code, "corruption") << each.message;
    EXPECT_THAT(failure.message, HasSubstr(each.message));
  }
}

TEST(Licences, OfAWholeAreThoseOfItsParts) {
  EXPECT_EQ(join_licences({"MIT", "CC0-1.0 AND mit", "Apache-2.0"}),
            "Apache-2.0 AND CC0-1.0 AND MIT");
  EXPECT_EQ(join_licences({"MIT", ""}), "");
  EXPECT_EQ(licence_ids("A AND B-1.0"), (std::vector<std::string>{"A", "B-1.0"}));
  EXPECT_TRUE(is_licence("LicenseRef-mine AND GPL-2.0+"));
  for (const char* text : {"", "MIT and X", "MIT  AND X", "AND", " AND ", "caf\xC3\xA9", "a,b"}) {
    EXPECT_EQ(is_licence(text), std::string_view(text) == "AND") << text;
  }
}

TEST(DatasetManifest, FlippedBitsNeverPassAsContent) {
  const std::string sound = encode_dataset(sample_dataset());
  const Digest root = dataset_root(sample_dataset());
  for_each_flip(sound, [&](const std::string& flipped) {
    const Dataset dataset = parse_dataset(flipped, "dataset");
    EXPECT_EQ(encode_dataset(dataset), flipped);
    EXPECT_EQ(dataset_root(dataset), root);  // only notes can differ
  });
}

TEST(DatasetManifest, HostileManifestsAreRefused) {
  struct Case {
    void (*damage)(Json&);
    const char* message;
  };
  const Case cases[] = {
      {[](Json& j) { j["root"] = sample_digest(1).hex(); }, "root is not that of its content"},
      {[](Json& j) { j["content"]["vocab_size"] = 259; }, "root is not that of its content"},
      {[](Json& j) { j["content"]["vocab_size"] = 65537; }, "does not fit its dtype"},
      {[](Json& j) { j["content"]["vocab_size"] = 0; }, "out of range"},
      {[](Json& j) { j["content"]["dtype"] = "float32"; }, "neither uint16 nor uint32"},
      {[](Json& j) { j["content"]["shards"][0]["num_tokens"] = -1; }, "out of range"},
      {[](Json& j) { j["content"]["shards"][0]["num_tokens"] = 1LL << 60; }, "out of range"},
      {[](Json& j) {
         for (auto& shard : j["content"]["shards"]) shard["num_tokens"] = 1LL << 48;
       },
       "too many tokens"},
      {[](Json& j) { j["content"]["shards"][0]["tokens"] = "ABC"; }, "not a digest"},
      {[](Json& j) { j["content"]["shards"][0].erase("tokens"); }, "is missing"},
      {[](Json& j) { j["content"]["more"] = 1; }, "unknown key"},
      {[](Json& j) { j["content"]["tokenizer"] = "../byte"; }, "no NAME/VERSION"},
      {[](Json& j) { j["notes"]["sources"][0]["path"] = "../../etc/passwd"; }, "source path"},
      {[](Json& j) { j["notes"]["sources"][0]["path"] = "/etc/passwd"; }, "source path"},
      {[](Json& j) { j["notes"]["sources"][0]["path"] = "a//b"; }, "source path"},
      {[](Json& j) { j["notes"]["sources"][0]["path"] = ""; }, "source path"},
      {[](Json& j) { j["notes"]["sources"][0]["path"] = std::string(5000, 'a'); }, "too long"},
      {[](Json& j) { j["notes"]["name"] = "\x1b[2J"; }, "control characters"},
      {[](Json& j) { j["notes"]["skipped"] = {1}; }, "list of text"},
      {[](Json& j) { j = Json::array(); }, "JSON object"},
  };
  for (const Case& each : cases) {
    Json json = Json::parse(encode_dataset(sample_dataset()));
    each.damage(json);
    const Failure failure = failure_of([&] { parse_dataset(json.dump(), "dataset 3f"); });
    EXPECT_EQ(failure.code, "corruption") << each.message;
    EXPECT_THAT(failure.message, HasSubstr(each.message));
  }
}

TEST(DatasetManifest, UnreadableManifestIsNeverWritten) {
  Dataset dataset = sample_dataset();
  dataset.sources[0].path = "caf\xE9.txt";  // Latin-1
  EXPECT_EQ(failure_of([&] { encode_dataset(dataset); }).code, "invalid_argument");
}

}  // namespace
}  // namespace repro::manifests

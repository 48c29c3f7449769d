// Mixtures: which shards and documents they have, to the token; what is refused.
#include "cli/mixture.h"

#include <gmock/gmock.h>

#include "artifacts/store/store.h"
#include "manifests/dataset.h"
#include "tests/cli/cli_fixture.h"

namespace repro::cli_test {
namespace {

using manifests::Dataset;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

struct ShardContent {
  std::string ids;                  // one character an id
  std::vector<std::uint64_t> ends;  // of documents
};

class Mixtures : public CliTest {
 protected:
  Mixtures() { must({"init"}); }

  artifacts::Store store() { return artifacts::Store::open(system_file_system(), ".repro"); }

  void put(const std::string& name, const std::vector<ShardContent>& shards,
           const std::string& licence = "", void (*change)(Dataset&) = nullptr) {
    artifacts::Store objects = store();
    Dataset dataset;
    dataset.name = name;
    dataset.vocab_size = 257;
    dataset.licence = licence;
    dataset.sources = {{"a.txt", sha256(name), 7, 0}};
    for (const ShardContent& shard : shards) {
      std::string tokens;
      for (const char c : shard.ids) tokens += std::string{c, '\0'};
      std::string ends;
      for (const std::uint64_t end : shard.ends) {
        for (int k = 0; k < 8; ++k) ends += static_cast<char>(end >> (8 * k) & 0xFF);
      }
      dataset.shards.push_back({objects.put(std::string_view(tokens)).digest,
                                static_cast<std::int64_t>(shard.ids.size()),
                                objects.put(std::string_view(ends)).digest,
                                static_cast<std::int64_t>(shard.ends.size())});
    }
    dataset.sources[0].documents = dataset.num_documents();
    if (change != nullptr) change(dataset);
    const Digest manifest = objects.put(manifests::encode_dataset(dataset)).digest;
    objects.set_ref({"datasets", name, manifest});
  }

  Dataset load(const std::string& name) {
    const artifacts::Store objects = store();
    const auto ref = objects.find_ref("datasets", name);
    EXPECT_TRUE(ref);
    return manifests::parse_dataset(objects.get(ref->target), name);
  }

  // "abc|de.": ids, a dot behind each document's end, a bar behind each shard.
  std::string content(const std::string& name) {
    const artifacts::Store objects = store();
    std::string text;
    for (const manifests::Shard& shard : load(name).shards) {
      const std::string tokens = objects.get(shard.tokens);
      const std::string ends = objects.get(shard.documents);
      EXPECT_EQ(tokens.size(), 2 * static_cast<std::size_t>(shard.num_tokens));
      EXPECT_EQ(ends.size(), 8 * static_cast<std::size_t>(shard.num_documents));
      std::size_t next = 0;
      for (std::size_t i = 0; i <= tokens.size() / 2; ++i) {
        for (; next < ends.size() && static_cast<unsigned char>(ends[next]) == i; next += 8) {
          text += '.';
        }
        if (2 * i < tokens.size()) text += tokens[2 * i];
      }
      text += '|';
    }
    return text;
  }

  // Expects exit code 2 and that the name still means nothing.
  void refuse(std::vector<std::string> words, const std::string& what, int code = 2) {
    words.insert(words.begin(), {"data", "mix", "refused"});
    const Outcome outcome = run(words);
    EXPECT_EQ(outcome.code, code) << outcome.error;
    EXPECT_THAT(outcome.error, HasSubstr(what));
    EXPECT_FALSE(store().find_ref("datasets", "refused"));
  }
};

TEST_F(Mixtures, KeepTheOrderAndRepeatWholeSources) {
  put("one", {{"abcd", {2}}, {"ef", {2}}});  // a document goes from the first shard into the second
  put("two", {{"xyz", {1, 3}}});
  must({"data", "mix", "both", "--source", "two", "--source", "one:x2", "--source", "two:x1"});
  EXPECT_EQ(content("both"), "x.yz.|ab.cd|ef.|ab.cd|ef.|x.yz.|");
  const Dataset mixed = load("both");
  EXPECT_EQ(mixed.num_tokens(), 18);
  EXPECT_EQ(mixed.num_documents(), 8);
  EXPECT_EQ(mixed.shards[1], mixed.shards[3]);  // nothing was copied
  ASSERT_EQ(mixed.parts.size(), 3U);
  EXPECT_EQ(mixed.parts[1],
            (Dataset::Part{"one", manifests::dataset_root(load("one")), 12, 6, ""}));
  std::vector<std::string> sources;
  for (const auto& source : mixed.sources) {
    sources.push_back(source.path + " " + std::to_string(source.documents));
  }
  EXPECT_THAT(sources, ElementsAre("two/a.txt 2", "one/a.txt 2", "one/a.txt 2", "two/a.txt 2"));
  EXPECT_EQ(mixed.unigram_entropy, "");
}

TEST_F(Mixtures, BudgetsAreExactToTheToken) {
  put("one", {{"abcd", {2}}, {"ef", {2}}});
  const char* const wanted[] = {"",          "a.|",        "ab.|",          "ab.c.|",
                                "ab.cd.|",  // the whole shard, but the document has to end
                                "ab.cd|e.|", "ab.cd|ef.|", "ab.cd|ef.|a.|", "ab.cd|ef.|ab.|"};
  for (int tokens = 1; tokens <= 8; ++tokens) {
    must({"data", "mix", "cut", "--source", "one:" + std::to_string(tokens)});
    EXPECT_EQ(content("cut"), wanted[tokens]);
    EXPECT_EQ(load("cut").num_tokens(), tokens);
    EXPECT_EQ(load("cut").parts[0].tokens, tokens);
  }
  // A shard that is taken whole is the source's own object.
  must({"data", "mix", "cut", "--source", "one:4"});
  EXPECT_EQ(load("cut").shards[0].tokens, load("one").shards[0].tokens);
  EXPECT_EQ(must({"fsck"}).code, 0);
  EXPECT_EQ(must({"verify", "cut"}).code, 0);
}

TEST_F(Mixtures, SayWhatIsCopied) {
  put("one", {{"abcd", {4}}});
  EXPECT_THAT(must({"data", "mix", "cut", "--source", "one:7"}).error,
              HasSubstr("one: its last shard is cut after 3 of 4 tokens; a copy of them (6 B)"));
  EXPECT_THAT(must({"data", "mix", "cut", "--source", "one:x2"}).error, Not(HasSubstr("copy")));
}

TEST_F(Mixtures, SourcesThatAreNotHereCanBeMixedWhole) {
  put("one", {{"abcd", {4}}, {"ef", {2}}});
  const std::string object = store().object_path(load("one").shards[0].tokens);
  system_file_system().remove(object);
  must({"data", "mix", "both", "--source", "one:x2"});
  EXPECT_EQ(load("both").num_tokens(), 12);
  refuse({"--source", "one:3"}, "object", 3);
}

TEST_F(Mixtures, OfMixturesAreFlatAndDoTheSameTwice) {
  put("one", {{"ab", {2}}}, "MIT");
  put("two", {{"cd", {2}}}, "CC0-1.0");
  must({"data", "mix", "inner", "--source", "one", "--source", "two"});
  must({"data", "mix", "outer", "--source", "inner:3", "--source", "one"});
  EXPECT_EQ(content("outer"), "ab.|c.|ab.|");
  EXPECT_EQ(load("outer").licence, "CC0-1.0 AND MIT");
  EXPECT_EQ(load("outer").sources[1].path, "inner/two/a.txt");
  const auto before = store().find_ref("datasets", "outer");
  must({"data", "mix", "outer", "--source", "inner:3", "--source", "one"});
  EXPECT_EQ(store().find_ref("datasets", "outer")->target, before->target);
  EXPECT_THAT(must({"data", "mix", "outer", "--source", "one"}).error, HasSubstr("is now"));
  EXPECT_EQ(content("outer"), "ab.|");
}

TEST_F(Mixtures, AmountsAreRead) {
  const auto tokens = [](const char* text) { return cli::parse_mixture_source(text).tokens; };
  EXPECT_EQ(tokens("a:50e9"), 50'000'000'000);
  EXPECT_EQ(tokens("a:50B"), 50'000'000'000);
  EXPECT_EQ(tokens("a:1.5k"), 1500);
  EXPECT_EQ(tokens("a:0.1M"), 100'000);
  EXPECT_EQ(tokens("a:2T"), 2'000'000'000'000);
  EXPECT_EQ(tokens("a"), 0);
  EXPECT_EQ(cli::parse_mixture_source("a:x12").passes, 12);
  EXPECT_EQ(cli::parse_mixture_source("a:x12").dataset, "a");
}

TEST_F(Mixtures, WhatIsNoAmountOrSourceIsRefused) {
  put("one", {{"abcd", {4}}});
  put("none", {});
  refuse({}, "needs sources");
  for (const char* much : {"x0", "x", "x-1", "x1.5", "0", "-3", "1.5", "1.0005k", "", "k", "nan",
                           "inf", "1e99", "3G", "x1000001"}) {
    refuse({"--source", std::string("one:") + much}, "neither how often nor how much");
  }
  refuse({"--source", "one:281474976710656", "--source", "one"}, "tokens");
  refuse({"--source", "one:x1000000"}, "shards and sources");
  refuse({"--source", "none"}, "no tokens");
  refuse({"--source", "absent"}, "nothing is called 'absent'", 3);
  refuse({"--source", "builtin:prose"}, "neither how often");
  EXPECT_EQ(run({"data", "mix", "../x", "--source", "one"}).code, 2);
}

TEST_F(Mixtures, SourcesMustBeTokenisedAlike) {
  put("one", {{"ab", {2}}});
  put("wide", {{"ab", {1}}}, "", [](Dataset& d) { d.dtype = "uint32"; });
  put("more", {{"ab", {2}}}, "", [](Dataset& d) { d.vocab_size = 300; });
  put("ids", {{"ab", {2}}}, "", [](Dataset& d) { d.tokenizer = "ids/1"; });
  const auto bpe = [](Dataset& d) {
    d.tokenizer = "bpe/1";
    d.tokenizer_file = sha256("a");
    d.end_of_text = 256;
  };
  put("bpe", {{"ab", {2}}}, "", bpe);
  put("other", {{"ab", {2}}}, "", [](Dataset& d) {
    d.tokenizer = "bpe/1";
    d.tokenizer_file = sha256("b");
    d.end_of_text = 256;
  });
  put("endless", {{"ab", {2}}}, "", [](Dataset& d) {
    d.tokenizer = "bpe/1";
    d.tokenizer_file = sha256("a");
  });
  const auto clash = [&](const char* a, const char* b, const char* what) {
    refuse({"--source", a, "--source", b},
           std::string("datasets ") + a + " and " + b + " cannot be mixed: their " + what);
  };
  clash("one", "wide", "type of ids is uint16 and uint32");
  clash("one", "more", "vocabulary's size is 257 and 300");
  clash("one", "bpe", "tokenizer is byte/1 and bpe/1");
  clash("bpe", "other", "tokenizer file is");
  clash("bpe", "endless", "end of text is 256 and none");
  // Of bare ids the vocabulary is only the greatest id.
  put("ids2", {{"ab", {2}}}, "", [](Dataset& d) {
    d.tokenizer = "ids/1";
    d.vocab_size = 300;
  });
  must({"data", "mix", "all", "--source", "ids2", "--source", "ids"});
  EXPECT_EQ(load("all").vocab_size, 300);
}

TEST_F(Mixtures, OnlyPermittedLicencesAreTaken) {
  put("free", {{"ab", {2}}}, "CC0-1.0");
  put("both", {{"cd", {2}}}, "Apache-2.0 AND GPL-3.0-only");
  put("unknown", {{"ef", {2}}});
  refuse({"--source", "free", "--source", "both", "--source", "unknown", "--licences",
          "cc0-1.0,Apache-2.0"},
         "does not permit both (GPL-3.0-only), unknown (no licence recorded)");
  refuse({"--source", "free", "--licences", ""}, "does not permit free");
  refuse({"--source", "free", "--licences", "MIT OR CC0-1.0"}, "is no SPDX identifier and no file");
  folder_.write("permitted.txt", "# ours\ncc0-1.0\n  Apache-2.0\t# with notice\nGPL-3.0-only\n\n");
  must(
      {"data", "mix", "ok", "--source", "free", "--source", "both", "--licences", "permitted.txt"});
  EXPECT_EQ(load("ok").licence, "Apache-2.0 AND CC0-1.0 AND GPL-3.0-only");
  must({"data", "mix", "any", "--source", "unknown", "--source", "free"});
  EXPECT_EQ(load("any").licence, "");
}

TEST_F(Mixtures, DataAddRecordsALicence) {
  folder_.write("a.txt", "hello");
  must({"data", "add", "words", "a.txt"});
  EXPECT_EQ(load("words").licence, "");
  const Digest root = manifests::dataset_root(load("words"));
  const Json added =
      must({"data", "add", "words", "a.txt", "--licence", "MIT", "--json"}).json_of("dataset");
  EXPECT_EQ(load("words").licence, "MIT");
  EXPECT_EQ(manifests::dataset_root(load("words")), root);
  EXPECT_EQ(added.at("licence"), "MIT");
  EXPECT_EQ(added.at("manifest"), store().find_ref("datasets", "words")->target.hex());
  const Outcome bad = run({"data", "add", "more", "a.txt", "--licence", "my own"});
  EXPECT_EQ(bad.code, 2);
  EXPECT_THAT(bad.error, HasSubstr("SPDX"));
  EXPECT_FALSE(store().find_ref("datasets", "more"));
}

TEST_F(Mixtures, AreShownPlannedAndCompared) {
  put("one", {{"abcd", {4}}}, "MIT");
  put("two", {{"xy", {2}}});
  must({"data", "mix", "both", "--source", "one:6", "--source", "two"});
  const std::string shown = must({"show", "both"}).out;
  EXPECT_THAT(shown, HasSubstr("licence    none recorded"));
  EXPECT_THAT(shown, HasSubstr("one   6       75.00%  1.5     MIT"));
  EXPECT_THAT(shown, Not(HasSubstr("entropy")));
  EXPECT_THAT(must({"plan", "olmo2-tiny", "--smoke", "--data", "both"}).out, HasSubstr("75.00%"));
  must({"data", "mix", "less", "--source", "one:5", "--source", "two"});
  const Outcome diff = run({"diff", "both", "less"});
  EXPECT_EQ(diff.code, 1);
  EXPECT_THAT(diff.out, HasSubstr("one: 5 tokens of"));
}

}  // namespace
}  // namespace repro::cli_test

#include "train/data/ingest.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdint>
#include <string>
#include <vector>

#include "tests/support/faulty_file_system.h"
#include "tests/train/data/fixture.h"
#include "train/data/reader.h"

namespace repro::train {
namespace {

using artifacts::Intake;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class Ingest : public testing::Test, protected DataFixture {
 protected:
  std::vector<std::uint32_t> tokens_of(const manifests::Dataset& dataset) {
    TokenStream stream(store(), dataset);
    std::vector<std::uint32_t> tokens(static_cast<std::size_t>(stream.num_tokens()));
    stream.read(0, tokens);
    return tokens;
  }

  IngestSpec spec_of(const std::string& path, Intake intake, const std::string& tokenizer = "") {
    IngestSpec spec;
    spec.name = "d";
    spec.paths = {path};
    spec.intake = intake;
    spec.tokenizer = tokenizer;
    return spec;
  }

  Error add_error(const IngestSpec& spec) {
    return catch_error([&] { add(spec); });
  }
};

TEST_F(Ingest, DocumentsFollowEachOtherEndedByTheEndOfTextId) {
  scratch().write("d/a", "hi");
  scratch().write("d/b.jsonl", "{\"text\":\"x\"}\n{\"text\":\"y\"}\n");
  const Ingested result = add("d", {scratch() / "d"});
  EXPECT_THAT(tokens_of(result.dataset), ElementsAre('h', 'i', 256, 'x', 256, 'y', 256));
  EXPECT_EQ(result.dataset.tokenizer, "byte/1");
  EXPECT_EQ(result.dataset.dtype, "uint16");
  EXPECT_EQ(result.dataset.vocab_size, 257);
  EXPECT_EQ(result.dataset.num_documents(), 3);
  ASSERT_EQ(result.dataset.sources.size(), 2U);
  EXPECT_EQ(result.dataset.sources[1].path, "b.jsonl");
  EXPECT_EQ(result.dataset.sources[1].documents, 2);
  EXPECT_EQ(result.bytes, 28);
}

TEST_F(Ingest, ManifestIsPublishedUnderItsName) {
  const Ingested result = add("mine", {scratch().write("a", "hello")});
  const auto ref = store().find_ref("datasets", "mine");
  ASSERT_TRUE(ref);
  EXPECT_EQ(ref->target, result.manifest);
  const auto stored = manifests::parse_dataset(store().get(result.manifest), "test");
  EXPECT_EQ(manifests::dataset_root(stored), result.root);
  EXPECT_EQ(stored.name, "mine");
}

TEST_F(Ingest, RootDependsOnContentAloneNotOnNames) {
  const Ingested one = add("one", {scratch().write("x/a", "hello")});
  const Ingested two = add("two", {scratch().write("y/b", "hello")});
  const Ingested other = add("three", {scratch().write("y/c", "hellp")});
  EXPECT_EQ(one.root, two.root);
  EXPECT_NE(one.root, other.root);
}

TEST_F(Ingest, TwoDocumentsAreNotOneOfTheSameText) {
  const Ingested one = add("one", {scratch().write("x/a", "ab")});
  scratch().write("y/a", "a");
  scratch().write("y/b", "b");
  EXPECT_NE(one.root, add("two", {scratch() / "y"}).root);
}

TEST_F(Ingest, SameContentKeepsTheOldManifest) {
  const Ingested first = add("d", {scratch().write("a", "hello")});
  const Ingested again = add("d", {scratch().write("b", "hello")});
  EXPECT_EQ(again.manifest, first.manifest);
  EXPECT_THAT(again.notes, ElementsAre("dataset d is unchanged"));
}

TEST_F(Ingest, OtherContentReplacesTheRefAndSaysSo) {
  const Ingested first = add("d", {scratch().write("a", "hello")});
  const Ingested second = add("d", {scratch().write("b", "world")});
  EXPECT_EQ(store().find_ref("datasets", "d")->target, second.manifest);
  EXPECT_TRUE(store().contains(first.manifest));
  ASSERT_EQ(second.notes.size(), 1U);
  EXPECT_THAT(second.notes[0], HasSubstr(first.root.short_hex()));
  EXPECT_THAT(second.notes[0], HasSubstr(second.root.short_hex()));
}

TEST_F(Ingest, WithoutANameTheRootNamesIt) {
  const Ingested result = add("", {scratch().write("a", "hello")});
  EXPECT_EQ(result.dataset.name, "data-" + result.root.short_hex());
}

TEST_F(Ingest, UnigramEntropyIsInNatsAToken) {
  const Ingested result = add("d", {scratch().write("a", "abc")});  // four ids, each once
  EXPECT_EQ(result.dataset.unigram_entropy, "1.386294");
}

TEST_F(Ingest, WhatIsPassedOverIsListed) {
  scratch().write("d/a", "text");
  scratch().write("d/empty", "");
  scratch().write("d/l.jsonl", "{\"text\":\"\"}\n{\"text\":\"\"}\n");
  scratch().write("d/.hidden", "x");
  const Ingested result = add("d", {scratch() / "d"});
  EXPECT_THAT(result.dataset.skipped, ElementsAre(".hidden: hidden", "empty: empty",
                                                  "l.jsonl: 2 lines with an empty text"));
  EXPECT_EQ(result.dataset.sources.size(), 1U);
}

TEST_F(Ingest, NothingButEmptyFilesIsRefused) {
  const Error error = add_error(spec_of(scratch().write("a", ""), Intake::copy));
  EXPECT_EQ(error.code(), Code::invalid_argument);
  EXPECT_THAT(error.message(), HasSubstr("every file is empty"));
  EXPECT_FALSE(store().find_ref("datasets", "d"));
}

TEST_F(Ingest, NamesThatAManifestCannotHoldAreSpeltOut) {
  scratch().write("d/a\xFF\n\x7F b", "text");
  scratch().write("d/\xC2\x85", "text");
  const Ingested result = add("d", {scratch() / "d"});
  EXPECT_EQ(result.dataset.sources.at(0).path, "a\\xff\\x0a\\x7f b");
}

TEST_F(Ingest, FailingOrDyingAtAnyCallLeavesNoWrongRef) {
  const std::string path = scratch().write("new", "new text");
  const Digest before = add("d", {scratch().write("old", "old text")}).manifest;
  const auto target = [&] { return store().find_ref("datasets", "d")->target; };
  support::FaultyFileSystem files(system_file_system());
  artifacts::Store faulty = artifacts::Store::open(files, store().folder());
  artifacts::Catalogue catalogue = artifacts::Catalogue::open(scratch() / "other.sqlite");
  const IngestSpec spec = spec_of(path, Intake::copy);
  for (std::uint64_t n = 1;; ++n) {
    ASSERT_LT(n, 1000U);
    files.stop_at(n);
    try {
      ingest(faulty, catalogue, system_clock(), spec);
      break;
    } catch (const support::CrashSimulated&) {
    }
    files.heal();
    files.drop_unsynced();
    const Digest now = target();
    if (now != before) manifests::parse_dataset(store().get(now), "test");
    if (now != before) store().set_ref({"datasets", "d", before});
  }
  EXPECT_NE(target(), before);
}

TEST_F(Ingest, BadDataPublishesNoRef) {
  scratch().write("d/a", "text");
  scratch().write("d/b.jsonl", "{\n");
  EXPECT_THAT(add_error(spec_of(scratch() / "d", Intake::copy)).what(), HasSubstr("b.jsonl:1"));
  EXPECT_FALSE(store().find_ref("datasets", "d"));
}

TEST_F(Ingest, UnchangedSourcesGiveTheSameDatasetThroughTheCache) {
  const std::string path = scratch().write("a", "hello");
  const timespec times[2] = {{1'000'000'000, 0}, {1'000'000'000, 0}};
  ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
  const Ingested first = add("one", {path});
  const Ingested again = add("two", {path});
  EXPECT_EQ(first.root, again.root);
  EXPECT_EQ(again.dataset.name, "two");
  scratch().write("a", "changed");
  EXPECT_NE(add("three", {path}).root, first.root);
}

TEST_F(Ingest, NumpyIdsAreTakenAsTheyAre) {
  const std::vector<std::uint32_t> ids = {5, 0, 900, 3};
  const std::string payload = encode_ids(ids, 2);
  const Ingested result =
      add("d", {scratch().write("a.npy", encode_numpy("<u2", "(4,)", payload))});
  EXPECT_EQ(tokens_of(result.dataset), ids);
  EXPECT_EQ(result.dataset.tokenizer, "ids/1");
  EXPECT_EQ(result.dataset.vocab_size, 901);
  EXPECT_EQ(result.dataset.shards.at(0).tokens, sha256(payload));
  EXPECT_EQ(result.dataset.num_documents(), 1);
}

TEST_F(Ingest, EachTokenFileIsAShardOfItsOwn) {
  const std::vector<std::uint32_t> ids = {70'000, 2, 1};
  scratch().write("d/a.u32", encode_ids(ids, 4));
  scratch().write("d/b.npy", encode_ids(ids, 4));
  const Ingested result = add("d", {scratch() / "d"});
  EXPECT_EQ(result.dataset.dtype, "uint32");
  ASSERT_EQ(result.dataset.shards.size(), 2U);
  EXPECT_EQ(result.dataset.shards[0].tokens, result.dataset.shards[1].tokens);
  EXPECT_THAT(tokens_of(result.dataset), ElementsAre(70'000, 2, 1, 70'000, 2, 1));
}

TEST_F(Ingest, InPlaceNeitherCopiesNorChangesTheRoot) {
  const std::vector<std::uint32_t> ids = {1, 2, 3};
  const std::string path = scratch().write("a.u16", encode_ids(ids, 2));
  const Ingested linked = add(spec_of(path, Intake::in_place));
  EXPECT_EQ(tokens_of(linked.dataset), ids);
  DataFixture other;
  EXPECT_EQ(other.add("d", {path}).root, linked.root);
  scratch().write("a.u16", encode_ids(std::vector<std::uint32_t>{1, 2, 4}, 2));
  EXPECT_EQ(catch_error([&] { tokens_of(linked.dataset); }).code(), Code::corruption);
}

TEST_F(Ingest, OnlyBareTokenFilesGoInPlace) {
  const std::vector<std::string> paths = {
      scratch().write("a.txt", "text"), scratch().write("a.npy", encode_numpy("<u2", "(1,)", "ab")),
      "builtin:ids:8:8"};
  for (const std::string& path : paths) {
    for (const Intake intake : {Intake::in_place, Intake::reflink}) {
      const Error error = add_error(spec_of(path, intake));
      EXPECT_EQ(error.code(), Code::invalid_argument) << path;
      EXPECT_THAT(error.message(), HasSubstr("cannot be taken in place")) << path;
    }
  }
}

TEST_F(Ingest, IdsOfOneDatasetHaveOneWidth) {
  scratch().write("d/a.u16", "ab");
  scratch().write("d/b.u32", "abcd");
  EXPECT_THAT(add_error(spec_of(scratch() / "d", Intake::copy)).message(), HasSubstr("b.u32 of 4"));
}

TEST_F(Ingest, IdsBeyondAnyVocabularyAreRefused) {
  const Error error =
      add_error(spec_of(scratch().write("a.npy", "\xFF\xFF\xFF\xFF"), Intake::copy));
  EXPECT_EQ(error.code(), Code::invalid_argument);
  EXPECT_THAT(error.message(), HasSubstr("4294967295"));
}

TEST_F(Ingest, TextAndTokenFilesDoNotMix) {
  scratch().write("d/a.u16", "ab");
  scratch().write("d/b.txt", "text");
  EXPECT_THAT(add_error(spec_of(scratch() / "d", Intake::copy)).message(),
              HasSubstr("one or the other"));
}

TEST_F(Ingest, TokenizerMustFitTheSources) {
  EXPECT_THAT(add_error(spec_of(scratch().write("a.txt", "t"), Intake::copy, "ids")).message(),
              HasSubstr("a.txt is text"));
  EXPECT_THAT(add_error(spec_of(scratch().write("a.u16", "ab"), Intake::copy, "byte")).message(),
              HasSubstr("a.u16 holds token ids already"));
  EXPECT_EQ(add_error(spec_of(scratch() / "a.txt", Intake::copy, "bpe")).code(),
            Code::invalid_argument);
}

TEST_F(Ingest, BadNamesAreRefusedBeforeAnythingIsRead) {
  for (const char* name : {"../x", "a/b", ".x", "-x", "a b"}) {
    EXPECT_EQ(catch_error([&] { add(name, {"/no/such"}); }).code(), Code::invalid_argument) << name;
  }
}

TEST_F(Ingest, BuiltinSourcesHaveGoldenRoots) {
  const Ingested prose = add("prose", {"builtin:prose"});
  EXPECT_EQ(prose.root.hex(), "d194193651b1c3e5cdf703b0892446c56de87c41a393e66f6fb9446735120d02");
  const Ingested ids = add("ids", {"builtin:ids:1280:65536"});
  EXPECT_EQ(ids.root.hex(), "e49211ab3d351ccf56dd5d7ffdbb320613735312b95ff05e238758e11c5635ec");
  EXPECT_EQ(ids.dataset.vocab_size, 1280);
  EXPECT_THAT(ids.notes, IsEmpty());
}

TEST(ParseIntake, KnowsThreeWords) {
  EXPECT_EQ(parse_intake(""), Intake::copy);
  EXPECT_EQ(parse_intake("copy"), Intake::copy);
  EXPECT_EQ(parse_intake("reflink"), Intake::reflink);
  EXPECT_EQ(parse_intake("in_place"), Intake::in_place);
  EXPECT_EQ(catch_error([] { parse_intake("in-place"); }).code(), Code::invalid_argument);
}

}  // namespace
}  // namespace repro::train

#include "verify/fsck.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "artifacts/base/json.h"
#include "tests/support/corrupt.h"
#include "tests/support/temporary_folder.h"
#include "tests/verify/store_builder.h"

namespace repro::verify_test {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::Field;
using ::testing::HasSubstr;
using verify::Finding;
using verify::Severity;

class Fsck : public ::testing::Test {
 protected:
  Fsck() : builder_(folder_ / "store"), built_(builder_.add_run({})) {}

  artifacts::Store& store() { return builder_.store(); }
  std::vector<Finding> check() { return verify::check_store(store()).findings; }
  std::string object_path(const Digest& digest) { return store().object_path(digest); }
  manifests::State last_state() {
    return manifests::parse_state(store().get(built_.run.states.back().manifest), "state");
  }
  std::string in_store(const std::string& name) { return store().folder() + "/" + name; }

  // Publishes a manifest made from the run by `change`, as somebody would who edits it with care.
  template <class Change>
  void forge(const Change& change) {
    Json json = parse_json(store().get(built_.manifest), "run");
    change(json);
    const auto manifest = store().put(std::string_view(encode_json(json)));
    store().set_ref({"runs", built_.run.id, manifest.digest});
  }

  support::TemporaryFolder folder_;
  StoreBuilder builder_;
  BuiltRun built_;
};

testing::Matcher<Finding> finding(Severity severity, const std::string& path,
                                  const std::string& message) {
  return AllOf(Field(&Finding::severity, severity), Field(&Finding::path, HasSubstr(path)),
               Field(&Finding::message, HasSubstr(message)));
}

TEST_F(Fsck, AKeptOrderIsAnObjectLikeOthersAndMayBeGone) {
  const Digest order = store().put(std::string(1000, 'o')).digest;
  store().set_ref({"orders", "seed-1.count-250.chunk-1", order});
  EXPECT_TRUE(check().empty());
  support::flip_bit(object_path(order), 40);
  EXPECT_THAT(check(), Contains(Field(&Finding::severity, Severity::corruption)));
  fs::remove(object_path(order));
  EXPECT_TRUE(check().empty());
}

TEST_F(Fsck, OfASoundStoreFindsNothingAndCounts) {
  std::uint64_t last_done = 0;
  std::uint64_t last_total = 1;
  const auto report = verify::check_store(store(), [&](std::uint64_t done, std::uint64_t total) {
    last_done = done;
    last_total = total;
  });
  EXPECT_TRUE(report.findings.empty()) << report.findings.front().message;
  EXPECT_EQ(report.num_objects, store().list_objects().size());
  EXPECT_EQ(report.num_refs, 2U);
  EXPECT_EQ(report.num_runs, 1U);
  EXPECT_EQ(last_done, last_total);
  EXPECT_EQ(last_total, report.object_bytes);
}

TEST_F(Fsck, NamesAMissingTensorAndWhatRefersToIt) {
  const auto tensor = last_state().tensors.front();
  fs::remove(object_path(tensor.digest));
  const auto findings = check();
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_THAT(findings,
              Contains(finding(Severity::corruption, object_path(tensor.digest), "missing")));
  EXPECT_THAT(findings.front().referrers,
              Contains(AllOf(HasSubstr(tensor.name), HasSubstr("step 6"),
                             HasSubstr(built_.run.id.substr(0, 12)))));
  EXPECT_EQ(verify::exit_status(findings), 4);
}

TEST_F(Fsck, NamesATruncatedObjectAtEveryLength) {
  const std::string path = object_path(built_.run.states.front().manifest);
  const std::string whole = support::read_text(path);
  for (std::uint64_t size = 0; size < whole.size(); size += 37) {
    support::truncate_file(path, size);
    EXPECT_THAT(check(), Contains(finding(Severity::corruption, path, ""))) << size;
    support::truncate_file(path, 0);
    support::append_to_file(path, whole);
  }
  EXPECT_TRUE(check().empty());
}

TEST_F(Fsck, FindsTwoSwappedObjects) {
  const auto tensors = last_state().tensors;
  const std::string a = object_path(tensors[0].digest);
  const std::string b = object_path(tensors[1].digest);
  fs::rename(a, a + "x");
  fs::rename(b, a);
  fs::rename(a + "x", b);
  const auto findings = check();
  EXPECT_THAT(findings, Contains(finding(Severity::corruption, a, "")));
  EXPECT_THAT(findings, Contains(finding(Severity::corruption, b, "")));
}

TEST_F(Fsck, ReportsForeignFilesByTheirPlace) {
  folder_.write("store/objects/ab/notes.txt", "x");
  folder_.write("store/objects/README", "x");
  folder_.write("store/surprise", "x");
  folder_.write("store/runs/" + built_.run.id + "/core", "x");
  folder_.write("store/tmp/partial", "x");
  folder_.write("store/refs/runs/x.tmp-12-0", "x");
  const auto findings = check();
  EXPECT_THAT(findings, Contains(finding(Severity::corruption, "objects/ab/notes.txt", "belong")));
  EXPECT_THAT(findings, Contains(finding(Severity::corruption, "objects/README", "belong")));
  EXPECT_THAT(findings, Contains(finding(Severity::warning, "store/surprise", "belong")));
  EXPECT_THAT(findings, Contains(finding(Severity::warning, "/core", "belong")));
  EXPECT_THAT(findings, Contains(finding(Severity::note, "tmp/partial", "unpublished")));
  EXPECT_THAT(findings, Contains(finding(Severity::note, "x.tmp-12-0", "killed")));
}

TEST_F(Fsck, FindsARefThatPointsToAnotherKind) {
  store().set_ref({"datasets", "wrong", built_.manifest});
  EXPECT_THAT(check(), Contains(finding(Severity::corruption, "refs/datasets/wrong",
                                        "no repro.dataset/1 manifest")));
}

TEST_F(Fsck, FindsARefToNothing) {
  store().set_ref({"tags", "gone", sha256("never stored")});
  const auto findings = check();
  EXPECT_THAT(findings, Contains(finding(Severity::corruption, "objects", "missing")));
  EXPECT_THAT(findings.front().referrers, Contains(HasSubstr("tags/gone")));
}

TEST_F(Fsck, FindsARunUnderAnotherName) {
  store().set_ref({"runs", std::string(64, 'a'), built_.manifest});
  EXPECT_THAT(check(),
              Contains(finding(Severity::corruption, "refs/runs/aaaa", "points to the manifest")));
}

TEST_F(Fsck, FindsAnEditedRefAndAnEditedManifest) {
  const std::string ref = in_store("refs/datasets/corpus");
  support::append_to_file(ref, " ");
  EXPECT_THAT(check(), Contains(finding(Severity::corruption, ref, "")));
  support::truncate_file(ref, support::read_text(ref).size() - 1);
  const std::string manifest = object_path(built_.manifest);
  support::append_to_file(manifest, "\n");
  const auto findings = check();
  EXPECT_THAT(findings, Contains(finding(Severity::corruption, manifest, "")));
  EXPECT_THAT(findings.front().referrers, Contains(HasSubstr("ref runs/")));
}

TEST_F(Fsck, FindsAForgedHeadOfTheLog) {
  forge([](Json& json) { json["log"]["head"] = std::string(64, '0'); });
  EXPECT_THAT(check(),
              Contains(finding(Severity::corruption, "objects", "does not end in the head")));
}

TEST_F(Fsck, FindsAForgedRootOfAState) {
  forge([](Json& json) { json["states"][0]["state_root"] = std::string(64, '1'); });
  const auto findings = check();
  EXPECT_THAT(findings, Contains(finding(Severity::mismatch, "objects", "roots")));
  EXPECT_EQ(verify::exit_status(findings), 1);
}

TEST_F(Fsck, FindsALogWithADroppedPiece) {
  forge([](Json& json) {
    const auto lines = json["log"]["pieces"][0]["lines"].get<std::int64_t>();
    json["log"]["lines"] = json["log"]["lines"].get<std::int64_t>() - lines;
    json["log"]["pieces"].erase(0);
  });
  EXPECT_THAT(check(), Contains(finding(Severity::corruption, "objects", "chain")));
}

TEST_F(Fsck, FindsAManifestThatBreaksItsSchema) {
  forge([](Json& json) { json["status"] = "excellent"; });
  EXPECT_THAT(check(), Contains(finding(Severity::corruption, "objects", "status")));
}

TEST_F(Fsck, FindsADamagedFormatFileAfterOpening) {
  support::flip_bit(in_store("format"), 40);
  EXPECT_THAT(check(), Contains(finding(Severity::corruption, "format", "")));
}

TEST_F(Fsck, IgnoresTheCatalogue) {
  folder_.write("store/index/catalogue.sqlite", "this is no database");
  EXPECT_TRUE(check().empty());
  fs::remove_all(in_store("index"));
  EXPECT_TRUE(check().empty());
}

TEST_F(Fsck, NotesARunThatWasNeverPublished) {
  const std::string id(64, 'b');
  folder_.write("store/runs/" + id + "/log-tail.jsonl", "");
  const auto findings = check();
  EXPECT_THAT(findings, Each(finding(Severity::note, id, "never published")));
  EXPECT_EQ(verify::exit_status(findings), 0);
}

}  // namespace
}  // namespace repro::verify_test

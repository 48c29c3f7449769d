#include "manifests/run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "manifests/config_keys.h"
#include "tests/manifests/flips.h"
#include "tests/manifests/samples.h"

namespace repro::manifests {
namespace {

using testing::HasSubstr;

TEST(RunManifest, ParseInvertsEncode) {
  manifests::Run run = sample_run();
  EXPECT_EQ(parse_run(encode_run(run), "run"), run);
  // As published first: nothing stored, nothing logged.
  run.segments.pop_back();
  run.states.clear();
  run.log = {};
  run.telemetry = {};
  run.code = {};
  run.step = 0;
  run.status = RunStatus::running;
  EXPECT_EQ(parse_run(encode_run(run), "run"), run);
}

// Small, since every bit is flipped: one segment, two deciding keys.
manifests::Run small_run() {
  manifests::Run run = sample_run();
  run.segments.pop_back();
  Segment& segment = run.segments[0];
  segment.content.deciding = {{"profile", "exact"}, {"train", {{"seed", 7}}}};
  segment.derivation = derivation_digest(segment.content);
  run.id = make_run_id(segment.derivation, run.nonce);
  run.log.pieces.pop_back();
  run.log.lines = 22;
  return run;
}

TEST(RunManifest, FlippedBitsNeverChangeADerivationOrTheId) {
  const manifests::Run sound = small_run();
  for_each_flip(encode_run(sound), [&](const std::string& flipped) {
    const manifests::Run run = parse_run(flipped, "run");
    EXPECT_EQ(encode_run(run), flipped);
    EXPECT_EQ(run.id, sound.id);
    EXPECT_EQ(run.segments[0].content, sound.segments[0].content);
  });
}

TEST(RunManifest, HostileManifestsAreRefused) {
  struct Case {
    void (*damage)(Json&);
    const char* message;
  };
  const Case cases[] = {
      {[](Json& j) { j["id"] = sample_digest(1).hex(); }, "id is not that of"},
      {[](Json& j) { j["nonce"] = "00"; }, "id is not that of"},
      {[](Json& j) { j["nonce"] = "xyz"; }, "nonce is not hexadecimal"},
      {[](Json& j) { j["nonce"] = ""; }, "nonce is not hexadecimal"},
      {[](Json& j) { j["segments"] = Json::array(); }, "no segment"},
      {[](Json& j) { std::swap(j["segments"][0], j["segments"][1]); }, "order of their steps"},
      {[](Json& j) { j["segments"][1] = j["segments"][0]; }, "order of their steps"},
      {[](Json& j) { j["segments"][1]["first_step"] = 21; }, "not that of its derivation"},
      {[](Json& j) { j["segments"][1]["content"]["first_step"] = 21; },
       "not that of its derivation"},
      {[](Json& j) { j["segments"][1]["derivation"] = sample_digest(1).hex(); },
       "not the digest of its content"},
      {[](Json& j) { j["segments"][1]["content"]["deciding"]["train"]["seed"] = 8; },
       "not the digest of its content"},
      {[](Json& j) { j["segments"][1]["content"]["deciding"] = 1; }, "not an object"},
      {[](Json& j) { j["segments"][1]["content"]["initial"] = "INIT"; }, "initial state"},
      {[](Json& j) { j["segments"][1]["content"]["operators"]["exact"] = 1; }, "not a string"},
      {[](Json& j) { j["segments"][1]["parent_state"] = "00"; }, "not a digest"},
      {[](Json& j) { j["segments"][1]["reason"] = "\x1b]0;x"; }, "reason"},
      {[](Json& j) { j["step"] = 10; }, "begins after its newest state"},
      {[](Json& j) { j["step"] = 41; }, "not that of its newest state"},
      {[](Json& j) { j["step"] = -1; }, "out of range"},
      {[](Json& j) { j["until"] = 1LL << 60; }, "out of range"},
      {[](Json& j) { std::swap(j["states"][0], j["states"][1]); }, "order of their steps"},
      {[](Json& j) { j["states"][0]["step"] = 40; }, "order of their steps"},
      {[](Json& j) { j["states"] = Json::array(); }, "not that of its newest state"},
      {[](Json& j) { j["states"][0]["manifest"] = "zz"; }, "not a digest"},
      {[](Json& j) { j["status"] = "done"; }, "status is unknown"},
      {[](Json& j) { j["log"]["lines"] = 44; }, "lines are not those of the pieces"},
      {[](Json& j) { j["log"]["head"] = ""; }, "not a chain value"},
      {[](Json& j) { j["log"]["pieces"][0]["size"] = 0; }, "out of range"},
      {[](Json& j) { j["name"] = "a\nb"; }, "not printable"},
      {[](Json& j) { j["code"]["submodules"][0]["path"] = "../x"; }, "submodule"},
      {[](Json& j) { j["code"]["recipe_diff"] = "abc"; }, "not a digest"},
      {[](Json& j) { j["code"].erase("build_id"); }, "is missing"},
      {[](Json& j) { j["more"] = 1; }, "unknown key"},
      {[](Json& j) { j["schema"] = "repro.state/1"; }, "its schema is not repro.run/1"},
  };
  for (const Case& each : cases) {
    Json json = Json::parse(encode_run(sample_run()));
    each.damage(json);
    const Failure failure = failure_of([&] { parse_run(json.dump(), "run 3f"); });
    EXPECT_EQ(failure.code, "corruption") << each.message;
    EXPECT_THAT(failure.message, HasSubstr(each.message));
  }
}

TEST(RunManifest, NonCanonicalBytesAreCorruption) {
  const std::string sound = encode_run(sample_run());
  for (const std::string& text : {sound + "\n", " " + sound, sound.substr(0, sound.size() - 1),
                                  Json::parse(sound).dump(2), std::string()}) {
    EXPECT_EQ(failure_of([&] { parse_run(text, "run"); }).code, "corruption");
  }
}

TEST(RunManifest, InconsistentRunIsNeverWritten) {
  manifests::Run run = sample_run();
  run.step = 41;
  const Failure failure = failure_of([&] { encode_run(run); });
  EXPECT_EQ(failure.code, "invalid_argument");
  EXPECT_THAT(failure.message, HasSubstr("cannot write: run manifest"));
}

TEST(RunManifest, SegmentOfAStep) {
  const manifests::Run run = sample_run();
  EXPECT_EQ(&segment_of(run, 1), &run.segments[0]);
  EXPECT_EQ(&segment_of(run, 20), &run.segments[0]);
  EXPECT_EQ(&segment_of(run, 21), &run.segments[1]);
  EXPECT_EQ(&segment_of(run, 999), &run.segments[1]);
  EXPECT_EQ(failure_of([&] { segment_of(run, 0); }).code, "not_found");
}

TEST(RunManifest, NearestStateAtOrBeforeAStep) {
  const manifests::Run run = sample_run();
  EXPECT_EQ(nearest_state(run, 19), nullptr);
  EXPECT_EQ(nearest_state(run, 20), &run.states[0]);
  EXPECT_EQ(nearest_state(run, 39), &run.states[0]);
  EXPECT_EQ(nearest_state(run, 100), &run.states[1]);
}

TEST(RunManifest, IdDependsOnDerivationAndNonce) {
  const Digest derivation = sample_digest(1);
  EXPECT_NE(make_run_id(derivation, "00"), make_run_id(derivation, "01"));
  EXPECT_NE(make_run_id(derivation, "00"), make_run_id(sample_digest(2), "00"));
}

TEST(Derivation, EveryPartDecides) {
  const Derivation sound = sample_run().segments[0].content;
  const Digest digest = derivation_digest(sound);
  void (*const changes[])(Derivation&) = {
      [](Derivation& d) { d.deciding["train"]["seed"] = 8; },
      [](Derivation& d) { d.dataset_root = sample_digest(1); },
      [](Derivation& d) { d.initial = sample_digest(1).hex(); },
      [](Derivation& d) { d.first_step = 1; },
      [](Derivation& d) { d.operators["exact"] = "2"; },
      [](Derivation& d) { d.held_constant["gpu"] = "x"; },
  };
  for (const auto& change : changes) {
    Derivation derivation = sound;
    change(derivation);
    EXPECT_NE(derivation_digest(derivation), digest);
  }
}

// One recipe, one dataset: this digest must never change while repro.derivation/1 is supported.
TEST(Derivation, GoldenDigest) {
  EXPECT_EQ(derivation_digest(sample_run().segments[0].content).hex(),
            "4f73c7c64676a3f829556ea9e2995909c9d9da133e69eed59f4e9610e2de05ff");
}

TEST(Operators, AConfigNamesThoseItUses) {
  Config config = sample_config();
  using Map = std::map<std::string, std::string>;
  EXPECT_EQ(operators_of(config), (Map{{"adamw", "1"},
                                       {"byte", "1"},
                                       {"clip", "1"},
                                       {"cosine", "1"},
                                       {"exact", "1"},
                                       {"init", "1"},
                                       {"olmo2", "1"},
                                       {"order", "1"},
                                       {"philox", "1"},
                                       {"roots", "1"}}));
  config.profile = "native";
  config.schedule.name = "linear";
  config.data.tokenizer = "ids";
  config.train.clip_norm = 0;
  EXPECT_EQ(operators_of(config), (Map{{"adamw", "1"},
                                       {"ids", "1"},
                                       {"init", "1"},
                                       {"linear", "1"},
                                       {"native", "1"},
                                       {"olmo2", "1"},
                                       {"order", "1"},
                                       {"philox", "1"},
                                       {"roots", "1"}}));
}

TEST(Operators, EveryNameAConfigCanUseIsInTheTable) {
  for (const char* path :
       {"profile", "model.family", "data.tokenizer", "optimizer.name", "schedule.name"}) {
    for (const ConfigKey& key : config_keys()) {
      if (key.path != path) continue;
      std::string names = key.allowed + "|";
      for (std::size_t end = 0; (end = names.find('|')) != std::string::npos;
           names.erase(0, end + 1)) {
        EXPECT_TRUE(operator_versions().contains(names.substr(0, end))) << names;
      }
    }
  }
}

}  // namespace
}  // namespace repro::manifests

#include "manifests/model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "manifests/run.h"
#include "tests/manifests/flips.h"
#include "tests/manifests/samples.h"

namespace repro::manifests {
namespace {

using ::testing::HasSubstr;

TEST(ModelManifest, ParseInvertsEncode) {
  const Model model = sample_model();
  const std::string text = encode_model(model);
  const Model parsed = parse_model(text, "model");
  EXPECT_EQ(parsed, model);
  EXPECT_EQ(encode_model(parsed), text);
}

TEST(ModelManifest, OptionalKeysStandOnlyWhereTheyHold) {
  Model model = sample_model();
  model.tokenizer = "ids/1";
  model.tokenizer_file.reset();
  model.end_of_text.reset();
  const std::string text = encode_model(model);
  EXPECT_EQ(text.find("tokenizer_file"), std::string::npos);
  EXPECT_EQ(text.find("end_of_text"), std::string::npos);
  EXPECT_EQ(parse_model(text, "model"), model);
}

TEST(ModelManifest, DerivationCoversWhatDecidesTheBitsAndNoNote) {
  const ModelOrigin origin = sample_model().origin;
  const Digest derivation = model_derivation(origin);
  const auto changed = [&](void (*change)(ModelOrigin&)) {
    ModelOrigin copy = origin;
    change(copy);
    return model_derivation(copy) != derivation;
  };
  EXPECT_TRUE(changed([](ModelOrigin& o) { o.operation = "merge/2"; }));
  EXPECT_TRUE(changed([](ModelOrigin& o) { o.settings["formula"] = "hf"; }));
  EXPECT_TRUE(changed([](ModelOrigin& o) { o.parents[0].model_root = sample_digest(9); }));
  EXPECT_TRUE(changed([](ModelOrigin& o) { std::swap(o.parents[0], o.parents[1]); }));
  EXPECT_TRUE(changed([](ModelOrigin& o) { o.files[0].digest = sample_digest(9); }));
  EXPECT_FALSE(changed([](ModelOrigin& o) { o.files[0].path = "other"; }));
  EXPECT_FALSE(changed([](ModelOrigin& o) { o.parents[0].label = "other"; }));
}

TEST(ModelManifest, ReferencesStateParentsAndTokenizer) {
  std::vector<std::string> roles;
  for (const Reference& each : find_references(encode_model(sample_model()), "model")) {
    roles.push_back(each.role + " " + each.digest.short_hex(2));
  }
  EXPECT_THAT(roles, testing::UnorderedElementsAre("state manifest 71", "tokenizer file 74",
                                                   "state manifest of parent a@40 75",
                                                   "state manifest of parent base 77",
                                                   "model manifest of parent base 79"));
}

TEST(ModelManifest, FlippedBitsNeverChangeADerivation) {
  const Digest sound = model_derivation(sample_model().origin);
  const std::string text = encode_model(sample_model());
  for_each_flip(text, [&](const std::string& flipped) {
    EXPECT_EQ(model_derivation(parse_model(flipped, "model").origin), sound);
  });
}

TEST(ModelManifest, HostileManifestsAreRefused) {
  struct Case {
    void (*damage)(Json&);
    const char* message;
  };
  const Case cases[] = {
      {[](Json& j) { j["derivation"] = sample_digest(1).hex(); }, "derivation is not that"},
      {[](Json& j) { j["model"]["num_heads"] = 3; }, "does not divide"},
      {[](Json& j) { j["model"]["hidden_size"] = -1; }, "hidden_size"},
      {[](Json& j) { j["model"].erase("num_layers"); }, "num_layers"},
      {[](Json& j) { j["model"]["hiden"] = 1; }, "unknown key"},
      {[](Json& j) { j["model"]["norm"] = "post"; }, "no more than its default"},
      {[](Json& j) { j["positions"] = 0; }, "out of range"},
      {[](Json& j) { j["end_of_text"] = 258; }, "no id of its vocabulary"},
      {[](Json& j) { j.erase("tokenizer_file"); }, "tokenizer_file goes with"},
      {[](Json& j) { j["origin"]["files"][0]["path"] = "../x"; }, "not relative"},
      {[](Json& j) { j["origin"]["files"][1] = j["origin"]["files"][0]; }, "order of their paths"},
      {[](Json& j) { j["origin"]["operation"] = "../merge"; }, "NAME/VERSION"},
      {[](Json& j) { j["origin"]["parents"][0]["run"] = ""; }, "neither a run's state nor"},
      {[](Json& j) { j["origin"]["parents"][0]["model"] = sample_digest(1).hex(); }, "or both"},
      {[](Json& j) { j["origin"]["parents"][0]["label"] = "a\nb"; }, "control"},
      {[](Json& j) { j["more"] = 1; }, "unknown key"},
  };
  for (const Case& each : cases) {
    Json json = Json::parse(encode_model(sample_model()));
    each.damage(json);
    const Failure failure = failure_of([&] { parse_model(json.dump(), "model 3f"); });
    EXPECT_EQ(failure.code, "corruption") << each.message;
    EXPECT_THAT(failure.message, HasSubstr(each.message));
  }
}

TEST(ModelManifest, WhatWouldBeRefusedIsNotWritten) {
  Model model = sample_model();
  model.positions = 0;
  EXPECT_EQ(failure_of([&] { encode_model(model); }).code, "invalid_argument");
}

}  // namespace
}  // namespace repro::manifests

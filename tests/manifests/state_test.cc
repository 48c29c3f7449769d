#include "manifests/state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/manifests/flips.h"
#include "tests/manifests/samples.h"

namespace repro::manifests {
namespace {

using testing::HasSubstr;

TEST(StateManifest, ParseInvertsEncode) {
  State state = sample_state();
  EXPECT_EQ(parse_state(encode_state(state), "state"), state);
  state.tensors[3].shape = {};  // a scalar has no dimension
  state.state_root = compute_state_root(state);
  EXPECT_EQ(parse_state(encode_state(state), "state"), state);
}

TEST(StateManifest, WeightsAreTheNamesWithoutSlash) {
  EXPECT_TRUE(is_weight("model.norm.weight"));
  EXPECT_FALSE(is_weight("exp_avg/model.norm.weight"));
  EXPECT_FALSE(is_weight("trainer/step"));
}

TEST(StateManifest, ModelRootCoversWeightsAndStateRootEverything) {
  const State sound = sample_state();
  State moments = sound;
  moments.tensors[0].root = sample_digest(1);
  EXPECT_EQ(compute_model_root(moments), sound.model_root);
  EXPECT_NE(compute_state_root(moments), sound.state_root);
  State weights = sound;
  weights.tensors[1].root = sample_digest(1);
  EXPECT_NE(compute_model_root(weights), sound.model_root);
  EXPECT_NE(compute_state_root(weights), sound.state_root);
}

TEST(StateManifest, FlippedBitsNeverChangeARoot) {
  const State sound = sample_state();
  for_each_flip(encode_state(sound), [&](const std::string& flipped) {
    const State state = parse_state(flipped, "state");
    EXPECT_EQ(encode_state(state), flipped);
    EXPECT_EQ(state.model_root, sound.model_root);
    EXPECT_EQ(state.state_root, sound.state_root);
    ASSERT_EQ(state.tensors.size(), sound.tensors.size());
    for (std::size_t i = 0; i < state.tensors.size(); ++i) {
      EXPECT_EQ(state.tensors[i].name, sound.tensors[i].name);
      EXPECT_EQ(state.tensors[i].shape, sound.tensors[i].shape);
      EXPECT_EQ(state.tensors[i].size, sound.tensors[i].size);
      EXPECT_EQ(state.tensors[i].root, sound.tensors[i].root);
    }
  });
}

TEST(StateManifest, HostileManifestsAreRefused) {
  struct Case {
    void (*damage)(Json&);
    const char* message;
  };
  const Case cases[] = {
      {[](Json& j) { j["model_root"] = sample_digest(1).hex(); }, "model root is not"},
      {[](Json& j) { j["state_root"] = sample_digest(1).hex(); }, "state root is not"},
      {[](Json& j) { j["tensors"][1]["name"] = "../../../tmp/x"; }, "name is not of"},
      {[](Json& j) { j["tensors"][1]["name"] = "/abs"; }, "name is not of"},
      {[](Json& j) { j["tensors"][1]["name"] = "a/./b"; }, "name is not of"},
      {[](Json& j) { j["tensors"][1]["name"] = ""; }, "name is not of"},
      {[](Json& j) { j["tensors"][1]["name"] = "a\nb"; }, "name is not of"},
      {[](Json& j) { j["tensors"][1]["name"] = "caf\xC3\xA9"; }, "name is not of"},
      {[](Json& j) { j["tensors"][1]["name"] = std::string(513, 'a'); }, "name is not of"},
      {[](Json& j) { j["tensors"][1]["name"] = "z"; }, "not in the order of their names"},
      {[](Json& j) { j["tensors"][1]["name"] = j["tensors"][0]["name"]; }, "order of their names"},
      {[](Json& j) { j["tensors"][1]["size"] = 16513; }, "size does not fit"},
      {[](Json& j) { j["tensors"][1]["size"] = -1; }, "out of range"},
      {[](Json& j) { j["tensors"][1]["dtype"] = "bfloat16"; }, "size does not fit"},
      {[](Json& j) {
         j["tensors"][1]["shape"] = {-1, 4};
       },
       "not a list of sizes"},
      {[](Json& j) { j["tensors"][1]["shape"] = {"4"}; }, "not a list of sizes"},
      {[](Json& j) {
         j["tensors"][1]["shape"] = {1LL << 40, 1LL << 40};
       },
       "size does not fit"},
      {[](Json& j) { j["tensors"][1]["shape"] = {UINT64_MAX}; }, "not a list of sizes"},
      {[](Json& j) { j["tensors"][1]["shape"] = Json(std::vector<int>(9, 1)); }, "too many dim"},
      {[](Json& j) { j["tensors"] = Json::array(); }, "has no weights"},
      {[](Json& j) {
         j["tensors"].erase(1);
         j["tensors"].erase(1);
       },
       "has no weights"},
      {[](Json& j) { j["tensors"] = 1; }, "not an array"},
      {[](Json& j) { j["tensors"][0]["more"] = 1; }, "unknown key"},
      {[](Json& j) { j["step"] = -1; }, "out of range"},
      {[](Json& j) { j["step"] = "20"; }, "not an integer"},
  };
  for (const Case& each : cases) {
    Json json = Json::parse(encode_state(sample_state()));
    each.damage(json);
    const Failure failure = failure_of([&] { parse_state(json.dump(), "state 3f"); });
    EXPECT_EQ(failure.code, "corruption") << each.message;
    EXPECT_THAT(failure.message, HasSubstr(each.message));
  }
}

TEST(StateManifest, FalseRootsAreNeverWritten) {
  State state = sample_state();
  state.tensors[0].root = sample_digest(1);
  EXPECT_EQ(failure_of([&] { encode_state(state); }).code, "invalid_argument");
}

}  // namespace
}  // namespace repro::manifests

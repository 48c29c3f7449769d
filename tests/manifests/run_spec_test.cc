#include "manifests/run_spec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/manifests/samples.h"

namespace repro::manifests {
namespace {

using testing::HasSubstr;

TEST(RunSpec, ParseInvertsEncodeForEveryCommand) {
  for (const SpecCommand command :
       {SpecCommand::train, SpecCommand::replay, SpecCommand::materialise, SpecCommand::batch}) {
    RunSpec spec = sample_spec();
    spec.command = command;
    if (command == SpecCommand::train) spec.profile = {3, 5, "/tmp/trace.json"};
    EXPECT_EQ(parse_run_spec(encode_run_spec(spec), "spec"), spec);
  }
  for (const SpecCommand command : {SpecCommand::generate, SpecCommand::score}) {
    RunSpec spec = sample_spec();
    spec.command = command;
    spec.inference = InferenceRequest{};
    spec.inference->texts = {{std::string("a\0\xFF\n", 4), {}, false},
                             {"", {0, 4294967295U}, true}};
    spec.inference->temperature = "0.7";
    spec.inference->seed = 5;
    spec.inference->profile = "native";
    spec.inference->each_token = true;
    EXPECT_EQ(parse_run_spec(encode_run_spec(spec), "spec"), spec);
    spec.inference->each_token = false;
    spec.inference->texts = {{"a", {}, false, "before\xFF"}, {"b", {}, false, ""}};
    EXPECT_EQ(parse_run_spec(encode_run_spec(spec), "spec"), spec);
  }
  RunSpec probe;
  probe.command = SpecCommand::probe;
  EXPECT_EQ(parse_run_spec(encode_run_spec(probe), "spec"), probe);
  RunSpec add;
  add.command = SpecCommand::data_add;
  add.store = "/s";
  add.paths = {"/data/a.txt", "/data/\xC3\xBC"};
  add.name = "licences";
  add.tokenizer = "byte";
  add.intake = "in_place";
  add.end_of_text = 100257;
  add.show_text = true;
  EXPECT_EQ(parse_run_spec(encode_run_spec(add), "spec"), add);
  RunSpec indices;
  indices.command = SpecCommand::indices;
  indices.paths = {"/data/global_indices.npy"};
  indices.indices = {6198, 1000, 1015};
  EXPECT_EQ(parse_run_spec(encode_run_spec(indices), "spec"), indices);
  for (const IndicesRequest wrong : {IndicesRequest{-1, 1, 1}, IndicesRequest{0, 0, 1},
                                     IndicesRequest{0, 2, 1}, IndicesRequest{0, 1, UINT32_MAX}}) {
    indices.indices = wrong;
    EXPECT_EQ(failure_of([&] { parse_run_spec(encode_run_spec(indices), "spec"); }).code,
              "corruption");
  }
}

void with_text(Json& spec, const Json& text) {
  spec["command"] = "score";
  spec["inference"] = inference_json({});
  spec["inference"]["texts"] = Json::array({text});
}

struct Damage {
  void (*damage)(Json&);
  const char* message;
};

void expect_refused(const Damage& each) {
  Json json = Json::parse(encode_run_spec(sample_spec()));
  each.damage(json);
  const Failure failure = failure_of([&] { parse_run_spec(json.dump(), "spec"); });
  EXPECT_EQ(failure.code, "corruption") << each.message;
  EXPECT_THAT(failure.message, HasSubstr(each.message));
}

TEST(RunSpec, DamagedRunningKeysAreRefused) {
  const Damage cases[] = {
      {[](Json& j) { j["running"]["kernels"] = "avx3"; }, "run.kernels is \"avx3\""},
      {[](Json& j) { j["running"]["threads"] = true; }, "run.threads is \"true\""},
      {[](Json& j) { j["running"]["threads"] = Json(); }, "neither a number, true or false, nor"},
      {[](Json& j) { j["running"]["recompute"] = 1; }, "run.recompute is \"1\""},
      {[](Json& j) { j["running"].erase("recompute"); }, "is missing"},
      {[](Json& j) { j["running"].erase("threads"); }, "is missing"},
  };
  for (const Damage& each : cases) expect_refused(each);
}

TEST(RunSpec, DamagedSpecsAreRefused) {
  const Damage cases[] = {
      {[](Json& j) { j["command"] = "tarin"; }, "command is unknown"},
      {[](Json& j) { j["end_of_text"] = -1; }, "end_of_text"},
      {[](Json& j) { j["command"] = "probe"; }, "takes no run"},
      {[](Json& j) { j["run"] = nullptr; }, "expected a JSON object"},
      {[](Json& j) { j["run"]["step"] = 3; }, "begins after its newest state"},
      {[](Json& j) { j["intake"] = "steal"; }, "intake is unknown"},
      {[](Json& j) { j["published"] = "x"; }, "not a digest"},
      {[](Json& j) { j["last"] = -1; }, "out of range"},
      {[](Json& j) { j["paths"] = {1}; }, "list of text"},
      {[](Json& j) { j["paths"] = {""}; }, "path is empty"},
      {[](Json& j) {
         j["profile"] = {{"first", 3}, {"last", 2}, {"path", ""}};
       },
       "out of range"},
      {[](Json& j) {
         j["profile"] = {{"first", 3}, {"last", 3}, {"path", "\n"}};
       },
       "path"},
      {[](Json& j) {
         j["profile"] = {{"first", 3}};
       },
       "is missing"},
      {[](Json& j) { j["command"] = "score"; }, "texts do not go"},
      {[](Json& j) { j["inference"] = inference_json({}); }, "texts do not go"},
      {[](Json& j) {
         with_text(j, {{"as_ids", false}, {"bytes", "0g"}, {"context", nullptr}, {"ids", {}}});
       },
       "hex"},
      {[](Json& j) {
         with_text(j, {{"as_ids", true}, {"bytes", ""}, {"context", nullptr}, {"ids", {-1}}});
       },
       "id of a text"},
      {[](Json& j) {
         with_text(j, {{"as_ids", true}, {"bytes", ""}, {"context", "61"}, {"ids", {1}}});
       },
       "a context goes with a text of bytes"},
      {[](Json& j) {
         with_text(j, {{"as_ids", false}, {"bytes", "61"}, {"context", 1}, {"ids", {}}});
       },
       "no text"},
      {[](Json& j) { with_text(j, 3); }, "expected a JSON object"},
      {[](Json& j) { j["more"] = 1; }, "unknown key"},
  };
  for (const Damage& each : cases) expect_refused(each);
}

TEST(RunSpec, CountsAndNumbersOutOfRangeAreRefusedAtOnce) {
  RunSpec spec = sample_spec();
  spec.command = SpecCommand::generate;
  spec.inference = InferenceRequest{};
  spec.inference->temperature = "\xFF";
  EXPECT_EQ(failure_of([&] { encode_run_spec(spec); }).code, "invalid_argument");
  spec.inference = InferenceRequest{};
  spec.inference->batch = std::int64_t{1} << 40;
  EXPECT_EQ(failure_of([&] { encode_run_spec(spec); }).code, "invalid_argument");
  spec.inference = InferenceRequest{};
  spec.inference->profile = "fast";
  EXPECT_EQ(failure_of([&] { encode_run_spec(spec); }).code, "invalid_argument");
}

TEST(RunSpec, IndicesGoWithTheirCommandAndOneFile) {
  RunSpec spec;
  spec.command = SpecCommand::indices;
  spec.paths = {"/data/global_indices.npy"};
  EXPECT_EQ(failure_of([&] { encode_run_spec(spec); }).code, "invalid_argument");
  spec.indices = {6198, 1000, 1015};
  encode_run_spec(spec);
  spec.paths.emplace_back("/data/other.npy");
  EXPECT_EQ(failure_of([&] { encode_run_spec(spec); }).code, "invalid_argument");
  spec.paths.pop_back();
  spec.command = SpecCommand::probe;
  EXPECT_EQ(failure_of([&] { encode_run_spec(spec); }).code, "invalid_argument");
}

TEST(RunSpec, PathsThatAreNotUtf8AreRefusedAtOnce) {
  RunSpec spec;
  spec.command = SpecCommand::data_add;
  spec.paths = {"/data/caf\xE9"};
  EXPECT_EQ(failure_of([&] { encode_run_spec(spec); }).code, "invalid_argument");
}

}  // namespace
}  // namespace repro::manifests

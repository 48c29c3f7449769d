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
  add.show_text = true;
  EXPECT_EQ(parse_run_spec(encode_run_spec(add), "spec"), add);
}

TEST(RunSpec, DamagedSpecsAreRefused) {
  struct Case {
    void (*damage)(Json&);
    const char* message;
  };
  const Case cases[] = {
      {[](Json& j) { j["command"] = "tarin"; }, "command is unknown"},
      {[](Json& j) { j["command"] = "probe"; }, "takes no run"},
      {[](Json& j) { j["run"] = nullptr; }, "expected a JSON object"},
      {[](Json& j) { j["run"]["step"] = 3; }, "begins after its newest state"},
      {[](Json& j) { j["intake"] = "steal"; }, "intake is unknown"},
      {[](Json& j) { j["running"]["kernels"] = "avx3"; }, "run.kernels is \"avx3\""},
      {[](Json& j) { j["running"]["threads"] = true; }, "neither a number nor text"},
      {[](Json& j) { j["running"].erase("threads"); }, "is missing"},
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
      {[](Json& j) { j["more"] = 1; }, "unknown key"},
  };
  for (const Case& each : cases) {
    Json json = Json::parse(encode_run_spec(sample_spec()));
    each.damage(json);
    const Failure failure = failure_of([&] { parse_run_spec(json.dump(), "spec"); });
    EXPECT_EQ(failure.code, "corruption") << each.message;
    EXPECT_THAT(failure.message, HasSubstr(each.message));
  }
}

TEST(RunSpec, PathsThatAreNotUtf8AreRefusedAtOnce) {
  RunSpec spec;
  spec.command = SpecCommand::data_add;
  spec.paths = {"/data/caf\xE9"};
  EXPECT_EQ(failure_of([&] { encode_run_spec(spec); }).code, "invalid_argument");
}

}  // namespace
}  // namespace repro::manifests

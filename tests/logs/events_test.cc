#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>

#include "artifacts/base/error.h"
#include "logs/run_log.h"

namespace repro::logs {
namespace {

using testing::HasSubstr;

StepEvent sample_step() {
  StepEvent step;
  step.step = 17;
  step.tokens = 1024;
  step.loss_sum = 6000000000123;
  step.z_loss_sum = -3;
  step.grad_norm = 0.1;
  step.learning_rate = 3e-4F;
  step.batch = sha256("batch");
  step.model_root = sha256("model");
  step.state_root = sha256("state");
  return step;
}

TEST(Events, ParseInvertsEncode) {
  StepEvent step = sample_step();
  EXPECT_EQ(parse_step(encode_step(step), "line"), step);
  step.model_root.reset();
  step.state_root.reset();
  step.grad_norm = 0;
  step.learning_rate = std::numeric_limits<float>::denorm_min();
  EXPECT_EQ(parse_step(encode_step(step), "line"), step);
  step.grad_norm = std::numeric_limits<double>::max();
  step.loss_sum = std::numeric_limits<std::int64_t>::max();
  EXPECT_EQ(parse_step(encode_step(step), "line"), step);
  const EvalEvent eval{100, 4096, 8000000000000, 812};
  EXPECT_EQ(parse_eval(encode_eval(eval), "line"), eval);
  const SegmentEvent segment{40, sha256("d"), sha256("m"), sha256("s")};
  EXPECT_EQ(parse_segment(encode_segment(segment), "line"), segment);
}

TEST(Events, ParseTakesLinesWithTheirChainValue) {
  Json event = encode_step(sample_step());
  event["chain"] = sha256("x").hex();
  EXPECT_EQ(parse_step(event, "line"), sample_step());
}

TEST(Events, AStepMayHaveNoTargets) {
  StepEvent step = sample_step();
  step.tokens = step.loss_sum = step.z_loss_sum = 0;
  step.grad_norm = 0;
  EXPECT_EQ(encode_step(step).at("loss"), "0");
  EXPECT_EQ(parse_step(encode_step(step), "line"), step);
}

TEST(Events, ASkippedUpdateIsSaidWhereThereIsOne) {
  StepEvent step = sample_step();
  EXPECT_FALSE(encode_step(step).contains("skipped"));
  step.skipped = true;
  EXPECT_EQ(encode_step(step).at("skipped"), true);
  EXPECT_EQ(parse_step(encode_step(step), "line"), step);
}

TEST(Events, MeanLossIsInNats) {
  EXPECT_EQ(mean_loss(std::int64_t{3} << 30, 2), 1.5);
  EXPECT_EQ(mean_loss(0, 5), 0);
  EXPECT_EQ(mean_loss(0, 0), 0);
  EXPECT_THROW(mean_loss(1, 0), Error);
}

TEST(Events, NumbersThatAreNoneAreNeverWritten) {
  StepEvent step = sample_step();
  step.grad_norm = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THROW(encode_step(step), Error);
  step = sample_step();
  step.learning_rate = std::numeric_limits<float>::infinity();
  EXPECT_THROW(encode_step(step), Error);
}

TEST(Events, DamagedEventsAreCorruption) {
  struct Case {
    void (*damage)(Json&);
    const char* message;
  };
  const Case cases[] = {
      {[](Json& j) { j["type"] = "eval"; }, "no \"step\" event"},
      {[](Json& j) { j.erase("type"); }, "is missing"},
      {[](Json& j) { j.erase("model"); }, "is missing"},
      {[](Json& j) { j["more"] = 1; }, "unknown key"},
      {[](Json& j) { j["step"] = -1; }, "out of range"},
      {[](Json& j) { j["tokens"] = -1; }, "out of range"},
      {[](Json& j) { j["tokens"] = 0; }, "a loss without targets"},
      {[](Json& j) { j["skipped"] = false; }, "key \"skipped\" is not true"},
      {[](Json& j) { j["skipped"] = 1; }, "key \"skipped\" is not true"},
      {[](Json& j) { j["tokens"] = "1"; }, "not an integer"},
      {[](Json& j) { j["loss"] = "5.0"; }, "loss is not loss_sum / tokens"},
      {[](Json& j) { j["loss_sum"] = 1; }, "loss is not loss_sum / tokens"},
      {[](Json& j) { j["grad_norm"] = "0.1"; }, "hex float"},
      {[](Json& j) { j["grad_norm"] = "nan"; }, "hex float"},
      {[](Json& j) { j["grad_norm"] = "0x1.80p+3"; }, "hex float"},
      {[](Json& j) { j["learning_rate"] = "0.00030"; }, "binary32 decimal"},
      {[](Json& j) { j["learning_rate"] = "inf"; }, "binary32 decimal"},
      {[](Json& j) { j["batch"] = "zz"; }, "line 3"},
      {[](Json& j) { j["model"] = 1; }, "not a string"},
  };
  for (const Case& each : cases) {
    Json event = encode_step(sample_step());
    each.damage(event);
    try {
      parse_step(event, "line 3");
      FAIL() << each.message;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Code::corruption);
      EXPECT_THAT(error.what(), HasSubstr(each.message));
    }
  }
}

TEST(Events, DamagedEvaluationsAreCorruption) {
  Json event = encode_eval({1, 10, 100, 3});
  event["correct"] = 11;
  EXPECT_THROW(parse_eval(event, "line"), Error);
}

TaskEvent sample_task() {
  TaskEvent task;
  task.step = 20;
  task.name = "sums";
  task.task = sha256("task");
  task.items = 4;
  task.correct = 3;
  task.correct_per_byte = 4;
  task.ties = 1;
  task.dropped = 2;
  task.units = -5368709120;
  task.tokens = task.bytes = 8;
  return task;
}

TEST(Events, WhatAModelScoresOnATask) {
  TaskEvent task = sample_task();
  EXPECT_EQ(parse_task(encode_task(task), "line"), task);
  EXPECT_EQ(encode_evaluation(task), encode_task(task));
  EXPECT_EQ(encode_evaluation(EvalEvent{1, 10, 100, 3}), encode_eval({1, 10, 100, 3}));
  task.texts = true;
  task.correct = task.correct_per_byte = task.ties = 0;
  EXPECT_EQ(parse_task(encode_task(task), "line"), task);
}

TEST(Events, DamagedTasksAreCorruption) {
  const auto damaged = [](const char* key, const Json& value) {
    Json event = encode_task(sample_task());
    event[key] = value;
    EXPECT_THROW(parse_task(event, "line"), Error) << key;
  };
  for (const char* key : {"correct", "correct_per_byte", "ties"}) damaged(key, 5);
  for (const char* key : {"items", "tokens", "bytes"}) damaged(key, 0);
  damaged("kind", "texts");  // which are never right or wrong
  damaged("kind", "songs");
  damaged("task", "12");
  damaged("more", 1);
}

TEST(Events, LogOfAnotherSchemaIsUnsupported) {
  Json event = encode_segment({});
  event["schema"] = "repro.log/2";
  try {
    parse_segment(event, "line");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::unsupported);
  }
}

}  // namespace
}  // namespace repro::logs

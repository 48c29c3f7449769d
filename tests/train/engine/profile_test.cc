// Where the time of a step goes, of the real trainer: a trace that a viewer can read, shares that
// add up, and no trace of it in the results.
#include "train/engine/profile.h"

#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "artifacts/base/error.h"
#include "artifacts/base/json.h"
#include "tests/conformance/smoke_run.h"
#include "tests/support/temporary_folder.h"
#include "train/engine/trainer.h"

namespace repro::train {
namespace {

struct Profiled {
  Json trace;
  ProfileSummary summary;
  Digest state;
  std::int64_t steps = 0;
};

class ProfileTest : public testing::Test {
 protected:
  ProfileTest()
      : store_(artifacts::Store::init(system_file_system(), folder_.path() + "/.repro")),
        inputs_(smoke_inputs("olmo2-tiny", store_)) {
    inputs_.config.data.sequence_length = 32;
    inputs_.config.train.batch_size = 2;
  }

  // Four steps, steps first..last of them recorded.
  Profiled train(int threads, std::int64_t first, std::int64_t last) {
    Parallel parallel(threads);
    Trainer trainer(inputs_.config, store_, inputs_.dataset, {&parallel, "auto", 0});
    trainer.initialize();
    const std::string path = folder_ / "trace.json";
    Profile profile({first, last, path}, system_file_system(), parallel);
    for (std::int64_t step = 1; step <= 4; ++step) {
      profile.begin_step(step);
      {
        const TraceSpan span(parallel.trace(), "step", {.step = step});
        trainer.step(true);
      }
      profile.end_step();
    }
    Profiled result;
    result.summary = profile.finish();
    result.trace = parse_json(support::read_text(path), "trace");
    result.state = compute_roots(trainer.parameters(), trainer.cursor(), parallel).state;
    return result;
  }

  const support::TemporaryFolder folder_;
  artifacts::Store store_;
  SmokeInputs inputs_;
};

TEST_F(ProfileTest, RecordingChangesNoBit) {
  const Digest plain = train(1, 9, 9).state;
  EXPECT_EQ(train(1, 1, 4).state, plain);
  EXPECT_EQ(train(3, 2, 3).state, plain);
}

TEST_F(ProfileTest, TraceHasEveryOperationOfTheStepsAskedForAndNoOther) {
  const Profiled result = train(2, 2, 3);
  std::set<std::int64_t> steps;
  std::set<std::int64_t> layers;
  std::set<std::string> names;
  for (const Json& event : result.trace.at("traceEvents")) {
    if (event.at("ph") == "M") continue;
    EXPECT_EQ(event.at("ph"), "X");
    EXPECT_GE(event.at("ts").get<double>(), 0);
    EXPECT_GE(event.at("dur").get<double>(), 0);
    const Json& args = event.at("args");
    names.insert(event.at("name").get<std::string>());
    if (event.at("name") == "step") steps.insert(args.at("step").get<std::int64_t>());
    if (event.at("name") == "forward") layers.insert(args.at("layer").get<std::int64_t>());
    if (event.at("name") != "gemm" || event.at("tid") != 0 || args.empty()) continue;
    EXPECT_LE(args.at("operations").get<std::int64_t>(), 2 * args.at("m").get<std::int64_t>() *
                                                             args.at("n").get<std::int64_t>() *
                                                             args.at("k").get<std::int64_t>() * 2);
  }
  EXPECT_EQ(steps, (std::set<std::int64_t>{2, 3}));
  EXPECT_EQ(layers.size(), static_cast<std::size_t>(inputs_.config.model.num_layers));
  for (const char* name : {"step",
                           "batch",
                           "forward",
                           "backward",
                           "quantise",
                           "quantise columns",
                           "gemm",
                           "attention",
                           "attention backward",
                           "norm",
                           "norm backward",
                           "rope",
                           "swiglu",
                           "swiglu backward",
                           "head loss",
                           "head input gradient",
                           "embedding gradient",
                           "zero gradient",
                           "add",
                           "gradient norm",
                           "adamw",
                           "weights",
                           "roots"}) {
    EXPECT_TRUE(names.contains(name)) << name;
  }
}

// Forward again is a line of its own, with all that is done in it, and changes nothing else.
TEST_F(ProfileTest, WhatIsRecomputedIsAnOperation) {
  const auto find = [](const ProfileSummary& summary, const std::string& name) {
    for (const OperationShare& operation : summary.operations) {
      if (operation.name == name) return operation;
    }
    return OperationShare();
  };
  const Profiled plain = train(2, 2, 3);
  inputs_.config.run.recompute = true;
  const Profiled result = train(2, 2, 3);
  EXPECT_EQ(result.state, plain.state);
  EXPECT_EQ(find(plain.summary, "recompute").calls, 0);
  const OperationShare recompute = find(result.summary, "recompute");
  // Of both steps, of the one micro-batch of each; the last layer's is still there.
  EXPECT_EQ(recompute.calls, 2 * (inputs_.config.model.num_layers - 1));
  EXPECT_GT(recompute.seconds, 0);
  EXPECT_GT(recompute.operations, 0);
  for (const char* name : {"gemm", "attention", "norm", "swiglu"}) {
    EXPECT_EQ(find(result.summary, name).calls, find(plain.summary, name).calls) << name;
    EXPECT_EQ(find(result.summary, name).operations, find(plain.summary, name).operations) << name;
  }
  double share = 0;
  for (const OperationShare& operation : result.summary.operations) share += operation.share;
  EXPECT_NEAR(share, 1, 1e-9);
}

TEST_F(ProfileTest, SharesAddUpToTheStep) {
  for (const int threads : {1, 2}) {
    const ProfileSummary summary = train(threads, 2, 4).summary;
    EXPECT_EQ(summary.steps, 3);
    EXPECT_EQ(summary.dropped, 0);
    EXPECT_GT(summary.spans, 100);
    double share = 0;
    double seconds = 0;
    for (const OperationShare& operation : summary.operations) {
      share += operation.share;
      seconds += operation.seconds;
      EXPECT_GT(operation.calls, 0) << operation.name;
      EXPECT_GT(operation.busy, 0) << operation.name;
      if (operation.name == "gemm" || operation.name == "attention") {
        EXPECT_GT(operation.operations, 0) << operation.name;
      }
    }
    EXPECT_NEAR(share, 1, 1e-9);
    EXPECT_NEAR(seconds, summary.seconds, 1e-9);
  }
}

TEST_F(ProfileTest, NothingRecordedIsAnEmptyTrace) {
  const Profiled result = train(2, 8, 9);
  EXPECT_EQ(result.summary.steps, 0);
  for (const Json& event : result.trace.at("traceEvents")) EXPECT_EQ(event.at("ph"), "M");
}

TEST_F(ProfileTest, APathThatCannotBeWrittenIsKnownAtOnce) {
  Parallel parallel(1);
  EXPECT_THROW(Profile({1, 1, folder_ / "no/such/trace.json"}, system_file_system(), parallel),
               Error);
}

}  // namespace
}  // namespace repro::train

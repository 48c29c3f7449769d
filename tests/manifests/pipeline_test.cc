#include "manifests/pipeline.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/manifests/samples.h"

namespace repro::manifests {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* kTwoStages = R"(name: two
tasks: [sums.jsonl]
stages:
  base:
    recipe: olmo2-tiny
    set: {train.steps: 20}
    smoke:
      train.steps: 2
  end:
    recipe: other.yaml
    from: base
    reset: [data, optimizer]
    data: [a.txt, builtin:sums]
  mean:
    merge: [base, end]
    as: hf
)";

TEST(Pipeline, StagesAreReadInTheirOrder) {
  const Pipeline pipeline = parse_pipeline("two.yaml", kTwoStages);
  EXPECT_EQ(pipeline.name, "two");
  EXPECT_THAT(pipeline.tasks, ElementsAre("sums.jsonl"));
  ASSERT_EQ(pipeline.stages.size(), 3U);
  const Stage& base = pipeline.stages[0];
  EXPECT_EQ(base.recipe, "olmo2-tiny");
  EXPECT_EQ(base.set.at(0).key, "train.steps");
  EXPECT_EQ(base.set.at(0).value, "20");
  EXPECT_EQ(base.smoke.at(0).value, "2");
  const Stage& end = pipeline.stages[1];
  EXPECT_EQ(end.from, "base");
  EXPECT_THAT(end.reset, ElementsAre("data", "optimizer"));
  EXPECT_THAT(end.data, ElementsAre("a.txt", "builtin:sums"));
  const Stage& mean = pipeline.stages[2];
  EXPECT_TRUE(mean.is_merge());
  EXPECT_THAT(mean.merge, ElementsAre("base", "end"));
  EXPECT_EQ(mean.formula, "hf");
  EXPECT_EQ(pipeline.find("end"), &pipeline.stages[1]);
  EXPECT_EQ(pipeline.find("nd"), nullptr);
}

TEST(Pipeline, IsKnownByItsStages) {
  EXPECT_TRUE(is_pipeline(kTwoStages));
  EXPECT_FALSE(is_pipeline(sample_yaml()));
  EXPECT_FALSE(is_pipeline("stages: [1, 2"));
  EXPECT_FALSE(is_pipeline("\x01"));
}

TEST(Pipeline, BuiltinOnesAreSound) {
  EXPECT_FALSE(builtin_pipelines().empty());
  for (const BuiltinPipeline& builtin : builtin_pipelines()) {
    const Pipeline pipeline = parse_pipeline(builtin.name, builtin.yaml);
    EXPECT_EQ(pipeline.name, builtin.name);
    EXPECT_NE(builtin.readme, "");
    for (const Stage& stage : pipeline.stages) {
      EXPECT_TRUE(stage.is_merge() || find_builtin_recipe(stage.recipe) != nullptr) << stage.recipe;
    }
  }
}

TEST(Pipeline, BadOnesAreRefusedWithTheirLine) {
  struct Case {
    const char* yaml;
    const char* message;
  };
  const Case cases[] = {
      {"stages:\n  a:\n    recipe: x\n  b:\n    recipe: x\n    from: c\n",
       "p.yaml:4: stage b needs 'c'"},
      {"stages:\n  a:\n    recipe: x\n    from: a\n", "p.yaml:2: stage a needs 'a'"},
      {"stages:\n  a:\n    merge: [b]\n  b:\n    recipe: x\n", "no stage before it"},
      {"stages:\n  a:\n    recipe: x\n    merge: [a]\n", "either a recipe to train or a list"},
      {"stages:\n  a:\n    data: x\n", "either a recipe to train or a list"},
      {"stages:\n  a:\n    recipe: x\n  b:\n    merge: [a]\n    data: y\n", "b merges: from, data"},
      {"stages:\n  a:\n    recipe: x\n    as: exact\n", "a trains: `as` is for"},
      {"stages:\n  a:\n    recipe: x\n    reset: [data]\n", "goes on from no other stage"},
      {"stages:\n  a:\n    recipe: x\n    form: b\n",
       "p.yaml:4: unknown key form; did you mean from?"},
      {"stages:\n  a:\n    recipe: x\nstage: 1\n", "unknown key stage; did you mean stages?"},
      {"stages:\n  A b:\n    recipe: x\n", "lower-case letters"},
      {"stages:\n  a: x\n", "stage a has no keys"},
      {"stages: {}\n", "it has no stage"},
      {"stages: [1]\n", "not a map of stages"},
      {"stages:\n  a:\n    recipe: [x]\n", "is not a text"},
      {"stages:\n  a:\n    recipe: x\n    set: 3\n", "is not a group of keys"},
      {"stages:\n  a:\n    recipe: x\n  b:\n    merge: a\n", "is not a list"},
  };
  for (const Case& each : cases) {
    const Failure failure = failure_of([&] { parse_pipeline("p.yaml", each.yaml); });
    EXPECT_EQ(failure.code, "invalid_argument") << each.yaml;
    EXPECT_THAT(failure.message, HasSubstr(each.message)) << each.yaml;
  }
}

}  // namespace
}  // namespace repro::manifests

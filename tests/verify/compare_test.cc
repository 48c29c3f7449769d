#include "verify/compare.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "artifacts/base/error.h"
#include "artifacts/tensor/safetensors.h"
#include "tests/support/temporary_folder.h"
#include "tests/verify/store_builder.h"

namespace repro::verify_test {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Field;
using verify::Comparison;
using verify::Difference;

testing::Matcher<Difference> difference(const std::string& section, const std::string& name) {
  return AllOf(Field(&Difference::section, section), Field(&Difference::name, name));
}

class Compare : public ::testing::Test {
 protected:
  Compare() : builder_(folder_ / "store"), base_(builder_.add_run({})) {}

  artifacts::Store& store() { return builder_.store(); }
  Comparison with_base(const BuiltRun& other) {
    return verify::compare_runs({store(), base_.run}, {store(), other.run});
  }
  manifests::State state(const BuiltRun& run, std::size_t index) {
    return manifests::parse_state(store().get(run.run.states[index].manifest), "state");
  }

  support::TemporaryFolder folder_;
  StoreBuilder builder_;
  BuiltRun base_;
};

TEST_F(Compare, TwoRealisationsOfOneDerivationAreIdentical) {
  RunPlan plan;
  plan.nonce = "01";
  plan.checkpoint_every = 2;  // other pieces, same lines
  const Comparison result = with_base(builder_.add_run(plan));
  EXPECT_TRUE(result.identical);
  EXPECT_TRUE(result.differences.empty());
  EXPECT_EQ(result.num_equal_steps, 6);
  EXPECT_FALSE(result.first_difference);
}

TEST_F(Compare, ARunningKeyIsListedButMakesNothingDifferent) {
  RunPlan plan;
  plan.nonce = "01";
  plan.threads = 3;
  const Comparison result = with_base(builder_.add_run(plan));
  EXPECT_TRUE(result.identical);
  EXPECT_THAT(result.differences, Contains(difference("running", "run.threads")));
}

TEST_F(Compare, ADecidingKeyGivesTheFirstStepWhoseRootDiffers) {
  RunPlan plan;
  plan.learning_rate = "0.002";
  const Comparison result = with_base(builder_.add_run(plan));
  EXPECT_FALSE(result.identical);
  EXPECT_THAT(result.differences,
              Contains(AllOf(difference("deciding", "optimizer.learning_rate"),
                             Field(&Difference::a, "0.001"), Field(&Difference::b, "0.002"))));
  ASSERT_TRUE(result.first_root);
  EXPECT_EQ(result.first_root->step, 1);
  EXPECT_NE(result.first_root->root_a, result.first_root->root_b);
  EXPECT_EQ(result.first_root->loss_a, result.first_root->loss_b);
  ASSERT_TRUE(result.last_common);
  EXPECT_EQ(result.last_common->step, 6);
}

TEST_F(Compare, FindsTheStepWhereOneRealisationWentWrong) {
  RunPlan plan;
  plan.nonce = "01";
  plan.differs_from = 4;
  const Comparison result = with_base(builder_.add_run(plan));
  EXPECT_FALSE(result.identical);
  EXPECT_EQ(result.num_equal_steps, 3);
  ASSERT_TRUE(result.first_difference);
  EXPECT_EQ(result.first_difference->step, 4);
  EXPECT_EQ(result.first_difference->fields, (std::vector<std::string>{"model", "state"}));
}

TEST_F(Compare, AnUpdateThatOneOfThemSkippedIsADifference) {
  RunPlan plan;
  plan.nonce = "01";
  plan.skipped = 2;
  const BuiltRun other = builder_.add_run(plan);
  const Comparison result = with_base(other);
  EXPECT_FALSE(result.identical);
  ASSERT_TRUE(result.first_difference);
  EXPECT_EQ(result.first_difference->step, 2);
  EXPECT_EQ(result.first_difference->fields, (std::vector<std::string>{"skipped"}));
}

TEST_F(Compare, AShorterRunIsDifferentThoughAllItHasIsEqual) {
  RunPlan plan;
  plan.nonce = "01";
  plan.steps = 3;
  const Comparison result = with_base(builder_.add_run(plan));
  EXPECT_FALSE(result.identical);
  EXPECT_EQ(result.num_equal_steps, 3);
  EXPECT_FALSE(result.first_difference);
  EXPECT_THAT(result.differences, Contains(difference("log", "steps")));
}

TEST_F(Compare, OfRunsReadsNoTensor) {
  RunPlan plan;
  plan.nonce = "01";
  plan.differs_from = 2;
  const BuiltRun other = builder_.add_run(plan);
  for (const auto& tensor : state(other, 0).tensors) {
    std::filesystem::remove(store().object_path(tensor.digest));
  }
  EXPECT_FALSE(with_base(other).identical);
}

TEST_F(Compare, StatesTellTheFirstElementAndTheDistance) {
  RunPlan plan;
  plan.nonce = "01";
  plan.differs_from = 4;
  const BuiltRun other = builder_.add_run(plan);
  const auto a = state(base_, 1);
  const auto b = state(other, 1);
  const Comparison result = verify::compare_states({store(), a}, {store(), b}, "");
  EXPECT_FALSE(result.identical);
  EXPECT_EQ(result.num_equal_tensors, 1U);  // trainer/step
  ASSERT_EQ(result.tensors.size(), 4U);
  const auto& weight = result.tensors[2];
  EXPECT_EQ(weight.name, "lm_head.weight");
  EXPECT_EQ(weight.what, "values");
  EXPECT_EQ(weight.a, "float32 [4, 8]");
  EXPECT_EQ(weight.elements.num_elements, 32U);
  EXPECT_EQ(weight.elements.num_different, 1U);
  EXPECT_EQ(weight.elements.first_index, 5U);
  EXPECT_EQ(weight.elements.max_ulp, 1U);
  const auto same = state(base_, 0);
  EXPECT_TRUE(verify::compare_states({store(), same}, {store(), same}, "").identical);
}

TEST_F(Compare, StatesCanBeRestrictedToOneTensor) {
  const auto a = state(base_, 0);
  const auto b = state(base_, 1);
  const Comparison result = verify::compare_states({store(), a}, {store(), b}, "model.norm.weight");
  ASSERT_EQ(result.tensors.size(), 1U);
  EXPECT_THROW(verify::compare_states({store(), a}, {store(), b}, "no.such"), Error);
}

TEST_F(Compare, StatesWithOtherNamesShapesOrDtypesSaySo) {
  auto a = state(base_, 0);
  auto b = a;
  b.tensors[0].shape = {8, 4};
  b.tensors[1].dtype = "int64";
  b.tensors[2].name = "new.weight";
  const Comparison result = verify::compare_states({store(), a}, {store(), b}, "");
  std::map<std::string, std::string> what;
  for (const auto& tensor : result.tensors) what[tensor.name] = tensor.what;
  EXPECT_EQ(what[a.tensors[0].name], "shape");
  EXPECT_EQ(what[a.tensors[1].name], "dtype");
  EXPECT_EQ(what[a.tensors[2].name], "only in A");
  EXPECT_EQ(what["new.weight"], "only in B");
}

TEST_F(Compare, ADamagedTensorIsAnErrorNotADifference) {
  const auto a = state(base_, 0);
  const auto b = state(base_, 1);
  std::filesystem::resize_file(store().object_path(a.tensors[0].digest), 5);
  try {
    verify::compare_states({store(), a}, {store(), b}, "");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::corruption);
  }
}

TEST_F(Compare, ConfigsListKeysWithTheirClass) {
  RunPlan plan;
  plan.learning_rate = "0.5";
  plan.threads = 2;
  const Comparison result =
      verify::compare_configs(StoreBuilder::make_config({}), StoreBuilder::make_config(plan));
  EXPECT_FALSE(result.identical);
  EXPECT_EQ(result.differences.size(), 2U);
  EXPECT_THAT(result.differences, Contains(difference("deciding", "optimizer.learning_rate")));
  EXPECT_THAT(result.differences, Contains(difference("running", "run.threads")));
}

TEST_F(Compare, DatasetsAreTheirContentNotTheirNotes) {
  const auto load = [&](const Digest& digest) {
    return manifests::parse_dataset(store().get(digest), "dataset");
  };
  const auto a = load(builder_.add_dataset("a"));
  EXPECT_TRUE(verify::compare_datasets(a, load(builder_.add_dataset("b"))).identical);
  auto noted = a;
  noted.sources = {{"x.txt", sha256("x"), 1, 1}};
  EXPECT_TRUE(verify::compare_datasets(a, noted).identical);
  const Comparison result = verify::compare_datasets(a, load(builder_.add_dataset("c", 120)));
  EXPECT_FALSE(result.identical);
  EXPECT_THAT(result.differences, Contains(difference("dataset", "root")));
  EXPECT_THAT(result.differences, Contains(difference("dataset", "tokens")));
}

class Folders : public ::testing::Test {
 protected:
  Comparison compare() {
    return verify::compare_paths(system_file_system(), folder_ / "a", folder_ / "b");
  }

  void write_tensors(const std::string& name, const std::vector<float>& values) {
    folder_.write(name, "");
    const auto file = system_file_system().open(folder_ / name, OpenMode::write);
    artifacts::write_safetensors(*file,
                                 {{"w", "float32", {static_cast<std::int64_t>(values.size())}}}, {},
                                 [&](const std::string&, const artifacts::TensorSink& sink) {
                                   sink(std::as_bytes(std::span(values)));
                                 });
  }

  support::TemporaryFolder folder_;
};

TEST_F(Folders, ListAddedRemovedAndChangedFiles) {
  folder_.write("a/same/x.txt", "x");
  folder_.write("b/same/x.txt", "x");
  folder_.write("a/old.txt", "1");
  folder_.write("b/new.txt", "1");
  folder_.write("a/c.txt", "1");
  folder_.write("b/c.txt", "2");
  const Comparison result = compare();
  EXPECT_FALSE(result.identical);
  EXPECT_EQ(result.num_equal_files, 1U);
  EXPECT_EQ(result.differences.size(), 3U);
  EXPECT_THAT(result.differences, Contains(difference("removed", "old.txt")));
  EXPECT_THAT(result.differences, Contains(difference("added", "new.txt")));
  EXPECT_THAT(result.differences, Contains(difference("changed", "c.txt")));
}

TEST_F(Folders, CompareTensorFilesByTensor) {
  write_tensors("a/m.safetensors", {1, 2, 3});
  write_tensors("b/m.safetensors", {1, 2, 4});
  const Comparison result = compare();
  ASSERT_EQ(result.tensors.size(), 1U);
  EXPECT_EQ(result.tensors[0].name, "m.safetensors: w");
  EXPECT_EQ(result.tensors[0].elements.first_index, 2U);
  EXPECT_EQ(result.tensors[0].elements.max_absolute, 1);
}

TEST_F(Folders, ADamagedTensorFileIsCorruption) {
  write_tensors("a/m.safetensors", {1, 2, 3});
  folder_.write("b/m.safetensors", "not tensors");
  try {
    compare();
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::corruption);
  }
}

TEST_F(Folders, FollowNoSymlinkInside) {
  folder_.write("a/x", "same");
  folder_.write("b/y", "same");
  std::filesystem::create_symlink(folder_ / "a/x", folder_ / "b/x");
  const Comparison result = compare();
  EXPECT_THAT(result.differences, Contains(difference("changed", "x")));
}

TEST_F(Folders, SingleFilesAndMistakes) {
  folder_.write("a", "1");
  folder_.write("b", "1");
  EXPECT_TRUE(compare().identical);
  std::filesystem::create_directories(folder_ / "d");
  EXPECT_THROW(verify::compare_paths(system_file_system(), folder_ / "a", folder_ / "d"), Error);
  EXPECT_THROW(verify::compare_paths(system_file_system(), folder_ / "a", folder_ / "zz"), Error);
}

}  // namespace
}  // namespace repro::verify_test

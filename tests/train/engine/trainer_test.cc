#include "train/engine/trainer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "artifacts/base/error.h"
#include "tests/conformance/smoke_run.h"
#include "tests/support/temporary_folder.h"

namespace repro::train {
namespace {

TEST(GradientGroups, DefaultIsOneSequence) {
  const auto groups = gradient_groups(3, 8, 0);
  ASSERT_EQ(groups.size(), 3U);
  EXPECT_EQ(groups[2].begin, 16);
  EXPECT_EQ(groups[2].end, 24);
}

TEST(GradientGroups, TakeWholeSequencesUpToTheirSize) {
  const auto groups = gradient_groups(5, 8, 20);
  ASSERT_EQ(groups.size(), 3U);
  EXPECT_EQ(groups[0].end, 16);
  EXPECT_EQ(groups[2].begin, 32);
  EXPECT_EQ(groups[2].end, 40);
}

TEST(GradientGroups, CutALongSequenceAtMultiples) {
  const auto groups = gradient_groups(2, 8, 3);
  ASSERT_EQ(groups.size(), 6U);
  EXPECT_EQ(groups[2].begin, 6);
  EXPECT_EQ(groups[2].end, 8);
  EXPECT_EQ(groups[3].begin, 8);
}

class TrainerTest : public testing::Test {
 protected:
  TrainerTest()
      : store_(artifacts::Store::init(system_file_system(), folder_.path() + "/.repro")),
        inputs_(smoke_inputs("olmo2-tiny", store_)),
        parallel_(1),
        machine_{&parallel_, "auto", 0} {
    inputs_.config.data.sequence_length = 32;
    inputs_.config.train.batch_size = 2;
  }

  const support::TemporaryFolder folder_;
  artifacts::Store store_;
  SmokeInputs inputs_;
  Parallel parallel_;
  Machine machine_;
};

TEST_F(TrainerTest, ANonFiniteValueStopsTheStepAndNamesTensorAndStep) {
  inputs_.config.optimizer.learning_rate = 1e38;
  inputs_.config.schedule.warmup_steps = 0;
  Trainer trainer(inputs_.config, store_, inputs_.dataset, machine_);
  trainer.initialize();
  try {
    for (int i = 0; i < 20; ++i) trainer.step(false);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::invalid_argument);
    EXPECT_NE(error.message().find("non-finite value in "), std::string::npos) << error.what();
    EXPECT_NE(error.message().find("step "), std::string::npos) << error.what();
  }
}

TEST_F(TrainerTest, GradientGroupsDecideBitsAndMicroBatchesDoNot) {
  const auto state_after = [&](std::int64_t grad_group, std::int64_t micro_batch) {
    manifests::Config config = inputs_.config;
    config.train.grad_group = grad_group;
    Machine machine = machine_;
    machine.micro_batch = micro_batch;
    Trainer trainer(config, store_, inputs_.dataset, machine);
    trainer.initialize();
    trainer.step(false);
    return compute_roots(trainer.parameters(), trainer.cursor(), parallel_).state;
  };
  EXPECT_EQ(state_after(0, 1), state_after(32, 2));
  EXPECT_EQ(state_after(64, 1), state_after(64, 2));
  EXPECT_EQ(state_after(5, 1), state_after(5, 2));
  EXPECT_NE(state_after(0, 1), state_after(64, 1));
}

TEST_F(TrainerTest, SkippedBatchesArePassedOver) {
  Trainer straight(inputs_.config, store_, inputs_.dataset, machine_);
  straight.initialize();
  straight.step(false);
  const Digest second = straight.step(false).batch;
  inputs_.config.data.skip_batches = {{0, 1}};
  Trainer skipping(inputs_.config, store_, inputs_.dataset, machine_);
  skipping.initialize();
  EXPECT_EQ(skipping.step(false).batch, second);
  EXPECT_EQ(skipping.cursor().batch, 2);
}

TEST_F(TrainerTest, AStateOfAnotherModelIsRefusedWithAList) {
  Trainer trainer(inputs_.config, store_, inputs_.dataset, machine_);
  trainer.initialize();
  const SavedState saved =
      save_state(store_, trainer.parameters(), trainer.cursor(), Digest{}, parallel_);
  manifests::Config other = inputs_.config;
  other.model.num_layers = 1;
  other.model.intermediate_size = 48;
  Trainer smaller(other, store_, inputs_.dataset, machine_);
  try {
    smaller.load(store_, saved.manifest);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::invalid_argument);
    EXPECT_NE(error.message().find("model.layers.0.mlp.down_proj.weight is float32 ["),
              std::string::npos);
    EXPECT_NE(error.message().find("extra exp_avg/model.layers.1."), std::string::npos);
  }
}

TEST_F(TrainerTest, WeightsAloneAreThoseOfTheState) {
  Trainer trainer(inputs_.config, store_, inputs_.dataset, machine_);
  trainer.initialize();
  trainer.step(false);
  const SavedState saved =
      save_state(store_, trainer.parameters(), trainer.cursor(), Digest{}, parallel_);
  Parameters parameters(inputs_.config.model);
  EXPECT_EQ(load_weights(store_, saved.manifest, parameters, parallel_), saved.roots.model);
  const Parameters& expected = trainer.parameters();
  for (const Parameter& tensor : expected.tensors) {
    const auto bytes = static_cast<std::size_t>(tensor.count) * sizeof(float);
    EXPECT_EQ(std::memcmp(parameters.weights.data() + tensor.offset,
                          expected.weights.data() + tensor.offset, bytes),
              0)
        << tensor.name;
  }
  // A model that was imported has no more than them.
  manifests::State state = manifests::parse_state(store_.get(saved.manifest), "state");
  std::erase_if(state.tensors, [](const auto& t) { return !manifests::is_weight(t.name); });
  state.state_root = manifests::compute_state_root(state);
  const Digest alone = store_.put(manifests::encode_state(state)).digest;
  EXPECT_EQ(load_weights(store_, alone, parameters, parallel_), saved.roots.model);
  state.tensors.pop_back();
  state.model_root = manifests::compute_model_root(state);
  state.state_root = manifests::compute_state_root(state);
  const Digest fewer = store_.put(manifests::encode_state(state)).digest;
  EXPECT_THROW(load_weights(store_, fewer, parameters, parallel_), Error);
}

// Two weights of one shape whose objects are exchanged: each object is sound, the state is not.
TEST_F(TrainerTest, WeightsThatDoNotHaveTheirRootAreCorruption) {
  Trainer trainer(inputs_.config, store_, inputs_.dataset, machine_);
  trainer.initialize();
  const SavedState saved =
      save_state(store_, trainer.parameters(), trainer.cursor(), Digest{}, parallel_);
  manifests::State state = manifests::parse_state(store_.get(saved.manifest), "state");
  const auto digest_of = [&](const char* name) -> Digest& {
    return std::find_if(state.tensors.begin(), state.tensors.end(),
                        [&](const manifests::StateTensor& tensor) { return tensor.name == name; })
        ->digest;
  };
  std::swap(digest_of("model.layers.0.mlp.gate_proj.weight"),
            digest_of("model.layers.0.mlp.up_proj.weight"));
  const Digest manifest = store_.put(manifests::encode_state(state)).digest;
  Parameters parameters(inputs_.config.model);
  try {
    load_weights(store_, manifest, parameters, parallel_);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::corruption);
    EXPECT_NE(error.message().find("model.layers.0.mlp.gate_proj.weight"), std::string::npos)
        << error.what();
  }
}

TEST_F(TrainerTest, ADatasetShorterThanOneSequenceIsRefused) {
  inputs_.config.data.sequence_length = 1 << 20;
  EXPECT_THROW(Trainer(inputs_.config, store_, inputs_.dataset, machine_), Error);
}

}  // namespace
}  // namespace repro::train

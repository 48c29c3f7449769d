// What the telemetry says about the inputs of linear maps, and that looking changes nothing.
#include "train/nn/peaks.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "tests/conformance/smoke_run.h"
#include "tests/support/temporary_folder.h"
#include "train/engine/trainer.h"
#include "train/kernels/paths.h"

namespace repro::train {
namespace {

TEST(Peaks, MaximumRmsAndLargestRatioOfARow) {
  // Two rows of four, the fifth column is another tensor's.
  const std::vector<float> x = {1, -1, 1, 1, 99, 0, 0, -6, 0, 99};
  Parallel parallel(1);
  Peaks peaks;
  peaks.observe("x", x.data(), 2, 4, 5, scalar_row_kernels(), parallel);
  ASSERT_EQ(peaks.list().size(), 1U);
  const Peak& peak = peaks.list().front();
  EXPECT_EQ(peak.tensor, "x");
  EXPECT_EQ(peak.rows, 2);
  EXPECT_EQ(peak.max, 6);
  EXPECT_EQ(peak.ratio, 2);  // 6 / 3 in the second row
  EXPECT_EQ(peak.rms(), std::sqrt(5.0));
}

TEST(Peaks, RowsOfZerosHaveNoRatioAndSquaresMayOverflow) {
  const std::vector<float> x = {0, 0, 1e30F, 1e30F};
  Parallel parallel(1);
  Peaks peaks;
  peaks.observe("zero", x.data(), 1, 2, 2, scalar_row_kernels(), parallel);
  peaks.observe("large", x.data() + 2, 1, 2, 2, scalar_row_kernels(), parallel);
  ASSERT_EQ(peaks.list().size(), 2U);
  EXPECT_EQ(peaks.list()[0].ratio, 0);
  EXPECT_EQ(peaks.list()[0].rms(), 0);
  EXPECT_EQ(peaks.list()[1].max, 1e30F);
  EXPECT_FALSE(std::isfinite(peaks.list()[1].rms()));
}

class PeaksOfTraining : public testing::Test {
 protected:
  PeaksOfTraining()
      : store_(artifacts::Store::init(system_file_system(), folder_.path() + "/.repro")),
        inputs_(smoke_inputs("olmo2-tiny", store_)) {
    inputs_.config.data.sequence_length = 32;
    inputs_.config.train.batch_size = 2;
  }

  struct Seen {
    Peaks peaks;
    logs::EvalEvent eval;
    Digest state;
  };
  // A step, an evaluation that looks or not, and another step.
  Seen train(int threads, const std::string& kernels, std::int64_t micro_batch, bool look) {
    Parallel parallel(threads);
    Trainer trainer(inputs_.config, store_, inputs_.dataset, {&parallel, kernels, micro_batch});
    trainer.initialize();
    trainer.step(false);
    Seen seen;
    seen.eval = trainer.evaluate(look ? &seen.peaks : nullptr);
    trainer.step(false);
    seen.state = compute_roots(trainer.parameters(), trainer.cursor(), parallel).state;
    return seen;
  }

  const support::TemporaryFolder folder_;
  artifacts::Store store_;
  SmokeInputs inputs_;
};

TEST_F(PeaksOfTraining, EveryLinearMapIsSeenOverEveryTokenOfTheEvaluation) {
  const Seen seen = train(1, "auto", 0, true);
  const std::int64_t layers = inputs_.config.model.num_layers;
  ASSERT_EQ(seen.peaks.list().size(), static_cast<std::size_t>(4 * layers + 1));
  EXPECT_EQ(seen.peaks.list().front().tensor, "input of model.layers.0.self_attn.q_proj.weight");
  EXPECT_EQ(seen.peaks.list().back().tensor, "model.norm.weight");
  for (const Peak& peak : seen.peaks.list()) {
    // Each instance has one token more than it has targets.
    EXPECT_EQ(peak.rows, seen.eval.tokens / 31 * 32) << peak.tensor;
    EXPECT_GE(peak.ratio, 1) << peak.tensor;
    EXPECT_GE(static_cast<double>(peak.max), peak.rms()) << peak.tensor;
  }
}

TEST_F(PeaksOfTraining, LookingChangesNoBit) {
  const Seen blind = train(1, "auto", 0, false);
  const Seen seen = train(1, "auto", 0, true);
  EXPECT_TRUE(blind.peaks.list().empty());
  EXPECT_EQ(blind.eval, seen.eval);
  EXPECT_EQ(blind.state, seen.state);
}

TEST_F(PeaksOfTraining, FiguresDependOnNeitherThreadsNorKernelsNorMicroBatch) {
  const Seen one = train(1, "scalar", 1, true);
  for (const KernelPath& path : available_paths()) {
    const Seen other = train(3, std::string(path.name), 2, true);
    ASSERT_EQ(other.peaks.list().size(), one.peaks.list().size());
    for (std::size_t i = 0; i < one.peaks.list().size(); ++i) {
      const Peak& a = one.peaks.list()[i];
      const Peak& b = other.peaks.list()[i];
      EXPECT_EQ(a.tensor, b.tensor);
      EXPECT_EQ(a.max, b.max) << a.tensor;
      EXPECT_EQ(a.ratio, b.ratio) << a.tensor;
      EXPECT_EQ(a.rms(), b.rms()) << a.tensor;
      EXPECT_EQ(a.rows, b.rows) << a.tensor;
    }
  }
}

}  // namespace
}  // namespace repro::train

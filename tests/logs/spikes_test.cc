// Series made by hand, whose mean and deviation are known.
#include "logs/spikes.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <vector>

#include "artifacts/base/error.h"
#include "logs/run_log.h"

namespace repro::logs {
namespace {

// `count` values -1, 1, -1, ...: for an even count the mean is 0, and the deviation of a sample
// sqrt(count / (count - 1)).
std::vector<double> swinging(std::size_t count) {
  std::vector<double> series;
  for (std::size_t i = 0; i < count; ++i) series.push_back(i % 2 == 0 ? -1 : 1);
  return series;
}

SpikeScore with(std::vector<double> series, const std::vector<double>& more) {
  series.insert(series.end(), more.begin(), more.end());
  return spike_score(series);
}

TEST(Spikes, AreSevenDeviationsFromTheMeanOnEitherSide) {
  const double edge = 7 * std::sqrt(100.0 / 99.0);  // 7.035
  EXPECT_EQ(with(swinging(100), {edge + 1e-9}), (SpikeScore{1, 51}));
  EXPECT_EQ(with(swinging(100), {-edge - 1e-9}), (SpikeScore{1, 51}));
  EXPECT_EQ(with(swinging(100), {edge - 1e-9}), (SpikeScore{0, 51}));
  EXPECT_EQ(with(swinging(100), {7.0}), (SpikeScore{0, 51}));
}

TEST(Spikes, AreJudgedAfterFiftyValues) {
  EXPECT_EQ(spike_score({}), (SpikeScore{0, 0}));
  EXPECT_EQ(with(swinging(48), {1000}), (SpikeScore{0, 0}));
  EXPECT_EQ(with(swinging(49), {1000}), (SpikeScore{0, 0}));
  EXPECT_EQ(with(swinging(50), {1000}), (SpikeScore{1, 1}));
  EXPECT_EQ(spike_score({}).share(), 0);
  EXPECT_EQ(with(swinging(50), {1000}).share(), 1);
}

TEST(Spikes, StayInTheWindowOfWhatFollows) {
  // After 1000 the deviation is about 140: the second leap is none.
  EXPECT_EQ(with(swinging(50), {1000, 900}), (SpikeScore{1, 2}));
}

TEST(Spikes, LookBackOnTheLastThousandValuesOnly) {
  // A hundred wild values, then a thousand tame ones: 8 stands out only where the wild are gone.
  std::vector<double> series;
  for (int i = 0; i < 100; ++i) series.push_back(i % 2 == 0 ? -40 : 40);
  const std::vector<double> tame = swinging(1000);
  std::vector<double> early = series;
  early.insert(early.end(), tame.begin(), tame.begin() + 900);
  EXPECT_EQ(with(early, {8}).spikes, 0);
  series.insert(series.end(), tame.begin(), tame.end());
  EXPECT_EQ(with(series, {8}).spikes, 1);
  EXPECT_EQ(with(series, {7.5}).spikes, 1);
  EXPECT_EQ(with(series, {6.9}).spikes, 0);
  EXPECT_EQ(with(series, {8}).judged, 100 + 1000 + 1 - 50);
}

TEST(Spikes, AmongEqualValuesAnyOtherIsOne) {
  const std::vector<double> flat(60, 2.5);
  EXPECT_EQ(spike_score(flat), (SpikeScore{0, 10}));
  EXPECT_EQ(with(flat, {2.5000001, 2.5}), (SpikeScore{1, 12}));
}

Json step_line(std::int64_t step, double loss, double norm) {
  StepEvent event;
  event.step = step;
  event.tokens = 64;
  event.loss_sum = std::llround(std::ldexp(loss * 64, 30));
  event.grad_norm = norm;
  return encode_step(event);
}

TEST(Spikes, OfARunAreThoseOfLossAndGradientNorm) {
  std::vector<Json> events;
  EvalEvent eval;
  eval.tokens = 1;
  for (std::int64_t step = 1; step <= 200; ++step) {
    const double swing = step % 2 == 0 ? 0.5 : -0.5;
    events.push_back(step_line(step, step == 150 ? 9 : 3 + swing / 10,
                               step == 60 || step == 199 ? 50 : 1 + swing / 100));
    if (step % 10 == 0) events.push_back(encode_eval(eval));
  }
  const RunSpikes spikes = run_spikes(events, "log");
  EXPECT_EQ(spikes.loss, (SpikeScore{1, 150}));
  EXPECT_EQ(spikes.grad_norm, (SpikeScore{2, 150}));
  EXPECT_EQ(encode_json(encode_spikes(spikes)),
            R"({"grad_norm":{"judged":150,"share":"0.013333333333333334","spikes":2},)"
            R"("loss":{"judged":150,"share":"0.006666666666666667","spikes":1}})");
}

TEST(Spikes, OfALogThatIsNoneAreAnError) {
  const std::vector<Json> events = {Json{{"type", "step"}}};
  EXPECT_THROW(run_spikes(events, "log"), Error);
}

}  // namespace
}  // namespace repro::logs

// run.recompute keeps of each layer its input and computes the rest again: no bit of a step, of an
// evaluation or of its peaks depends on it.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "tests/train/device/emulated_device.h"
#include "train/models/olmo2_device.h"
#include "train/models/olmo2_exact.h"

namespace repro::train {
namespace {

constexpr std::int64_t kLength = 150;  // more than one block of 128 positions

struct Form {
  std::string norm = "post";
  bool qk_norm = true;
  std::int64_t layers = 3;
  bool documents = false;
  bool on_device = false;
};

manifests::Config config_of(const Form& form, bool recompute) {
  manifests::Config config;
  config.model.hidden_size = 48;
  config.model.num_layers = form.layers;
  config.model.num_heads = 4;
  config.model.num_kv_heads = 2;
  config.model.intermediate_size = 80;
  config.model.vocab_size = 90;
  config.model.norm = form.norm;
  config.model.qk_norm = form.qk_norm;
  config.data.sequence_length = kLength;
  config.data.mask_documents = form.documents;
  config.train.batch_size = 3;
  config.run.recompute = recompute;
  return config;
}

struct Result {
  std::vector<float> state;  // weights, exp_avg, exp_avg_sq
  std::vector<double> norms;
  std::vector<std::int64_t> losses;
  std::vector<double> peaks;
};

class Batches {
 public:
  explicit Batches(bool documents) {
    for (std::uint32_t i = 0; i < 3 * kLength; ++i) ids_.push_back((i * i + i / 5) % 90);
    if (!documents) return;
    begins_.assign(ids_.size(), 0);
    std::fill(begins_.begin() + 40, begins_.begin() + kLength, 40);
  }
  // `count` sequences from `first` on.
  MicroBatch part(std::int64_t first, std::int64_t count) const {
    const auto begin = static_cast<std::size_t>(first * kLength);
    const auto size = static_cast<std::size_t>(count * kLength);
    MicroBatch batch;
    batch.ids = std::span(ids_).subspan(begin, size);
    if (!begins_.empty()) batch.begins = std::span(begins_).subspan(begin, size);
    batch.sequences = count;
    batch.length = kLength;
    for (std::int64_t i = 0; i < count; ++i)
      batch.groups.push_back({i * kLength, (i + 1) * kLength});
    return batch;
  }

 private:
  std::vector<std::uint32_t> ids_;
  std::vector<std::int32_t> begins_;
};

// Three steps of two micro-batches of different sizes, each with an evaluation before it.
Result trained(const Form& form, bool recompute) {
  const manifests::Config config = config_of(form, recompute);
  Parallel parallel(2);
  Parameters parameters(config.model);
  parameters.initialize(config.model, 3, parallel);
  const auto backend =
      form.on_device ? make_device_olmo2(config, std::make_unique<EmulatedDevice>(), parameters)
                     : make_exact_olmo2(config, choose_path("auto"), parallel, parameters);
  const Batches batches(form.documents);
  Result result;
  backend->refresh();
  for (std::int64_t step = 1; step <= 3; ++step) {
    Peaks peaks;
    result.losses.push_back(backend->evaluate(batches.part(1, 1), &peaks).cross_entropy);
    for (const Peak& peak : peaks.list()) result.peaks.push_back(peak.ratio);
    backend->begin_step(step);
    result.losses.push_back(backend->accumulate(batches.part(0, 1)).cross_entropy);
    result.losses.push_back(backend->accumulate(batches.part(1, 2)).cross_entropy);
    UpdateConstants constants;
    constants.normalizer = 3 * (kLength - 1);
    constants.correction1 = constants.correction2 = 0.1F;
    constants.one_minus_beta1 = constants.one_minus_beta2 = 0.1F;
    constants.learning_rate = 0.01F;
    constants.epsilon = 1e-8F;
    result.norms.push_back(backend->gradient_norm(constants.normalizer));
    backend->update(constants, result.norms.back());
  }
  backend->fetch();
  for (const auto* buffer : {&parameters.weights, &parameters.exp_avg, &parameters.exp_avg_sq}) {
    result.state.insert(result.state.end(), buffer->data(), buffer->data() + buffer->size());
  }
  return result;
}

class Recompute : public testing::TestWithParam<Form> {};

TEST_P(Recompute, ChangesNoBit) {
  const Result kept = trained(GetParam(), false);
  const Result again = trained(GetParam(), true);
  EXPECT_TRUE(kept.state == again.state);
  EXPECT_EQ(kept.norms, again.norms);
  EXPECT_EQ(kept.losses, again.losses);
  EXPECT_EQ(kept.peaks, again.peaks);
  EXPECT_EQ(kept.peaks.size(), static_cast<std::size_t>(3 * (4 * GetParam().layers + 1)));
}

INSTANTIATE_TEST_SUITE_P(
    Forms, Recompute,
    testing::Values(Form{}, Form{"pre"}, Form{"pre", false}, Form{"post", false},
                    Form{"pre", true, 1}, Form{"post", true, 1}, Form{"post", true, 3, true},
                    Form{"pre", true, 3, true}, Form{"post", true, 3, false, true},
                    Form{"pre", false, 3, false, true}),
    [](const auto& form) {
      const Form& f = form.param;
      return f.norm + (f.qk_norm ? "" : "_no_qk_norm") + (f.layers == 1 ? "_one_layer" : "") +
             (f.documents ? "_documents" : "") + (f.on_device ? "_device" : "");
    });

}  // namespace
}  // namespace repro::train

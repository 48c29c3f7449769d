// The exact model's gradient against the slope of its own loss: for every tensor, a step along
// that tensor's gradient must change the loss by what the gradient says. Catches a wrong formula
// anywhere in forward or backward; exactness itself is the conformance matrix's business.
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "train/models/olmo2_exact.h"

namespace repro::train {
namespace {

// A form of the model.
struct Form {
  std::int64_t kv_heads = 4;
  std::string norm = "post";
  bool qk_norm = true;
  bool documents = false;  // attention does not cross them
};

manifests::Config tiny_config(const Form& form) {
  manifests::Config config;
  config.model.hidden_size = 32;
  config.model.num_layers = 2;
  config.model.num_heads = 4;
  config.model.num_kv_heads = form.kv_heads;
  config.model.norm = form.norm;
  config.model.qk_norm = form.qk_norm;
  config.model.intermediate_size = 48;
  config.model.vocab_size = 40;
  config.model.init_std = 0.15;  // large enough that every path carries signal
  config.data.sequence_length = 12;
  config.train.batch_size = 2;
  config.loss.z_loss = 0.01;  // large, so that a wrong z term shows
  return config;
}

class GradientTest : public testing::TestWithParam<Form> {
 protected:
  GradientTest()
      : config_(tiny_config(GetParam())),
        parallel_(1),
        parameters_(config_.model),
        backend_(make_exact_olmo2(config_, choose_path("scalar"), parallel_, parameters_)) {
    parameters_.initialize(config_.model, 7, parallel_);
    // Gains of exactly one would hide a missing factor.
    for (const Parameter& tensor : parameters_.tensors) {
      if (tensor.role != manifests::TensorRole::norm) continue;
      for (std::int64_t i = 0; i < tensor.count; ++i) {
        parameters_.weights[tensor.offset + i] = 1.0F + 0.05F * static_cast<float>(i % 7 - 3);
      }
    }
    for (std::uint32_t i = 0; i < 24; ++i) ids_.push_back((i * i * 7 + 3 * i) % 40);
    batch_.ids = ids_;
    batch_.sequences = 2;
    batch_.length = 12;
    batch_.groups = {{0, 12}, {12, 24}};
    // Three documents in the first sequence, one of a single token; one in the second.
    begins_ = {0, 0, 0, 0, 0, 5, 6, 6, 6, 6, 6, 6};
    begins_.resize(24, 0);
    if (GetParam().documents) batch_.begins = begins_;
    backend_->refresh();
  }

  double loss() {
    backend_->refresh();
    const LossSums sums = backend_->evaluate(batch_, nullptr);
    return std::ldexp(static_cast<double>(sums.cross_entropy + sums.z_loss), -30);
  }

  std::vector<double> gradient_of(const Parameter& tensor) const {
    std::vector<double> gradient;
    for (std::int64_t i = 0; i < tensor.count; ++i) {
      gradient.push_back(
          std::ldexp(static_cast<double>(parameters_.gradient[tensor.offset + i]), -32));
    }
    return gradient;
  }

  void move(const Parameter& tensor, const std::vector<double>& direction, double amount) {
    for (std::int64_t i = 0; i < tensor.count; ++i) {
      parameters_.weights[tensor.offset + i] +=
          static_cast<float>(amount * direction[static_cast<std::size_t>(i)]);
    }
  }

  manifests::Config config_;
  Parallel parallel_;
  Parameters parameters_;
  std::unique_ptr<Backend> backend_;
  std::vector<std::uint32_t> ids_;
  std::vector<std::int32_t> begins_;
  MicroBatch batch_;
};

TEST_P(GradientTest, IsTheSlopeOfTheLossForEveryTensor) {
  backend_->begin_step(1);
  const LossSums sums = backend_->accumulate(batch_);
  EXPECT_EQ(sums.targets, 22);
  for (const Parameter& tensor : parameters_.tensors) {
    const std::vector<double> gradient = gradient_of(tensor);
    double squares = 0;
    for (double g : gradient) squares += g * g;
    ASSERT_GT(squares, 0) << tensor.name;
    // The loss should move by 0.2 each way: far above the quantisation noise, still nearly linear.
    const double amount = 0.2 / squares;
    move(tensor, gradient, amount);
    const double above = loss();
    move(tensor, gradient, -2 * amount);
    const double below = loss();
    move(tensor, gradient, amount);
    EXPECT_NEAR((above - below) / 0.4, 1.0, 0.03) << tensor.name;
  }
}

TEST_P(GradientTest, LossDoesNotDependOnHowSequencesAreGrouped) {
  const LossSums together = backend_->evaluate(batch_, nullptr);
  LossSums apart;
  for (std::size_t s = 0; s < 2; ++s) {
    MicroBatch one;
    one.ids = std::span(ids_).subspan(s * 12, 12);
    if (!batch_.begins.empty()) one.begins = batch_.begins.subspan(s * 12, 12);
    one.sequences = 1;
    one.length = 12;
    apart += backend_->evaluate(one, nullptr);
  }
  EXPECT_EQ(together.cross_entropy, apart.cross_entropy);
  EXPECT_EQ(together.z_loss, apart.z_loss);
}

INSTANTIATE_TEST_SUITE_P(Forms, GradientTest,
                         testing::Values(Form{}, Form{.kv_heads = 2}, Form{.kv_heads = 1},
                                         Form{.kv_heads = 2, .norm = "pre"},
                                         Form{.kv_heads = 2, .qk_norm = false},
                                         Form{.norm = "pre", .qk_norm = false},
                                         Form{.kv_heads = 2, .documents = true}));

}  // namespace
}  // namespace repro::train

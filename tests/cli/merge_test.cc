// `merge`: what becomes of which parents, what is reported, what is refused.
#include <gmock/gmock.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <sstream>

#include "artifacts/base/clock.h"
#include "cli/new_model.h"
#include "manifests/model_shape.h"
#include "tests/cli/cli_fixture.h"

namespace repro::cli_test {
namespace {

using testing::HasSubstr;

// Value of an element, by its number in the model.
using Fill = std::function<float(std::size_t)>;

manifests::ModelConfig small_model() {
  manifests::ModelConfig model;
  model.hidden_size = 4;
  model.num_layers = 1;
  model.num_heads = 2;
  model.num_kv_heads = 2;
  model.intermediate_size = 4;
  model.vocab_size = 8;
  return model;
}

class Merge : public CliTest {
 protected:
  Merge() { must({"init"}); }

  void make_model(const std::string& name, const Fill& fill,
                  const manifests::ModelConfig& config = small_model(),
                  const std::string& tokenizer = "ids/1") {
    std::ostringstream text;
    cli::Io io(text, text, {});
    cli::Context context(io, system_file_system(), system_clock());
    manifests::Model model;
    model.name = name;
    model.model = config;
    model.positions = 16;
    model.tokenizer = tokenizer;
    model.origin.operation = "made/1";
    model.origin.settings = {{"name", name}};
    std::vector<manifests::StateTensor> tensors;
    std::size_t count = 0;
    for (const manifests::ParameterShape& shape : manifests::parameter_shapes(config)) {
      std::int64_t size = 1;
      for (const std::int64_t dimension : shape.shape) size *= dimension;
      std::vector<float> values;
      while (values.size() < static_cast<std::size_t>(size)) values.push_back(fill(count++));
      tensors.push_back(cli::put_tensor(context.store(), {shape.name, "float32", shape.shape},
                                        std::as_bytes(std::span(values))));
    }
    cli::publish_model(context, model, tensors);
  }

  // Of a tensor of a model.
  std::vector<float> values_of(const std::string& model, const std::string& tensor) {
    const std::string folder = "out-" + model;
    must({"checkout", model, "-o", folder, "--format", "raw"});
    const std::string bytes = support::read_text(folder_ / (folder + "/" + tensor + ".bin"));
    std::vector<float> values(bytes.size() / sizeof(float));
    std::memcpy(values.data(), bytes.data(), bytes.size());
    return values;
  }

  std::size_t model_count() {
    return must({"status", "--json"}).json_of("status").at("models").size();
  }
};

TEST_F(Merge, IsTheMeanAndNamesItsParents) {
  make_model("a", [](std::size_t i) { return static_cast<float>(i); });
  make_model("b", [](std::size_t i) { return static_cast<float>(i) + 1; });
  make_model("c", [](std::size_t i) { return static_cast<float>(i) + 5; });
  const Json made = must({"merge", "a", "b", "c", "--name", "soup", "--json"}).json_of("merge");
  EXPECT_EQ(made.at("formula"), "exact");
  EXPECT_EQ(made.at("parents"), 3);
  EXPECT_TRUE(made.at("made"));
  EXPECT_EQ(values_of("soup", "lm_head.weight")[3], 5.0F);
  const Json shown = must({"show", "soup", "--json"}).json_of("model_manifest");
  EXPECT_EQ(shown.at("digest"), made.at("digest"));
  EXPECT_EQ(shown.at("operation"), "merge/1");
  EXPECT_EQ(shown.at("parents").size(), 3U);
  const std::string drawn = must({"show", "soup"}).out;
  EXPECT_THAT(drawn, HasSubstr("merge/1 formula=exact"));
  EXPECT_THAT(drawn, HasSubstr("- a  made/1"));
  must({"fsck"});
}

TEST_F(Merge, TheExactMeanHasNoOrder) {
  make_model("a", [](std::size_t i) { return 1e8F / static_cast<float>(i + 1); });
  make_model("b", [](std::size_t i) { return std::sin(static_cast<float>(i)); });
  make_model("c", [](std::size_t i) { return -1e8F / static_cast<float>(i + 1); });
  const Json one = must({"merge", "a", "b", "c", "--name", "one", "--json"}).json_of("merge");
  const Json two = must({"merge", "c", "a", "b", "--name", "two", "--json"}).json_of("merge");
  EXPECT_EQ(one.at("digest"), two.at("digest"));
  EXPECT_EQ(one.at("derivation"), two.at("derivation"));
  const Json hf =
      must({"merge", "a", "b", "c", "--as", "hf", "--name", "hf", "--json"}).json_of("merge");
  const Json other =
      must({"merge", "a", "c", "b", "--as", "hf", "--name", "hf2", "--json"}).json_of("merge");
  EXPECT_NE(hf.at("digest"), other.at("digest"));
  EXPECT_NE(hf.at("derivation"), other.at("derivation"));
}

TEST_F(Merge, TheSameMeanIsReportedAnotherOneIsRefused) {
  make_model("a", [](std::size_t i) { return static_cast<float>(i); });
  make_model("b", [](std::size_t i) { return static_cast<float>(i) / 3; });
  const Outcome first = must({"merge", "a", "b", "--name", "soup"});
  const Outcome again = must({"merge", "b", "a", "--name", "soup"});
  EXPECT_EQ(again.out, first.out);
  EXPECT_THAT(again.error, HasSubstr("is this mean already"));
  const Outcome other = run({"merge", "a", "b", "--as", "olmo", "--name", "soup"});
  EXPECT_EQ(other.code, 6);
  EXPECT_THAT(other.error, HasSubstr("soup exists"));
  EXPECT_EQ(must({"merge", "a", "b", "--name", "soup"}).out, first.out);
}

TEST_F(Merge, DifferentModelsAreRefusedWithWhatDiffers) {
  make_model("a", [](std::size_t) { return 1.0F; });
  manifests::ModelConfig wide = small_model();
  wide.intermediate_size = 6;
  wide.num_layers = 2;
  wide.rope_theta = 10000;
  make_model(
      "wide", [](std::size_t) { return 1.0F; }, wide);
  make_model(
      "bytes", [](std::size_t) { return 1.0F; }, small_model(), "byte/1");
  const Outcome outcome = run({"merge", "a", "wide", "--name", "soup"});
  EXPECT_EQ(outcome.code, 2);
  for (const char* part :
       {"wide cannot be merged with a", "rope_theta is 10000, not 500000",
        "extra model.layers.1.mlp.up_proj.weight",
        "model.layers.0.mlp.up_proj.weight is float32 [6,4], not float32 [4,4]"}) {
    EXPECT_THAT(outcome.error, HasSubstr(part));
  }
  EXPECT_THAT(run({"merge", "a", "bytes", "--name", "soup"}).error,
              HasSubstr("tokenizer is byte/1, not ids/1"));
  EXPECT_EQ(model_count(), 3U);
}

TEST_F(Merge, NonFiniteWeightsAreRefusedByTensorAndElement) {
  make_model("a", [](std::size_t) { return 1.0F; });
  make_model("nan", [](std::size_t i) {
    return i == 33 ? std::numeric_limits<float>::quiet_NaN() : 1.0F;
  });
  make_model("large", [](std::size_t) { return std::numeric_limits<float>::max(); });
  const Outcome outcome = run({"merge", "a", "nan", "--name", "soup"});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.error, HasSubstr("nan: element 1 of model.embed_tokens.weight is nan"));
  make_model("larger", [](std::size_t) { return std::numeric_limits<float>::max(); });
  const Outcome sum = run({"merge", "large", "larger", "--as", "hf", "--name", "soup"});
  EXPECT_EQ(sum.code, 2);
  EXPECT_THAT(sum.error, HasSubstr("the mean by this formula: element 0 of"));
  EXPECT_EQ(model_count(), 4U);
  must({"merge", "large", "larger", "--name", "soup"});
  EXPECT_EQ(values_of("soup", "lm_head.weight")[3], std::numeric_limits<float>::max());
}

TEST_F(Merge, WhatIsNoMergeIsRefused) {
  make_model("a", [](std::size_t) { return 1.0F; });
  EXPECT_EQ(run({"merge", "a", "--name", "soup"}).code, 2);
  EXPECT_EQ(run({"merge", "a", "a"}).code, 2);
  EXPECT_EQ(run({"merge", "a", "a", "--name", "../soup"}).code, 2);
  EXPECT_THAT(run({"merge", "a", "a", "--name", "soup", "--as", "mean"}).error,
              HasSubstr("exact, olmo, olmo-core, hf"));
  EXPECT_THAT(run({"merge", "a", "aa", "--name", "soup"}).error, HasSubstr("did you mean a?"));
  EXPECT_EQ(model_count(), 1U);
}

}  // namespace
}  // namespace repro::cli_test

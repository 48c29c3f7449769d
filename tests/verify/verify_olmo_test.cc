// Folders of checkpoints of somebody else's run: made here by hand, then changed.
#include "verify/verify_olmo.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <functional>

#include "artifacts/base/error.h"
#include "artifacts/tensor/safetensors.h"
#include "manifests/model_shape.h"
#include "tests/support/fixtures.h"
#include "tests/support/temporary_folder.h"
#include "verify/weights_equal.h"

namespace repro::verify {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

// A run of 8 steps with a linear schedule to 0, of 2 sequences of 32 tokens a step.
constexpr const char* kTrainerConfig = R"(run_name: small
model: {d_model: 8, n_heads: 2, n_layers: 1, mlp_hidden_size: 24, weight_tying: false,
  rope: true, attention_dropout: 0, residual_dropout: 0, embedding_dropout: 0, include_bias: false,
  layer_norm_type: rms, attention_layer_norm: true, norm_after: true, max_sequence_length: 32,
  vocab_size: 16, embedding_size: 16, init_cutoff_factor: 3}
optimizer: {name: adamw, learning_rate: 0.5}
scheduler: {name: linear_with_warmup, t_warmup: 0, alpha_f: 0}
global_train_batch_size: 2
max_duration: 8
stop_at: 12
data: {drop_last: true}
)";

constexpr const char* kModelConfig =
    R"({"model_type":"olmo2","hidden_size":8,"num_hidden_layers":1,"num_attention_heads":2,
"num_key_value_heads":2,"intermediate_size":12,"vocab_size":16})";

manifests::ModelConfig small_model() {
  manifests::ModelConfig model;
  model.hidden_size = 8;
  model.num_layers = 1;
  model.num_heads = model.num_kv_heads = 2;
  model.intermediate_size = 12;
  model.vocab_size = 16;
  return model;
}

class VerifyOlmo : public testing::Test {
 protected:
  using Tensors = std::vector<artifacts::TensorToWrite>;

  static Tensors all_tensors() {
    Tensors tensors;
    for (const auto& tensor : manifests::parameter_shapes(small_model())) {
      tensors.push_back({tensor.name, "float32", tensor.shape});
    }
    return tensors;
  }

  // A file whose every value is `value`.
  void write_tensors(const std::string& path, const Tensors& tensors, float value) {
    folder_.write(path, "");
    const auto file = system_file_system().open(folder_ / path, OpenMode::write);
    artifacts::write_safetensors(
        *file, tensors, {}, [&](const std::string& name, const artifacts::TensorSink& sink) {
          for (const auto& tensor : tensors) {
            if (tensor.name != name) continue;
            std::int64_t count = 1;
            for (const std::int64_t size : tensor.shape) count *= size;
            const std::vector<float> values(static_cast<std::size_t>(count), value);
            sink(std::as_bytes(std::span(values)));
          }
        });
  }

  void add_checkpoint(const std::string& name, float value) {
    folder_.write(name + "/config.yaml", kTrainerConfig);
    folder_.write(name + "/config.json", kModelConfig);
    write_tensors(name + "/model.safetensors", all_tensors(), value);
  }

  OlmoVerification verify(const std::string& name = ".") {
    return verify_olmo_folder(system_file_system(), folder_ / name, {});
  }
  std::vector<std::string> messages(const OlmoVerification& verification,
                                    Severity least = Severity::mismatch) {
    std::vector<std::string> list;
    for (const Finding& finding : verification.result.findings) {
      if (finding.severity >= least) list.push_back(finding.message);
    }
    return list;
  }

  support::TemporaryFolder folder_;
};

TEST_F(VerifyOlmo, SoundCheckpointsAreConsistentAndNotReproduced) {
  add_checkpoint("step4-unsharded", 1);
  add_checkpoint("step7-unsharded", 2);
  add_checkpoint("step8-unsharded", 2);
  add_checkpoint("step12-unsharded", 2);
  const OlmoVerification verification = verify();
  EXPECT_THAT(messages(verification), testing::IsEmpty());
  EXPECT_EQ(exit_status(verification.result), 0);
  EXPECT_EQ(verification.result.num_tensors, 4U * 14U);
  EXPECT_THAT(verification.result.checked, Contains(HasSubstr("sign of zero (3 checkpoints)")));
  EXPECT_THAT(verification.result.checked, Contains(HasSubstr("complete, each of its shape")));
  EXPECT_THAT(verification.result.not_checked, Contains(HasSubstr("needs a name with tokens")));
  EXPECT_THAT(verification.result.not_checked, Contains(HasSubstr("not reproduced")));
  EXPECT_THAT(verification.derived,
              ElementsAre("step4-unsharded: 256 tokens seen, learning rate 0.25",
                          "step7-unsharded: 448 tokens seen, learning rate 0.0625",
                          "step8-unsharded: 512 tokens seen, learning rate 0",
                          "step12-unsharded: 768 tokens seen, learning rate 0"));
  for (const auto& sentence : verification.result.checked) {
    EXPECT_THAT(sentence, Not(HasSubstr("reproduced")));
  }
}

TEST_F(VerifyOlmo, WeightsThatMoveInTheTailAreFound) {
  add_checkpoint("step7-unsharded", 0.0F);
  add_checkpoint("step12-unsharded", -0.0F);
  EXPECT_EQ(exit_status(verify().result), 0);
  add_checkpoint("step10-unsharded", 1e-30F);
  EXPECT_THAT(messages(verify()),
              ElementsAre(HasSubstr("tensor lm_head.weight differs from that of step7-unsharded, "
                                    "though the learning rate was 0")));
  EXPECT_EQ(exit_status(verify().result), 1);
}

TEST_F(VerifyOlmo, OneCheckpointUnderTwoNamesIsFound) {
  add_checkpoint("step4-unsharded", 1);
  add_checkpoint("step6-unsharded", 1);
  EXPECT_THAT(messages(verify()),
              ElementsAre("has the bytes of step4-unsharded/model.safetensors"));
  folder_.write("step4-unsharded/model.pt", "pickle");
  folder_.write("step6-unsharded/model.pt", "pickle");
  EXPECT_EQ(messages(verify()).size(), 2U);
}

TEST_F(VerifyOlmo, NamesAreHeldAgainstTheRun) {
  add_checkpoint("step13-unsharded", 1);
  EXPECT_THAT(messages(verify("step13-unsharded")),
              ElementsAre("step 13 lies behind the end of the run, step 12"));
  add_checkpoint("stage2-ingredient1-step4-tokens1B", 1);
  EXPECT_TRUE(messages(verify("stage2-ingredient1-step4-tokens1B")).empty());
  add_checkpoint("stage1-step4-tokens2B", 1);
  EXPECT_THAT(messages(verify("stage1-step4-tokens2B")),
              ElementsAre("the name says 2 billion tokens; 4 steps of 64 are 1, rounded up"));
}

TEST_F(VerifyOlmo, TensorsAreHeldAgainstTheModel) {
  folder_.write("step1/config.json", kModelConfig);
  Tensors tensors = all_tensors();
  tensors[0].shape = {8, 16};
  tensors[1].dtype = "int32";
  tensors.back().name = "model.extra";
  write_tensors("step1/model.safetensors", tensors, 1);
  EXPECT_THAT(messages(verify("step1")),
              testing::UnorderedElementsAre(
                  "tensors: lm_head.weight is float32 [8,16], not float32 [16,8]",
                  "tensors: model.embed_tokens.weight is int32 [16,8], not float32 [16,8]",
                  "tensors: extra model.extra", "tensors: missing model.norm.weight"));
}

TEST_F(VerifyOlmo, AnIndexIsHeldAgainstItsFiles) {
  folder_.write("step1/config.json", kModelConfig);
  Tensors tensors = all_tensors();
  const Tensors first(tensors.begin(), tensors.begin() + 2);
  write_tensors("step1/a.safetensors", first, 1);
  write_tensors("step1/b.safetensors", Tensors(tensors.begin() + 1, tensors.end()), 1);
  folder_.write("step1/model.safetensors.index.json",
                R"({"weight_map":{"lm_head.weight":"b.safetensors",
                    "model.norm.weight":"../b.safetensors","gone":"a.safetensors"}})");
  const auto found = messages(verify("step1"));
  EXPECT_THAT(found, Contains("tensor model.embed_tokens.weight is also in a.safetensors"));
  EXPECT_THAT(found, Contains(HasSubstr("is said to lie in b.safetensors, and lies in a.saf")));
  EXPECT_THAT(found, Contains("tensor model.norm.weight is said to lie outside the folder"));
  EXPECT_THAT(found, Contains("tensor gone is not in the folder's files"));
  EXPECT_THAT(found, Contains("tensor model.embed_tokens.weight is not in the index"));
}

TEST_F(VerifyOlmo, ModelsOfBothConfigurationsAreCompared) {
  add_checkpoint("step4", 1);
  std::string other = kModelConfig;
  other.replace(other.find("\"intermediate_size\":12"), 22, "\"intermediate_size\":24");
  folder_.write("step4/config.json", other);
  EXPECT_THAT(messages(verify("step4")),
              Contains("intermediate_size is 12 in config.yaml and 24 in config.json"));
}

TEST_F(VerifyOlmo, DamagedAndForeignFilesAreFindings) {
  add_checkpoint("step4", 1);
  const std::pair<const char*, const char*> configs[] = {
      {"{", "step4/config.json: not valid JSON"},
      {R"({"model_type":"llama"})", "model_type is not olmo2"},
      {R"({"model_type":"olmo2","hidden_size":0})", "hidden_size is 0"},
      {R"({"model_type":"olmo2","hidden_size":"8"})", "hidden_size"}};
  for (const auto& [text, message] : configs) {
    folder_.write("step4/config.json", text);
    EXPECT_THAT(messages(verify("step4")), ElementsAre(HasSubstr(message))) << text;
  }
  folder_.write("step4/config.json", kModelConfig);
  folder_.write("step4/model.safetensors", "broken");
  EXPECT_EQ(exit_status(verify("step4").result), 4);
  add_checkpoint("step4", 1);
  folder_.write("step4/config.yaml", "unknown_key: 1");
  const OlmoVerification verification = verify("step4");
  EXPECT_EQ(exit_status(verification.result), 0);  // a key we do not know is no fault of it
  EXPECT_THAT(messages(verification, Severity::warning),
              ElementsAre(HasSubstr("is not understood")));
  EXPECT_THAT(verification.result.not_checked,
              Contains(HasSubstr("needs a name with a step, and config.yaml")));
}

TEST_F(VerifyOlmo, LinksAndOtherFoldersArePassedOver) {
  add_checkpoint("step4", 1);
  folder_.write("notes/a.txt", "");
  std::filesystem::create_directory_symlink(folder_ / "step4", folder_ / "step6");
  const OlmoVerification verification = verify();
  EXPECT_THAT(messages(verification, Severity::note),
              ElementsAre(HasSubstr("is not looked at"), HasSubstr("is not looked at")));
  EXPECT_THROW(verify("notes"), Error);
}

TEST_F(VerifyOlmo, AReleasedConfigurationSaysTheRatesOfItsRun) {
  REPRO_FIXTURE(text, "olmo2/OLMo2-7B-stage2-seed42.yaml");
  folder_.write("step11920-unsharded/config.yaml", text);
  folder_.write("step11931-unsharded/config.yaml", text);
  folder_.write("step11932-unsharded/config.yaml", text);
  const OlmoVerification verification = verify();
  EXPECT_THAT(
      verification.derived,
      ElementsAre("step11920-unsharded: 49996103680 tokens seen, learning rate "
                  "5.158879288656108e-09",
                  HasSubstr("step11931-unsharded: 50042241024 tokens seen, learning rate 0"),
                  HasSubstr("step11932")));
  EXPECT_THAT(messages(verification),
              ElementsAre("step 11932 lies behind the end of the run, step 11931"));
  EXPECT_THAT(verification.result.not_checked, Contains(HasSubstr("7B: compilation")));
}

TEST(WeightsEqual, ZerosAreEqualWhateverTheirSign) {
  const auto bytes = [](const std::vector<std::uint16_t>& values) {
    return std::as_bytes(std::span(values));
  };
  const std::vector<std::uint16_t> a = {0x0000, 0x3f80, 0x8000};
  const std::vector<std::uint16_t> b = {0x8000, 0x3f80, 0x0000};
  const std::vector<std::uint16_t> c = {0x8000, 0xbf80, 0x0000};
  const std::vector<std::uint16_t> d = {0x0001, 0x3f80, 0x8000};
  EXPECT_TRUE(equal_but_for_zeros(bytes(a), bytes(b), 2));
  EXPECT_FALSE(equal_but_for_zeros(bytes(a), bytes(c), 2));
  EXPECT_FALSE(equal_but_for_zeros(bytes(a), bytes(d), 2));
  EXPECT_FALSE(equal_but_for_zeros(bytes(b), bytes(d), 2));
  EXPECT_TRUE(equal_but_for_zeros({}, {}, 4));
}

}  // namespace
}  // namespace repro::verify

// Folders of checkpoints of somebody else's run: made here by hand, then changed.
#include "verify/verify_olmo.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>

#include "artifacts/base/error.h"
#include "tests/support/fixtures.h"
#include "tests/verify/olmo_folder.h"
#include "verify/weights_equal.h"

namespace repro::verify {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class VerifyOlmo : public verify_test::OlmoFolderTest {
 protected:
  // Both trainers' configurations, and a file whose every value is `value`.
  void add_checkpoint(const std::string& name, float value) {
    folder_.write(name + "/config.yaml", verify_test::kTrainerConfig);
    write_split(name, constant(value));
  }
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
  folder_.write("step4-unsharded/other.bin", "bytes");
  folder_.write("step6-unsharded/other.bin", "bytes");
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
  folder_.write("step1/config.json", verify_test::kModelConfig);
  Tensors tensors = all_tensors();
  tensors[0].shape = {8, 16};
  tensors[1].dtype = "int32";
  tensors.back().name = "model.extra";
  write_tensors("step1/model.safetensors", tensors, constant(1));
  EXPECT_THAT(messages(verify("step1")),
              testing::UnorderedElementsAre(
                  "tensors: lm_head.weight is float32 [8,16], not float32 [16,8]",
                  "tensors: model.embed_tokens.weight is int32 [16,8], not float32 [16,8]",
                  "tensors: extra model.extra", "tensors: missing model.norm.weight"));
}

TEST_F(VerifyOlmo, AnIndexIsHeldAgainstItsFiles) {
  folder_.write("step1/config.json", verify_test::kModelConfig);
  Tensors tensors = all_tensors();
  const Tensors first(tensors.begin(), tensors.begin() + 2);
  write_tensors("step1/a.safetensors", first, constant(1));
  write_tensors("step1/b.safetensors", Tensors(tensors.begin() + 1, tensors.end()), constant(1));
  const auto write_index = [&](const std::string& lines) {
    folder_.write("step1/model.safetensors.index.json",
                  R"({"weight_map":{"lm_head.weight":"b.safetensors",)" + lines + "}}");
  };
  write_index(R"("model.norm.weight":"c.safetensors","gone":"a.safetensors")");
  const auto found = messages(verify("step1"));
  EXPECT_THAT(found, Contains("has two files that hold tensor model.embed_tokens.weight: "
                              "a.safetensors and b.safetensors"));
  EXPECT_THAT(found, Contains("says that tensor lm_head.weight is in b.safetensors, but it is in "
                              "a.safetensors"));
  EXPECT_THAT(found,
              Contains("says that tensor model.norm.weight is in c.safetensors, but it is in "
                       "b.safetensors"));
  EXPECT_THAT(found, Contains("says that tensor gone is in a.safetensors, but it is not"));
  EXPECT_THAT(found, Contains("does not name tensor model.embed_tokens.weight of a.safetensors"));
  EXPECT_EQ(status(verify("step1")), 1);
  write_index(R"("model.norm.weight":"../b.safetensors")");
  EXPECT_THAT(messages(verify("step1")),
              Contains(HasSubstr("which is no file name in this folder")));
  EXPECT_EQ(status(verify("step1")), 4);
}

TEST_F(VerifyOlmo, ModelsOfBothConfigurationsAreCompared) {
  add_checkpoint("step4", 1);
  std::string other = verify_test::kModelConfig;
  other.replace(other.find("\"intermediate_size\":12"), 22, "\"intermediate_size\":24");
  folder_.write("step4/config.json", other);
  EXPECT_THAT(messages(verify("step4")),
              Contains("intermediate_size is 12 in config.yaml and 24 in config.json"));
}

TEST_F(VerifyOlmo, DamagedAndForeignFilesAreFindings) {
  add_checkpoint("step4", 1);
  const std::pair<const char*, const char*> configs[] = {{"{", "step4/config.json: not valid JSON"},
                                                         {"\"hidden_size\":0", "hidden_size"},
                                                         {"\"hidden_size\":\"8\"", "hidden_size"}};
  for (const auto& [text, message] : configs) {
    std::string config = verify_test::kModelConfig;
    config.replace(config.find("\"hidden_size\":8"), 15, text);
    folder_.write("step4/config.json", text[0] == '{' ? text : config);
    EXPECT_THAT(messages(verify("step4")), ElementsAre(HasSubstr(message))) << text;
  }
  for (const char* key : {"\"model_type\":\"llama\"", "\"later_key\":1"}) {
    std::string config = verify_test::kModelConfig;
    config.insert(config.find("\"vocab_size\""), std::string(key) + ",");
    if (config.find("later_key") == config.npos) {
      config.erase(config.find("\"model_type\":\"olmo2\","), 21);
    }
    folder_.write("step4/config.json", config);
    EXPECT_THAT(messages(verify("step4"), Severity::warning),
                ElementsAre(HasSubstr("is not understood")));
  }
  folder_.write("step4/config.json", verify_test::kModelConfig);
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

// Hugging Face's form of a checkpoint against the original.
#include "verify/olmo_split.h"

#include <gmock/gmock.h>

#include "tests/verify/olmo_folder.h"

namespace repro::verify_test {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using verify::Severity;

constexpr const char* kClaim = "Hugging Face's tensors are those of model.pt, split";

class OlmoSplit : public OlmoFolderTest {
 protected:
  auto is_checked(int count) {
    return Contains(std::string(kClaim) + " (" + std::to_string(count) +
                    (count == 1 ? " checkpoint)" : " checkpoints)"));
  }
};

TEST_F(OlmoSplit, EqualFormsAreConsistent) {
  write_original("step4-unsharded", numbers(1));
  write_split("stage1-step4-tokens1B", numbers(1));
  write_original("step6-unsharded", numbers(2));
  write_split("stage1-step6-tokens1B", numbers(2), "bfloat16");
  write_original("step7", numbers(3));
  write_split("step7", numbers(3));  // both in one folder
  EXPECT_THAT(messages(verify()), IsEmpty());
  EXPECT_THAT(verify().result.checked, is_checked(3));
}

TEST_F(OlmoSplit, ASwappedSliceIsFound) {
  write_original("step4-unsharded", numbers(1));
  write_split("step4-tokens1B", [](const std::string& name, std::size_t index) {
    if (name == "model.layers.0.mlp.up_proj.weight") {
      return numbers(1)("model.layers.0.mlp.gate_proj.weight", index);
    }
    const bool off = name == "lm_head.weight" && index == 2;
    return off ? 2.0F : numbers(1)(name, index);
  });
  EXPECT_THAT(messages(verify()),
              ElementsAre(AllOf(HasSubstr("tensor lm_head.weight is not that of step4-unsharded, "
                                          "split: 1 of 128 elements differ, the first at 2: "),
                                HasSubstr(" there and 2 here; 1 other tensor differs"))));
  EXPECT_EQ(status(verify()), 1);
}

TEST_F(OlmoSplit, MissingAndMisshapenTensorsDiffer) {
  write_original("step4-unsharded", numbers(1));
  folder_.write("step4-tokens1B/config.json", kModelConfig);
  Tensors tensors = all_tensors();
  tensors[0].shape = {8, 16};
  tensors.pop_back();
  write_tensors("step4-tokens1B/model.safetensors", tensors, numbers(1));
  EXPECT_THAT(messages(verify()), Contains(HasSubstr("lm_head.weight is not that of "
                                                     "step4-unsharded, split: it has another "
                                                     "shape; 1 other tensor")));
}

TEST_F(OlmoSplit, OneStepOfSeveralIngredientsIsOneOfThem) {
  const std::string annealed = "load_path: a/step3-unsharded\nrestore_dataloader: false\n";
  write_split("stage1-step4-tokens1B", numbers(9));  // another stage: no partner
  write_split("stage2-ingredient1-step4-tokens1B", numbers(1));
  write_split("stage2-ingredient2-step4-tokens1B", numbers(2));
  write_original("step4-unsharded", numbers(2), annealed);
  EXPECT_THAT(messages(verify()), IsEmpty());
  EXPECT_THAT(verify().result.checked, is_checked(1));
  write_original("step4-unsharded", numbers(9), annealed);
  EXPECT_EQ(messages(verify()).size(), 2U);
  write_original("step4-unsharded", numbers(9));
  EXPECT_THAT(messages(verify()), IsEmpty());
}

TEST_F(OlmoSplit, WhatIsNotComparedIsSaid) {
  write_original("step4-unsharded", numbers(1));
  write_split("stage1-step6-tokens1B", numbers(2));
  EXPECT_THAT(verify().result.not_checked, Contains(HasSubstr(kClaim)));
  write_split("stage1-step4-tokens1B", numbers(1), "float16");
  EXPECT_THAT(messages(verify(), Severity::warning),
              Contains(HasSubstr("neither float32 nor bfloat16")));
  EXPECT_THAT(verify().result.not_checked, Contains(HasSubstr(kClaim)));
}

TEST_F(OlmoSplit, BrokenAndForeignOriginalsAreFindings) {
  write_original("step4-unsharded", numbers(1));
  const std::string path = folder_ / "step4-unsharded/model.pt";
  const std::string whole = system_file_system().read_file(path);
  folder_.write("step4-unsharded/model.pt", whole.substr(0, whole.size() - 1));
  EXPECT_THAT(messages(verify()), ElementsAre(HasSubstr("is no sound archive")));
  EXPECT_EQ(status(verify()), 4);
  write_evil("step4-unsharded/model.pt");
  EXPECT_THAT(messages(verify()), ElementsAre(HasSubstr("os.system")));
  EXPECT_EQ(status(verify()), 4);
}

TEST_F(OlmoSplit, AnOriginalOfAnotherModelIsAMismatch) {
  write_original("step4-unsharded", numbers(1));
  std::string config = kTrainerConfig;
  config.replace(config.find("n_layers: 1"), 11, "n_layers: 2");
  folder_.write("step4-unsharded/config.yaml", config);
  EXPECT_THAT(messages(verify()),
              ElementsAre(HasSubstr("missing transformer.blocks.1.att_proj.weight")));
  EXPECT_EQ(status(verify()), 1);
}

}  // namespace
}  // namespace repro::verify_test

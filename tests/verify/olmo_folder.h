// Folders of checkpoints of OLMo's trainer and of Hugging Face, of a model so small that a person
// can read them.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "artifacts/tensor/safetensors.h"
#include "manifests/model_config.h"
#include "tests/support/temporary_folder.h"
#include "verify/verify_olmo.h"

namespace repro::verify_test {

// A run of 8 steps with a linear schedule from 0.5 to 0, of 2 sequences of 32 tokens a step.
extern const char* const kTrainerConfig;
extern const char* const kModelConfig;  // config.json of the same model
manifests::ModelConfig small_model();

class OlmoFolderTest : public testing::Test {
 protected:
  using Tensors = std::vector<artifacts::TensorToWrite>;
  // Of element `index` of the tensor that Hugging Face calls `name`.
  using Values = std::function<float(const std::string& name, std::size_t index)>;

  static Tensors all_tensors(const std::string& dtype = "float32");
  // Another number for every element; `seed` tells checkpoints apart.
  static Values numbers(int seed);
  static Values constant(float value);

  // A safetensors file; elements of bfloat16 are rounded.
  void write_tensors(const std::string& path, const Tensors& tensors, const Values& values);
  // NAME/config.json and NAME/model.safetensors.
  void write_split(const std::string& name, const Values& values,
                   const std::string& dtype = "float32");
  // NAME/config.yaml (with `lines` appended) and NAME/model.pt.
  void write_original(const std::string& name, const Values& values, const std::string& lines = "");
  // NAME/optim.pt of this step and learning rate, and NAME/train.pt.
  void write_optimizer(const std::string& name, float step, double rate);
  void write_trainer(const std::string& name, std::int32_t step, std::int32_t tokens);

  // An archive whose pickle calls os.system.
  void write_evil(const std::string& path);

  verify::OlmoVerification verify(const std::string& name = ".");
  static std::vector<std::string> messages(const verify::OlmoVerification& verification,
                                           verify::Severity least = verify::Severity::mismatch);
  static int status(const verify::OlmoVerification& verification) {
    return verify::exit_status(verification.result);
  }

  support::TemporaryFolder folder_;
};

}  // namespace repro::verify_test

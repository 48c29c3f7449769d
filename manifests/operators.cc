// The table of operators. docs/arithmetic.md has their texts; a fix is a new version.
#include "artifacts/base/error.h"
#include "manifests/run.h"

namespace repro::manifests {

const std::map<std::string, std::string>& operator_versions() {
  static const std::map<std::string, std::string> versions = {
      {"adamw", "1"},     // update rule
      {"bpe", "1"},       // tokenizer: byte-level BPE, its file in the dataset
      {"byte", "1"},      // tokenizer: UTF-8 bytes
      {"clip", "1"},      // global gradient norm
      {"constant", "1"},  // schedules
      {"cosine", "1"},
      {"exact", "1"},            // profile: integer arithmetic
      {"ids", "1"},              // tokenizer: none
      {"init", "1"},             // initial weights
      {"instance_filter", "1"},  // which sequences give no loss
      {"linear", "1"},
      {"native", "1"},  // profile: the vendor's kernels
      {"olmo2", "1"},   // model
      {"olmo_cosine", "1"},
      {"olmo_core_order", "1"},  // orders of samples
      {"olmo_order", "1"},
      {"order", "1"},
      {"philox", "1"},           // random numbers
      {"roots", "1"},            // tensor, model and state roots
      {"skip_step_adamw", "1"},  // update rule: when AdamW is left out
  };
  return versions;
}

std::map<std::string, std::string> operators_of(const Config& config) {
  std::map<std::string, std::string> used;
  const auto use = [&](const std::string& name) {
    const auto found = operator_versions().find(name);
    REPRO_CHECK(found != operator_versions().end());
    used.insert(*found);
  };
  for (const char* name : {"init", "philox", "roots"}) use(name);
  use(config.profile);
  use(config.model.family);
  use(config.data.tokenizer);
  use(config.data.order);
  if (config.data.repetition_max_period > 0) use("instance_filter");
  use("adamw");
  use(config.optimizer.name);
  use(config.schedule.name);
  if (config.train.clip_norm > 0) use("clip");
  return used;
}

}  // namespace repro::manifests

// A resolved configuration: every value explicit. A person writes a recipe in YAML
// (manifests/recipe.h resolves it); this is what is hashed, stored and handed to the trainer.
//
// Each key is *deciding* (it can change a bit of a state or of the log) or *running* (it cannot).
// manifests/config_keys.h has the table of all keys. Canonical JSON of a config nests by dots
// ("model": {"hidden_size": 128, ...}); decimals are strings in shortest round-trip form; what came
// later stands there only where it is no default.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "artifacts/base/digest.h"
#include "artifacts/base/json.h"
#include "manifests/model_config.h"
#include "manifests/notes.h"
#include "manifests/run_config.h"

namespace repro::manifests {

struct DataConfig {
  std::string tokenizer = "byte";
  std::int64_t sequence_length = 0;  // required
  // "order", or as OLMo's trainers did it: "olmo_order", "olmo_core_order" (docs/order.md).
  std::string order = "order";
  std::int64_t order_chunk = 1;     // olmo_core_order: so many sequences of a shard stay together
  std::int64_t holdout_every = 20;  // every k-th instance is held out for evaluation; 0: none
  // Half-open ranges [a, b) of batches of the order that are passed over, sorted, disjoint.
  std::vector<std::pair<std::int64_t, std::int64_t>> skip_batches;
  // Attention does not cross the end of a document.
  bool mask_documents = false;
  // The loss leaves out sequences in which a span of min..max tokens repeats max_count times or
  // more (docs/data.md); max_period 0: none.
  std::int64_t repetition_max_period = 0;
  std::int64_t repetition_min_period = 1;
  std::int64_t repetition_max_count = 32;
  std::string source;  // running: default path of the data, for `train` without --data

  bool operator==(const DataConfig&) const = default;
};

struct TrainConfig {
  std::int64_t seed = 0;
  std::int64_t steps = 0;           // required: horizon of the schedule
  std::int64_t batch_size = 0;      // required: sequences a step
  std::int64_t grad_group = 0;      // tokens of a gradient group; 0: one sequence
  std::int64_t gradient_unit = 32;  // gradients count in 2^-u
  double clip_norm = 1.0;           // 0: no clipping

  bool operator==(const TrainConfig&) const = default;
};

struct LossConfig {
  double z_loss = 1e-5;
  // The loss is a mean over the "targets" of a step, or divided by all its "positions", the last of
  // each sequence and those left out too.
  std::string denominator = "targets";

  bool operator==(const LossConfig&) const = default;
};

struct OptimizerConfig {
  std::string name = "adamw";  // or "skip_step_adamw"
  double learning_rate = 0;    // required
  double beta1 = 0.9;
  double beta2 = 0.95;
  double epsilon = 1e-8;
  double weight_decay = 0.1;
  bool decay_embeddings = false;
  bool decay_norms = true;
  // skip_step_adamw alone; see docs/arithmetic.md
  std::int64_t skip_window = 128;
  double skip_sigma = 6;
  bool count_steps = true;

  bool operator==(const OptimizerConfig&) const = default;
};

struct ScheduleConfig {
  std::string name = "cosine";  // "cosine", "linear", "constant", "olmo_cosine"
  std::int64_t warmup_steps = 0;
  double final_fraction = 0.1;
  std::int64_t start = 0;  // updates done before it: of the run that an anneal goes on from
  // olmo_cosine alone, which counts tokens: it may end within a step.
  std::int64_t warmup_tokens = 0;
  std::int64_t total_tokens = 0;

  bool operator==(const ScheduleConfig&) const = default;
};

struct EvalConfig {
  std::int64_t every = 0;           // steps between evaluations on held-out text; 0: never
  std::int64_t max_instances = 64;  // at most so many held-out instances, the first in order
  // Words: files of tasks, in a run their names and digests (manifests/task.h).
  std::string tasks;

  bool operator==(const EvalConfig&) const = default;
};

struct Config {
  std::string name;               // label; neither deciding nor running
  std::string profile = "exact";  // deciding: "exact", "native"
  ModelConfig model;
  DataConfig data;
  TrainConfig train;
  LossConfig loss;
  OptimizerConfig optimizer;
  ScheduleConfig schedule;
  EvalConfig eval;
  NativeConfig native;
  RunConfig run;
  // Of an imported recipe. `not_computed` would decide bits and no key says it: it is not trained.
  Notes notes, not_computed;

  std::int64_t last_step() const { return schedule.start + train.steps; }
  bool operator==(const Config&) const = default;
};

// Checks every range and the relations between keys (head_dim even, warm-up <= steps, ...).
// Error(invalid_argument).
void check_config(const Config& config);

// encode/parse are inverse; schema "repro.config/1". `parse_config` demands every key and is as
// strict as `check_config` (Error(corruption)).
std::string encode_config(const Config& config);
Config parse_config(std::string_view json, std::string_view what);
// Only the deciding keys, for the derivation.
Json deciding_keys(const Config& config);

}  // namespace repro::manifests

// What the config.yaml in a checkpoint of OLMo's old trainer says of the run: the trainer wrote it
// after all overrides, so it is the best evidence of what ran (docs/imports.md).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "manifests/model_config.h"
#include "verify/olmo_schedule.h"

namespace repro::verify {

// From which state a run began, as its load_path, restore_dataloader and reset_... say.
struct OlmoStart {
  bool fresh = true;                 // there is no load_path
  bool keeps_counters = true;        // steps and tokens go on from those of load_path
  bool keeps_updates = true;         // the optimizer's count does
  std::optional<std::int64_t> step;  // of load_path's name

  // By how much the optimizer's count is ahead of the run's step; nullopt where that depends on the
  // run before.
  std::optional<std::int64_t> lead() const;
};

struct OlmoRun {
  std::int64_t batch_size = 0;       // sequences a step
  std::int64_t sequence_length = 0;  // tokens
  // Where it stopped: stop_at, else ten steps behind max_duration; nullopt where that is in epochs,
  // whose length no file says.
  std::optional<std::int64_t> last_step;
  std::optional<OlmoSchedule> schedule;
  std::string no_schedule;  // why there is none
  OlmoStart start;
  std::int64_t seed = 0;  // of the data's order
  std::int64_t epoch = 0;
  bool drops_last = false;  // what is left behind a multiple of the number of processes
  std::optional<manifests::ModelConfig> model;
  std::string no_model;  // why there is none

  std::int64_t tokens_per_step() const { return batch_size * sequence_length; }
};

// `file`: its path, for messages. Error(invalid_argument) as of imports::OlmoSource, and for widths
// or rates that are no positive numbers.
OlmoRun read_olmo_run(const std::string& file, std::string_view text);

}  // namespace repro::verify

// Small sound values of every manifest, and a way to read docs/ beside the tests.
#pragma once

#include <string>
#include <string_view>

#include "artifacts/base/error.h"
#include "manifests/config.h"
#include "manifests/dataset.h"
#include "manifests/evaluation.h"
#include "manifests/imported_log.h"
#include "manifests/model.h"
#include "manifests/run.h"
#include "manifests/run_spec.h"
#include "manifests/state.h"

namespace repro::manifests {

// A digest whose 32 bytes are all `byte`.
Digest sample_digest(int byte);
Config sample_config();
Dataset sample_dataset();
Dataset sample_bpe_dataset();  // tokenised by a tokenizer.json
Dataset sample_mixture();
Evaluation sample_evaluation();
State sample_state();
Model sample_model();
// Two segments, two states, closed logs, a dirty recipe repository.
Run sample_run();
RunSpec sample_spec();
ImportedLog sample_imported_log();

// The YAML of sample_config() as a person would write it, without defaults.
std::string sample_yaml();

// The file of the source tree at `path`.
std::string read_source(std::string_view path);
// The fenced block after the line "<!-- NAME -->" in a document of the source tree. With the
// environment variable REPRO_UPDATE_DOCS set, the block is first replaced by `expected`.
std::string doc_block(std::string_view document, std::string_view name, std::string_view expected);

// The code and message of the Error that `act` throws; code `ok` and "" where it throws none.
struct Failure {
  std::string code;
  std::string message;
  std::string hint;
};

template <class Act>
Failure failure_of(const Act& act) {
  try {
    act();
  } catch (const Error& error) {
    return {std::string(code_name(error.code())), error.what(), error.hint()};
  }
  return {"ok", "", ""};
}

}  // namespace repro::manifests

// From a configuration of OLMo's old trainer (the YAML of the released OLMo 2 1B, 7B and 13B runs)
// to a recipe, key by key: mapped, kept as a note, not computed yet, or refused. docs/imports.md
// tells the rules. Pure: text in, text out.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "manifests/config.h"

namespace repro::imports {

struct OlmoOptions {
  std::string name;                  // of the recipe; "": run_name, or the file's
  std::string launch;                // a name of olmo_launches(); "": none
  std::vector<std::string> changes;  // "optimizer.learning_rate=9.0e-4", over the launch
  std::int64_t num_instances = 0;    // sequences an epoch has; 0: not known
  // The file of the task that an evaluator's label names, "" where there is none. Not set: the
  // evaluators are notes.
  std::function<std::string(const std::string& label)> find_task = nullptr;
};

// What became of a key.
struct ImportedKey {
  std::string key;
  std::string value;      // on one line
  std::string treatment;  // "mapped", "note", "not computed"
  std::string becomes;    // mapped: "model.hidden_size: 4096"
  std::string reason;     // note, not computed; mapped: what is said beside it, or ""
};

struct OlmoImport {
  manifests::Config config;
  std::string recipe;             // its YAML; the same bytes for the same input
  std::vector<ImportedKey> keys;  // in the order of the key table
};

// `file`: its name. Error(invalid_argument) "FILE:LINE: ..." for bad YAML, unknown keys, values of
// another type, widths that contradict each other, an epoch of unknown length; Error(unsupported)
// for a model or update that repro does not have.
OlmoImport import_olmo_config(std::string_view file, std::string_view text,
                              const OlmoOptions& options);

}  // namespace repro::imports

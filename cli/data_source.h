// The data of a training: a dataset of the store, or files that become one.
#pragma once

#include <string>
#include <vector>

#include "artifacts/base/digest.h"
#include "cli/context.h"
#include "manifests/dataset.h"
#include "manifests/run_spec.h"

namespace repro::cli {

struct LoadedDataset {
  Digest manifest;
  manifests::Dataset dataset;
};

// `data`: the name, id or root of a dataset, or a path or "builtin:..." that is added under its own
// name. Unchanged files are known by their status and not read again. Error(not_found).
LoadedDataset require_dataset(Context& context, const std::string& data,
                              const std::string& tokenizer);
// The same of several paths and built-in sources, which become one dataset in their order.
LoadedDataset require_dataset(Context& context, const std::vector<std::string>& sources,
                              const std::string& tokenizer);
// Only what the store has already; nullopt where it would have to be added.
std::optional<LoadedDataset> find_dataset(Context& context, const std::string& data);

// Adds files through the worker; prints what came of it. `spec` has paths, name, tokenizer, intake.
// `licence` (manifests/licence.h), where there is one, is recorded with the dataset.
LoadedDataset add_dataset(Context& context, manifests::RunSpec spec,
                          const std::string& licence = "");

// Publishes under `dataset.name`, which gets its `created`. A dataset that is there and differs in
// nothing else stays as it is; one with another root is replaced, and that is said.
LoadedDataset publish_dataset(Context& context, manifests::Dataset dataset);

// "5,000 in 3 documents, unigram entropy 3.1 nats a token" for people.
std::string dataset_text(const manifests::Dataset& dataset);

// "common-licenses" for /usr/share/common-licenses/, "builtin-prose" for builtin:prose.
std::string dataset_name_of(const std::string& path);

}  // namespace repro::cli

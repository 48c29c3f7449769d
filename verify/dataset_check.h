// Whether the shards of a dataset hold what its manifest claims of them.
#pragma once

#include <vector>

#include "artifacts/store/store.h"
#include "manifests/dataset.h"
#include "verify/finding.h"

namespace repro::verify {

// Token ids below vocab_size; document ends rising from 0 to the shard's number of tokens. Streams.
// Damaged or missing shards are left to whoever reads all objects. `manifest`: the dataset's
// object.
std::vector<Finding> check_dataset_content(const artifacts::Store& store,
                                           const manifests::Dataset& dataset,
                                           const Digest& manifest);

}  // namespace repro::verify

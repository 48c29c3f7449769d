// Whether Hugging Face's form of a checkpoint has the weights of the original: every tensor is its
// rows of the fused one, bit for bit, or rounded to bfloat16 where it was published so.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "artifacts/base/file_system.h"
#include "verify/finding.h"
#include "verify/olmo_checkpoint.h"

namespace repro::verify {

// A row of verify/olmo_checks.cc. Pairs are a folder that holds both forms, or two of one step
// whose names and configurations do not say different stages or ingredients; an original with
// several such partners must be one of them. Returns how many originals had a partner. One tensor's
// pieces are in memory at a time.
std::size_t check_split(FileSystem& files, std::span<const OlmoCheckpoint* const> checkpoints,
                        std::vector<Finding>& findings);

// Both have weights, `original` of model.pt, `split` of Hugging Face. How the first tensor that
// differs does, and how many others do; nullopt where none does.
std::optional<std::string> find_split_difference(FileSystem& files, const OlmoCheckpoint& original,
                                                 const OlmoCheckpoint& split);

}  // namespace repro::verify

// Whether `main` is a mean of its ingredients, and by which formula and in which order: those that
// were published say neither.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "artifacts/base/file_system.h"
#include "verify/finding.h"
#include "verify/olmo_checkpoint.h"

namespace repro::verify {

// A row of verify/olmo_checks.cc: `main`, and of each ingredient (stageN-ingredientK-...) the last
// step that is there; two of them or more, else 0 is returned, and the number of folders looked at
// otherwise. Formulas are those of artifacts/tensor/mean.h. Of up to four ingredients every subset
// is tried in every order that can matter, of more the whole in the order of their numbers.
//
// What fits is a note. Where nothing does, or tensors are not those of `main`, it is a mismatch
// that says how far the nearest is. The smallest tensors come first: what does not fit them is not
// compared on, but for the nearest where nothing does. Memory: a piece of each ingredient
// (verify/tensor_bytes.h).
std::size_t check_soup(FileSystem& files, std::span<const OlmoCheckpoint* const> checkpoints,
                       std::vector<Finding>& findings);

}  // namespace repro::verify

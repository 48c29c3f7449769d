// `repro verify --as olmo2`: what can be checked of somebody else's OLMo run from what was
// released, and what cannot. Never says that a run is reproduced: where nothing contradicts itself
// it is *consistent*.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "artifacts/base/file_system.h"
#include "verify/olmo_indices.h"
#include "verify/verify.h"

namespace repro::verify {

struct OlmoVerification {
  Verification result;
  // What follows from what is there, with nothing to compare it with: tokens seen and learning
  // rates of steps. Sentences for people, in order.
  std::vector<std::string> derived;
  // A sound file of indices, whose order is yet to be made (by the worker, which is not started
  // here).
  std::optional<OlmoIndices> indices;
};

// A list of released checkpoints, a file (verify/checkpoint_list.h). Error(invalid_argument).
OlmoVerification verify_olmo_list(FileSystem& files, const std::string& path);

// A checkpoint's folder, or one whose sub-folders have names of checkpoints (verify/olmo_name.h);
// symlinks and other sub-folders are passed over, with a note. Error(not_found) where there is
// none.
OlmoVerification verify_olmo_folder(FileSystem& files, const std::string& folder,
                                    const Progress& progress);

}  // namespace repro::verify

// The classes and functions that a checkpoint's pickle may name, and what calling them gives here.
// Internal to this folder.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "imports/pickle.h"

namespace repro::imports {

// "torch.FloatStorage" gives "float32"; "" for what is no storage's class.
std::string storage_dtype(std::string_view global);
bool is_allowed_global(std::string_view global);
// What `global(*arguments)` is: a new value, or one that is there (a call may be asked of the same
// large value a million times). Error(corruption) with a message that names no place, for arguments
// that this class does not take.
std::variant<PickleValue, PickleId> call_global(const std::string& global,
                                                const std::vector<PickleId>& arguments,
                                                const std::vector<PickleValue>& values);

}  // namespace repro::imports

// "Did you mean": the nearest known name by edit distance.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace repro {

// The candidate nearest to `word`, or nullopt where none is near enough to be a likely typo.
std::optional<std::string> find_nearest(std::string_view word,
                                        std::span<const std::string> candidates);

}  // namespace repro

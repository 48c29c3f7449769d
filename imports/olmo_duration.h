// How long a run of OLMo's old trainer is (max_duration): "10000" steps, "50e9T" tokens, "1ep".
#pragma once

#include <cstdint>

#include "imports/olmo_source.h"

namespace repro::imports {

struct OlmoDuration {
  enum class Unit : std::uint8_t { steps, tokens, epochs } unit = Unit::steps;
  double count = 0;  // a whole number from 1 to 10^18
};

// Error(invalid_argument) for anything else.
OlmoDuration olmo_duration(const OlmoSource& source);

}  // namespace repro::imports

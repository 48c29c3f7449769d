// Writing a state out of the store as files other programs read.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "cli/context.h"
#include "cli/hf_export.h"
#include "cli/state_source.h"

namespace repro::cli {

enum class CheckoutFormat : std::uint8_t {
  hf,           // as `export hf` writes it, in float32
  safetensors,  // state.safetensors: weights, moments, counters
  raw,          // NAME.bin each, '/' in names as folders
};
// Error(invalid_argument) with the three names.
CheckoutFormat parse_checkout_format(std::string_view text);

// Makes `folder` with the state's files and repro-state.json (the state manifest, which `verify`
// checks them against). It appears complete or not at all. Error(already_exists) for a folder that
// is not empty. `hf` is needed for that format alone.
void write_checkout(Context& context, const StateSource& source, CheckoutFormat format,
                    const std::optional<HfFacts>& hf, const std::string& folder);

}  // namespace repro::cli

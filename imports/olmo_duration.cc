#include "imports/olmo_duration.h"

#include <cmath>

namespace repro::imports {

OlmoDuration olmo_duration(const OlmoSource& source) {
  std::string text = source.shown("max_duration");
  OlmoDuration result;
  if (text.ends_with("T")) {
    result.unit = OlmoDuration::Unit::tokens;
    text.resize(text.size() - 1);
  } else if (text.ends_with("ep")) {
    result.unit = OlmoDuration::Unit::epochs;
    text.resize(text.size() - 2);
  }
  const auto count = find_plain_number(text);
  const bool whole = count && std::floor(*count) == *count;
  if (!whole || !(*count > 0) || *count > 1e18) {
    source.fail("max_duration", "expected steps, tokens (\"50e9T\") or epochs (\"1ep\")", "");
  }
  result.count = *count;
  return result;
}

}  // namespace repro::imports

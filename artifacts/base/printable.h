// Text from outside, as it may be shown and stand in JSON.
#pragma once

#include <string>
#include <string_view>

namespace repro {

// Control characters and bytes that are no UTF-8 (RFC 3629) become "\xHH"; the rest stays.
std::string printable(std::string_view bytes);

}  // namespace repro

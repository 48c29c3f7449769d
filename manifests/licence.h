// Licences as datasets record them: SPDX identifiers of which all apply, "CC0-1.0" or
// "Apache-2.0 AND CC-BY-4.0" (an SPDX expression; its other operators are not taken).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace repro::manifests {

// One to 64 identifiers of 1..64 characters [A-Za-z0-9.+-] with " AND " between them.
bool is_licence(std::string_view text);
// Its identifiers, as they stand there.
std::vector<std::string> licence_ids(std::string_view licence);
// Identifiers are compared without regard to case, as the SPDX specification (annex D) says.
bool same_licence_id(std::string_view a, std::string_view b);
// What applies to a whole of such parts: each identifier once, in order. "" if any part has none.
std::string join_licences(const std::vector<std::string>& licences);

}  // namespace repro::manifests

// Lines of CSV (RFC 4180) without line breaks in fields.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace repro::imports {

// The fields of a line: plain, or in double quotes, in which "" is a quote. nullopt where quotes do
// not fit. The empty line has one empty field.
std::optional<std::vector<std::string>> split_csv_line(std::string_view line);

// Takes the next line off `text`, without its end ("\n" or "\r\n"); the last may have none.
std::string_view take_line(std::string_view& text);

}  // namespace repro::imports

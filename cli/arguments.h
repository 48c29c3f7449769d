// Options and positionals: declared as data, parsed by CLI11 in arguments.cc and nowhere else.
//
//   {"RUN", ValueKind::one, "", "run to continue", Required::yes}   positional
//   {"PATH", ValueKind::many, "", "files to add", Required::yes}    positional, the rest
//   {"--until", ValueKind::one, "STEP", "stop after this step"}     --until 40, --until=40
//   {"--again", ValueKind::flag, "", "train again and compare"}
//   {"--set", ValueKind::many, "KEY=VALUE", "may be repeated"}      one value each time
//   {"--replay", ValueKind::maybe, "A..B", "re-execute"}            --replay or --replay=A..B
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace repro::cli {

enum class ValueKind : std::uint8_t { flag, one, many, maybe };
enum class Required : std::uint8_t { no, yes };

struct OptionSpec {
  std::string name;  // "--until", "-o,--output" (the last name is the one to ask for), or "RUN"
  ValueKind kind = ValueKind::flag;
  std::string metavar;  // of an option's value; "" for flags and positionals
  std::string help;     // one line
  Required required = Required::no;

  bool positional() const { return !name.starts_with('-'); }
  // "--output" for "-o,--output".
  std::string key() const { return name.substr(name.rfind(',') + 1); }
};

// Values as they were given. Asking for a name that was not declared is Error(internal).
class Arguments {
 public:
  bool has(std::string_view key) const { return !all(key).empty(); }
  // The value, "" where absent. For `maybe` without a value: "" (see `has`).
  const std::string& text(std::string_view key) const;
  std::optional<std::string> find(std::string_view key) const;
  const std::vector<std::string>& all(std::string_view key) const;
  // A whole number >= `minimum`; Error(invalid_argument) names the option.
  std::optional<std::int64_t> find_count(std::string_view key, std::int64_t minimum = 0) const;

 private:
  friend Arguments parse_arguments(std::span<const OptionSpec>, std::span<const std::string>,
                                   std::string_view);
  std::map<std::string, std::vector<std::string>, std::less<>> values_;
};

// `words`: what follows the command's name. Error(invalid_argument): unknown option (with the
// nearest name), missing or surplus value, each naming `command` in the hint. Options every command
// has (--json, -C, --help) are added here.
Arguments parse_arguments(std::span<const OptionSpec> options, std::span<const std::string> words,
                          std::string_view command);
// The options every command has.
std::span<const OptionSpec> common_options();

}  // namespace repro::cli

// The one error type of the project.
//
// Code that fails throws `repro::Error`: a code (decides the exit status), a message (what
// happened), a hint (what to do next) and a chain of contexts (where). A caller that knows more
// catches by reference, calls `context(...)` and rethrows with `throw;`. Exceptions of other
// libraries are translated at the edge that calls them. Checks that look for trouble (fsck,
// compare) return findings instead: finding corruption is success of the search.
//
// Thread rules: value type; carry across threads with `std::exception_ptr`.
#pragma once

#include <cstdint>
#include <exception>
#include <string>
#include <string_view>
#include <vector>

namespace repro {

// Names and exit codes are API (docs/cli.md); never renumber or rename.
enum class Code : std::uint8_t {
  invalid_argument = 0,  // usage or a bad recipe: exit 2
  not_found = 1,         // exit 3
  io = 2,                // exit 3
  already_exists = 3,    // exit 6
  conflict = 4,          // locked, or changed by somebody else: exit 6
  mismatch = 5,          // sound bytes, false claim: exit 1
  nondeterminism = 6,    // a replay that differs: exit 1
  corruption = 7,        // bytes do not match their own name: exit 4
  environment = 8,       // this machine or build cannot do it: exit 5
  unsupported = 9,       // this version cannot do it: exit 5
  cancelled = 10,        // interrupted by a signal: exit 130
  internal = 11,         // a bug: exit 70
};

// The stable lower-case name of a code, as in JSON output ("corruption").
std::string_view code_name(Code code);
// Inverse of `code_name`; `internal` for an unknown name.
Code parse_code(std::string_view name);
// The process exit status of a code (docs/cli.md).
int exit_code(Code code);

class Error : public std::exception {
 public:
  Error(Code code, std::string message, std::string hint = "");

  Code code() const { return code_; }
  const std::string& message() const { return message_; }
  const std::string& hint() const { return hint_; }
  // Innermost frame first.
  const std::vector<std::string>& contexts() const { return contexts_; }

  // Adds an outer frame ("reading manifest 3f2a..."). Returns *this.
  Error& context(std::string frame);
  Error& set_hint(std::string hint);

  // "message (frame; outer frame)", without the hint.
  const char* what() const noexcept override { return what_.c_str(); }

 private:
  void rebuild();

  Code code_;
  std::string message_;
  std::string hint_;
  std::vector<std::string> contexts_;
  std::string what_;
};

// Reports a broken invariant of our own code; throws Error(internal).
[[noreturn]] void check_failed(const char* expression, const char* file, int line);

}  // namespace repro

// Always compiled in: a wrong state must stop before it is published.
#define REPRO_CHECK(expression) \
  ((expression) ? static_cast<void>(0) : ::repro::check_failed(#expression, __FILE__, __LINE__))

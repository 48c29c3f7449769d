#include "artifacts/base/error.h"

#include <array>
#include <utility>

namespace repro {
namespace {

struct CodeRow {
  Code code;
  std::string_view name;
  int exit_code;
};

constexpr std::array<CodeRow, 12> kCodes = {{
    {Code::invalid_argument, "invalid_argument", 2},
    {Code::not_found, "not_found", 3},
    {Code::io, "io", 3},
    {Code::already_exists, "already_exists", 6},
    {Code::conflict, "conflict", 6},
    {Code::mismatch, "mismatch", 1},
    {Code::nondeterminism, "nondeterminism", 1},
    {Code::corruption, "corruption", 4},
    {Code::environment, "environment", 5},
    {Code::unsupported, "unsupported", 5},
    {Code::cancelled, "cancelled", 130},
    {Code::internal, "internal", 70},
}};

const CodeRow& row(Code code) { return kCodes.at(static_cast<std::size_t>(code)); }

}  // namespace

std::string_view code_name(Code code) { return row(code).name; }

Code parse_code(std::string_view name) {
  for (const CodeRow& candidate : kCodes) {
    if (candidate.name == name) return candidate.code;
  }
  return Code::internal;
}

int exit_code(Code code) { return row(code).exit_code; }

Error::Error(Code code, std::string message, std::string hint)
    : code_(code), message_(std::move(message)), hint_(std::move(hint)) {
  rebuild();
}

Error& Error::context(std::string frame) {
  contexts_.push_back(std::move(frame));
  rebuild();
  return *this;
}

Error& Error::set_hint(std::string hint) {
  hint_ = std::move(hint);
  return *this;
}

void Error::rebuild() {
  what_ = message_;
  if (contexts_.empty()) return;
  what_ += " (";
  for (std::size_t i = 0; i < contexts_.size(); ++i) {
    if (i != 0) what_ += "; ";
    what_ += contexts_[i];
  }
  what_ += ")";
}

void check_failed(const char* expression, const char* file, int line) {
  throw Error(
      Code::internal,
      std::string("invariant broken: ") + expression + " at " + file + ":" + std::to_string(line),
      "this is a bug in repro; please report it with the command that showed it");
}

}  // namespace repro

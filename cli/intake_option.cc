#include "cli/intake_option.h"

#include <array>

#include "artifacts/base/error.h"

namespace repro::cli {
namespace {

struct Row {
  const char* option;
  IntakeChoice choice;
};

const std::array<Row, 3>& rows() {
  static const std::array<Row, 3> kRows = {{
      {"--copy", {artifacts::Intake::copy, "copy"}},
      {"--reflink", {artifacts::Intake::reflink, "reflink"}},
      {"--in-place", {artifacts::Intake::in_place, "in_place"}},
  }};
  return kRows;
}

}  // namespace

std::vector<OptionSpec> intake_options() {
  return {
      {"--copy", ValueKind::flag, "", "copy the bytes, compressed where it helps (default)"},
      {"--reflink", ValueKind::flag, "", "share the bytes copy-on-write, where the disk can"},
      {"--in-place", ValueKind::flag, "", "only note where the file lies; it must stay as it is"}};
}

IntakeChoice parse_intake(const Arguments& arguments) {
  IntakeChoice choice;
  int given = 0;
  for (const Row& row : rows()) {
    if (!arguments.has(row.option)) continue;
    choice = row.choice;
    ++given;
  }
  if (given > 1) {
    throw Error(Code::invalid_argument, "--copy, --reflink and --in-place exclude each other");
  }
  return choice;
}

}  // namespace repro::cli

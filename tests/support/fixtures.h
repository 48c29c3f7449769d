// Files of other people that the tests read where they are: the folder REPRO_FIXTURES names, or
// shared/fixtures beside the source tree. They are not part of it.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <string_view>

namespace repro::support {

// The file's bytes; nullopt where it is missing.
std::optional<std::string> find_fixture(std::string_view name);
// Whether a missing fixture is a failure: where CI is set.
bool fixtures_are_required();

}  // namespace repro::support

// Declares `text`, the fixture's bytes. Without it the test fails where CI is set, and is skipped
// elsewhere.
#define REPRO_FIXTURE(text, name)                                                                  \
  const auto text##_found = repro::support::find_fixture(name);                                    \
  if (!text##_found && repro::support::fixtures_are_required()) FAIL() << "no fixture " << (name); \
  if (!text##_found)                                                                               \
    GTEST_SKIP() << "no fixture " << (name) << "; REPRO_FIXTURES names their folder";              \
  const std::string& text = *text##_found

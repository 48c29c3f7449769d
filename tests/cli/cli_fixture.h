// Runs `repro` in this process, in a fresh folder, with the stand-in trainer (fake_worker.cc).
#pragma once

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "artifacts/base/json.h"
#include "tests/support/temporary_folder.h"

namespace repro::cli_test {

struct Outcome {
  int code = 0;
  std::string out;
  std::string error;

  // The lines of `out` as JSON.
  std::vector<Json> json() const;
  // The only or last JSON line of this type; fails the test where there is none.
  Json json_of(const std::string& type) const;
};

class CliTest : public testing::Test {
 protected:
  CliTest();
  ~CliTest() override;

  // Words after `repro`.
  Outcome run(const std::vector<std::string>& words);
  // As on a terminal of its own.
  Outcome run_on_terminal(const std::vector<std::string>& words);
  // Runs, and expects exit code 0.
  Outcome must(const std::vector<std::string>& words);
  // A store with a dataset "letters"; trains olmo2-tiny --smoke for `steps` with checkpoints at
  // every 4th.
  void make_store();
  std::string train(const std::string& name, int steps, const std::vector<std::string>& more = {});

  void set_environment(const std::string& name, const std::string& value);

  support::TemporaryFolder folder_;

 private:
  Outcome run_with(const std::vector<std::string>& words, bool terminal);

  std::string old_folder_;
};

}  // namespace repro::cli_test

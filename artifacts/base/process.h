// The seam for child processes: start a program, feed it a file, read its lines, wait.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace repro {

struct ProcessResult {
  int exit_status = 0;  // exit status, or 128 + signal
};

// Runs `arguments[0]` (an absolute path, no shell, no PATH search) to its end. Each complete line
// of its standard output is handed to `on_line` (without the newline) as it arrives; standard error
// is inherited. While the child runs, SIGINT and SIGTERM that reach this process are forwarded to
// it and do not end this process. Throws Error(environment) where the program cannot be started.
ProcessResult run_process(const std::vector<std::string>& arguments,
                          const std::function<void(std::string_view)>& on_line);

}  // namespace repro

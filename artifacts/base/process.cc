#include "artifacts/base/process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <system_error>

#include "artifacts/base/error.h"

namespace repro {
namespace {

// Signal handlers may only touch lock-free atomics: this is the child to forward to.
std::atomic<pid_t> forward_target{0};

extern "C" void forward_signal(int number) {
  const pid_t child = forward_target.load();
  if (child > 0) ::kill(child, number);
}

// Installs forwarding for its lifetime and puts the old handlers back.
class SignalForwarding {
 public:
  explicit SignalForwarding(pid_t child) {
    forward_target = child;
    struct sigaction action {};
    action.sa_handler = forward_signal;
    for (std::size_t i = 0; i < kSignals.size(); ++i) ::sigaction(kSignals[i], &action, &old_[i]);
  }
  ~SignalForwarding() {
    for (std::size_t i = 0; i < kSignals.size(); ++i) ::sigaction(kSignals[i], &old_[i], nullptr);
    forward_target = 0;
  }
  SignalForwarding(const SignalForwarding&) = delete;
  SignalForwarding& operator=(const SignalForwarding&) = delete;

 private:
  static constexpr std::array<int, 3> kSignals = {SIGINT, SIGTERM, SIGUSR1};
  std::array<struct sigaction, 3> old_{};
};

pid_t start(const std::vector<std::string>& arguments, int output) {
  std::vector<char*> raw;
  for (const std::string& argument : arguments) raw.push_back(const_cast<char*>(argument.c_str()));
  raw.push_back(nullptr);
  if (::access(raw[0], X_OK) != 0) {
    throw Error(Code::environment,
                "cannot run " + arguments[0] + ": " + std::generic_category().message(errno));
  }
  const pid_t child = ::fork();
  if (child < 0) {
    throw Error(Code::environment,
                "cannot start a process: " + std::generic_category().message(errno));
  }
  if (child == 0) {
    ::dup2(output, STDOUT_FILENO);
    ::setpgid(0, 0);  // a terminal's Ctrl-C reaches it once, through us
    ::execv(raw[0], raw.data());
    ::_exit(127);
  }
  return child;
}

void read_lines(int input, const std::function<void(std::string_view)>& on_line) {
  std::string pending;
  std::array<char, 65536> buffer{};
  while (true) {
    const ssize_t count = ::read(input, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    pending.append(buffer.data(), static_cast<std::size_t>(count));
    std::size_t begin = 0;
    for (auto end = pending.find('\n'); end != std::string::npos; end = pending.find('\n', begin)) {
      on_line(std::string_view(pending).substr(begin, end - begin));
      begin = end + 1;
    }
    pending.erase(0, begin);
  }
  if (!pending.empty()) on_line(pending);
}

int wait_for(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace

ProcessResult run_process(const std::vector<std::string>& arguments,
                          const std::function<void(std::string_view)>& on_line) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw Error(Code::environment, "cannot make a pipe");
  pid_t child = 0;
  try {
    child = start(arguments, ends[1]);
  } catch (...) {
    ::close(ends[0]);
    ::close(ends[1]);
    throw;
  }
  ::close(ends[1]);
  ProcessResult result;
  const SignalForwarding forwarding(child);
  try {
    read_lines(ends[0], on_line);
  } catch (...) {  // the reader failed: the child must not outlive it
    ::close(ends[0]);
    ::kill(child, SIGTERM);
    wait_for(child);
    throw;
  }
  ::close(ends[0]);
  result.exit_status = wait_for(child);
  return result;
}

}  // namespace repro

#include "cli/worker.h"

#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <nlohmann/json.hpp>

#include "artifacts/base/environment.h"
#include "artifacts/base/error.h"
#include "artifacts/base/process.h"

namespace repro::cli {
namespace {

constexpr int kSignalStatus = 128;

// The spec as a file for as long as the worker runs. It lies in the temporary folder, because the
// store may be on a read-only medium.
class SpecFile {
 public:
  SpecFile(Context& context, const manifests::RunSpec& spec) : files_(context.files()) {
    const std::string folder = find_environment("TMPDIR").value_or("/tmp");
    path_ = join_path(
        folder, fmt::format("repro-spec-{}-{}.json", ::getpid(), context.clock().monotonic_ns()));
    const auto file = files_.open(path_, OpenMode::create);
    file->write(as_bytes(manifests::encode_run_spec(spec)));
  }
  ~SpecFile() {
    try {
      files_.remove(path_);
    } catch (const Error&) {  // a leftover in the temporary folder harms nothing
    }
  }
  SpecFile(const SpecFile&) = delete;
  SpecFile& operator=(const SpecFile&) = delete;

  const std::string& path() const { return path_; }

 private:
  FileSystem& files_;
  std::string path_;
};

std::string text_or(const Json& event, const char* key) {
  const auto found = event.find(key);
  return found != event.end() && found->is_string() ? found->get<std::string>() : "";
}

Json parse_event(std::string_view line) {
  try {
    Json event = parse_json(line, "event of the worker");
    json_string(event, "type", "event of the worker");
    return event;
  } catch (Error& error) {
    throw Error(Code::internal,
                fmt::format("the worker said what is no event: {}", error.message()),
                "repro and repro-train must be of one build");
  }
}

// What an exit status without an `error` event means.
void check_status(int status) {
  if (status == 0) return;
  if (status == exit_code(Code::cancelled)) throw Error(Code::cancelled, "interrupted");
  if (status == kSignalStatus + SIGKILL) {
    throw Error(Code::environment, "the worker was killed, perhaps for want of memory",
                "`repro plan` says how much memory is needed; `repro resume` goes on from the last "
                "checkpoint");
  }
  const std::string how = status > kSignalStatus
                              ? fmt::format("by signal {}", status - kSignalStatus)
                              : fmt::format("with status {}", status);
  throw Error(Code::internal, "the worker ended " + how + " without saying why",
              "`repro resume` goes on from the last checkpoint");
}

}  // namespace

std::optional<std::string> find_worker(Context& context) {
  const auto named = find_environment("REPRO_TRAIN");
  const std::string path = named && !named->empty() ? absolute_path(*named)
                                                    : join_path(executable_folder(), "repro-train");
  return context.files().exists(path) ? std::optional(path) : std::nullopt;
}

std::string require_worker(Context& context) {
  const auto worker = find_worker(context);
  if (worker) return *worker;
  throw Error(Code::environment, "this needs the trainer, repro-train, which is not here",
              "build it (cmake --preset train-cpu), put it beside `repro`, or name it in "
              "REPRO_TRAIN");
}

Json run_worker(Context& context, const manifests::RunSpec& spec,
                const std::function<void(const Json&)>& on_event) {
  const std::string worker = require_worker(context);
  const SpecFile file(context, spec);
  std::optional<Error> failure;
  Json done;
  const auto on_line = [&](std::string_view line) {
    if (line.empty()) return;
    const Json event = parse_event(line);
    const std::string type = event.at("type");
    if (type == "error") {
      failure.emplace(parse_code(text_or(event, "code")), text_or(event, "message"),
                      text_or(event, "hint"));
      return;
    }
    if (type == "note") {
      context.io().note(text_or(event, "message"));
      context.io().emit("note", {{"message", text_or(event, "message")}});
      return;
    }
    if (type == "done") done = event;
    on_event(event);
  };
  const ProcessResult result = run_process({worker, file.path()}, on_line);
  if (failure) throw Error(*failure);
  check_status(result.exit_status);
  return done;
}

}  // namespace repro::cli

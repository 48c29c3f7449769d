// repro-train: run spec in, events out (docs/worker.md).
#include <signal.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <new>

#include "artifacts/base/environment.h"
#include "artifacts/base/error.h"
#include "artifacts/base/file_system.h"
#include "manifests/run_spec.h"
#include "train/worker/commands.h"
#include "train/worker/events.h"

namespace repro::train {

std::atomic<bool> stop_requested{false};

void check_stop() {
  if (stop_requested) throw Error(Code::cancelled, "interrupted");
}

int thread_count(const manifests::RunConfig& running) {
  if (running.threads > 0) return static_cast<int>(running.threads);
  return std::max(1, read_host_facts().cores);
}

Machine make_machine(const manifests::RunConfig& running, Parallel& parallel) {
  Machine machine;
  machine.parallel = &parallel;
  machine.kernels = running.kernels;
  machine.micro_batch = running.micro_batch;
  return machine;
}

namespace {

extern "C" void request_stop(int) { stop_requested = true; }

void install_signal_handlers() {
  struct sigaction action {};
  action.sa_handler = request_stop;
  action.sa_flags = SA_RESTART;
  for (int number : {SIGINT, SIGTERM, SIGUSR1}) ::sigaction(number, &action, nullptr);
  ::signal(SIGPIPE, SIG_IGN);  // a reader that went away must not stop a training
}

void run(const manifests::RunSpec& spec) {
  switch (spec.command) {
    case manifests::SpecCommand::train:
      return run_train(spec);
    case manifests::SpecCommand::replay:
      return run_replay(spec);
    case manifests::SpecCommand::materialise:
      return run_materialise(spec);
    case manifests::SpecCommand::data_add:
      return run_data_add(spec);
    case manifests::SpecCommand::batch:
      return run_batch(spec);
    case manifests::SpecCommand::generate:
      return run_generate(spec);
    case manifests::SpecCommand::score:
      return run_score(spec);
    case manifests::SpecCommand::indices:
      return run_indices(spec);
    case manifests::SpecCommand::probe:
      return run_probe(spec);
  }
}

int worker_main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: repro-train SPEC.json   (started by repro; see docs/worker.md)\n", stderr);
    return exit_code(Code::invalid_argument);
  }
  install_signal_handlers();
  try {
    run(manifests::parse_run_spec(system_file_system().read_file(argv[1]), argv[1]));
    return 0;
  } catch (const Error& error) {
    emit(error_event(error));
    return exit_code(error.code());
  } catch (const std::bad_alloc&) {
    const Error translated(Code::environment, "this machine has not enough memory for it",
                           "`repro plan` says how much is needed; a smaller run.micro_batch and "
                           "run.recompute need less");
    emit(error_event(translated));
    return exit_code(Code::environment);
  } catch (const std::exception& error) {
    const Error translated(Code::internal, error.what(), "this is a bug; please report it");
    emit(error_event(translated));
    return exit_code(Code::internal);
  }
}

}  // namespace
}  // namespace repro::train

int main(int argc, char** argv) { return repro::train::worker_main(argc, argv); }

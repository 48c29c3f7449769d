// What the worker can be asked to do; one function per SpecCommand (manifests/run_spec.h).
#pragma once

#include <atomic>

#include "artifacts/index/catalogue.h"
#include "manifests/run_spec.h"
#include "train/engine/trainer.h"
#include "train/kernels/parallel.h"

namespace repro::train {

// Set by the signal handler; looked at after every step.
extern std::atomic<bool> stop_requested;
// Error(cancelled) where it is.
void check_stop();

// Threads and choices of this process, from the spec's running keys.
int thread_count(const manifests::RunConfig& running);
Machine make_machine(const manifests::RunConfig& running, Parallel& parallel);
artifacts::Catalogue open_catalogue(const manifests::RunSpec& spec);

// Each throws Error; `run_train` throws Error(cancelled) after a clean stop by a signal.
void run_train(const manifests::RunSpec& spec);
void run_replay(const manifests::RunSpec& spec);
void run_materialise(const manifests::RunSpec& spec);
void run_batch(const manifests::RunSpec& spec);
void run_generate(const manifests::RunSpec& spec);
void run_score(const manifests::RunSpec& spec);
void run_data_add(const manifests::RunSpec& spec);
void run_indices(const manifests::RunSpec& spec);
void run_probe(const manifests::RunSpec& spec);

}  // namespace repro::train

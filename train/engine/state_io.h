// Between `Parameters` in memory and states in the store: roots, saving, loading.
#pragma once

#include <cstdint>
#include <vector>

#include "artifacts/store/store.h"
#include "manifests/state.h"
#include "train/kernels/parallel.h"
#include "train/nn/parameters.h"
#include "train/optim/skip_step.h"

namespace repro::train {

// What a state holds besides tensors of the model.
struct Cursor {
  std::int64_t step = 0;   // updates done
  std::int64_t batch = 0;  // next batch of the order
  StepHistory history;     // of skip_step_adamw; empty after a step of another update rule
};

struct Roots {
  Digest model;
  Digest state;
};

// Merkle roots of the current state; leaves are hashed on all threads.
Roots compute_roots(const Parameters& parameters, const Cursor& cursor, Parallel& parallel);
// The same from the leaves of a Backend; of `layout` only names and shapes are looked at.
Roots compute_roots(const Parameters& layout, std::vector<std::vector<Digest>> leaves,
                    const Cursor& cursor);

// Puts every tensor and then the state manifest into the store. Not a checkpoint until a run
// manifest names it.
struct SavedState {
  Digest manifest;
  Roots roots;
};
SavedState save_state(artifacts::Store& store, const Parameters& parameters, const Cursor& cursor,
                      const Digest& derivation, Parallel& parallel);

// Reads and verifies a state: object digests, Merkle roots of what was read, names, dtypes and
// shapes against the model. Error(corruption) or Error(invalid_argument) lists missing, extra,
// mis-shaped.
Cursor load_state(const artifacts::Store& store, const Digest& manifest, Parameters& parameters,
                  Parallel& parallel);

// The weights alone, checked in the same way, of a state that may hold no more than them; nothing
// else of `parameters` is touched. Their root.
Digest load_weights(const artifacts::Store& store, const Digest& manifest, Parameters& parameters,
                    Parallel& parallel);

}  // namespace repro::train

// State manifests, schema "repro.state/1": everything needed to go on from a step.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "artifacts/base/digest.h"
#include "artifacts/base/merkle.h"

namespace repro::manifests {

struct StateTensor {
  std::string name;  // weights: Hugging Face names; "exp_avg/NAME", "exp_avg_sq/NAME";
                     // "trainer/step", "trainer/batch" (int64 [1]): updates done, next batch of the
                     // order; and of skip_step_adamw "trainer/losses", "trainer/gradient_norms"
                     // (float32 [n]), "trainer/skipped" (int64 [1])
  std::string dtype;  // "float32", "int64"
  std::vector<std::int64_t> shape;
  Digest root;    // Merkle root
  Digest digest;  // raw SHA-256: the object
  std::int64_t size = 0;

  bool operator==(const StateTensor&) const = default;
};

struct State {
  std::int64_t step = 0;
  Digest derivation;
  std::vector<StateTensor> tensors;  // in name order
  Digest model_root;
  Digest state_root;

  bool operator==(const State&) const = default;
};

// Weights are the names without '/'.
bool is_weight(std::string_view tensor_name);
Digest compute_model_root(const State& state);
Digest compute_state_root(const State& state);
// Error(invalid_argument) for what `parse_state` would refuse: roots that are not those of the
// tensors, names out of order or not of [A-Za-z0-9._/-], a size that does not fit dtype and shape.
std::string encode_state(const State& state);
// Strict; recomputes both roots from the tensors' roots. Error(corruption).
State parse_state(std::string_view json, std::string_view what);

}  // namespace repro::manifests

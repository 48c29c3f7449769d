// A state together with the store that holds its tensors: the project's own store, or a scratch
// store into which the worker re-derived a state that was not kept. One thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "artifacts/store/store.h"
#include "cli/context.h"
#include "cli/resolve.h"
#include "manifests/run.h"
#include "manifests/state.h"

namespace repro::cli {

class StateSource {
 public:
  // `state`: what `resolve_state` gave, stored or not, or a model. Re-deriving shows a progress bar
  // and checks the root against the log: Error(nondeterminism) where they differ.
  static StateSource open(Context& context, const Resolved& state);
  // State of `run` at `step`.
  static StateSource open(Context& context, const manifests::Run& run, std::int64_t step);

  StateSource(StateSource&&) noexcept;
  StateSource& operator=(StateSource&&) noexcept;
  ~StateSource();

  const artifacts::Store& store() const { return *store_; }
  const manifests::State& state() const { return state_; }
  const Digest& manifest() const { return manifest_; }
  bool rederived() const { return scratch_ != nullptr; }
  // Copies a state that was re-derived into `store`, the project's own, so that manifests may name
  // it; nothing where it is there.
  void keep(artifacts::Store& store) const;

 private:
  // A new folder below TMPDIR (or /tmp), removed with all it holds.
  class ScratchFolder;

  StateSource();
  static StateSource load(Context& context, const Digest& manifest);
  static StateSource derive(Context& context, const manifests::Run& run, std::int64_t step);

  std::unique_ptr<const ScratchFolder> scratch_;
  std::optional<artifacts::Store> store_;
  manifests::State state_;
  Digest manifest_;
};

}  // namespace repro::cli

// What `repro` asks of the worker `repro-train`: a spec file in (schema "repro.spec/1"), events
// out, one JSON object a line on standard output (docs/worker.md). The worker ends with the exit
// codes of docs/cli.md; before a failure it prints {"type":"error","code","message","hint"}.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "artifacts/base/digest.h"
#include "manifests/inference.h"
#include "manifests/run.h"

namespace repro::manifests {

enum class SpecCommand : std::uint8_t {
  train,        // begin `run` (no states yet) or continue it, to `until`
  replay,       // re-execute steps first..last of `run` in memory, emit log lines, write nothing
  materialise,  // re-derive `run`@`last` and put its state into the store at `output`
  data_add,     // text, JSONL or .npy -> dataset in the store
  batch,        // describe the batch of step `last`
  generate,     // continue texts with the weights of `run`@`last`, or of `model`
  score,        // log-likelihood of texts under it
  indices,      // hold a file of OLMo's indices against the order that it should be
  probe,        // say what this worker can do
};

// Record where the time of steps first..last goes (docs/profiling.md).
struct ProfileRequest {
  std::int64_t first = 1;
  std::int64_t last = 1;
  std::string path;  // file to write; "": trace.json in the run's folder

  bool operator==(const ProfileRequest&) const = default;
};

// That a file (the only one of `paths`) is the beginning of the order `olmo_order/1` of N
// instances, `least` <= N <= `most` < 2^32.
struct IndicesRequest {
  std::int64_t seed = 0;  // the epoch added
  std::int64_t least = 0;
  std::int64_t most = 0;

  bool operator==(const IndicesRequest&) const = default;
};

struct RunSpec {
  SpecCommand command = SpecCommand::train;
  std::string store;                // folder of the store
  Run run;                          // train: the manifest to publish first, or the current one
  std::optional<Digest> published;  // train: current target of the run's ref; absent for a new run
  std::int64_t until = 0;           // train
  std::optional<ProfileRequest> profile;  // train
  std::int64_t first = 0;                 // replay: first update re-executed
  std::int64_t last = 0;                  // replay, materialise, batch, generate, score
  RunConfig running;   // overrides the recorded running keys (threads, kernels, ...)
  std::string output;  // materialise: folder of a scratch store (made by the worker)
  // data_add
  std::vector<std::string> paths;  // indices: the one file
  std::string name;
  std::string tokenizer;
  std::string intake;                         // "copy", "reflink", "in_place"
  std::optional<std::int64_t> end_of_text;    // data_add: the id that ends documents of token files
  bool show_text = false;                     // batch: decoded text of the samples too
  std::optional<InferenceRequest> inference;  // generate, score: there; no other
  std::optional<IndicesRequest> indices;      // indices: there; no other
  std::optional<Digest> model;  // generate, score: manifest of a model, then without a run

  bool operator==(const RunSpec&) const = default;
};

// Paths must be UTF-8: Error(invalid_argument). `run` travels for all commands but data_add,
// indices and probe, and where there is no `model`.
std::string encode_run_spec(const RunSpec& spec);
// Strict. Error(corruption).
RunSpec parse_run_spec(std::string_view json, std::string_view what);

}  // namespace repro::manifests

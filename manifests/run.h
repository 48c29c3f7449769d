// Run manifests, schema "repro.run/1", and derivations, schema "repro.derivation/1".
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "artifacts/base/digest.h"
#include "artifacts/base/json.h"
#include "manifests/config.h"

namespace repro::manifests {

// Name -> version of every operator that can decide a bit. One table; docs/arithmetic.md has the
// texts.
const std::map<std::string, std::string>& operator_versions();
// Those that a config uses.
std::map<std::string, std::string> operators_of(const Config& config);

// What decides all states of a run (or of one of its segments).
struct Derivation {
  Json deciding;  // deciding_keys(config)
  Digest dataset_root;
  std::string initial;          // "init" or the hex state root it starts from
  std::int64_t first_step = 0;  // step of the initial state
  std::map<std::string, std::string> operators;
  std::map<std::string, std::string> held_constant;  // native profile only; empty for exact

  bool operator==(const Derivation&) const = default;
};
std::string encode_derivation(const Derivation& derivation);
Digest derivation_digest(const Derivation& derivation);

// A stretch of steps under one derivation. The first has first_step 0 or the step it branched at.
struct Segment {
  std::int64_t first_step = 0;  // its first update is first_step + 1
  Digest derivation;
  Derivation content;
  Digest config;             // object: full config
  Digest dataset;            // object: dataset manifest
  std::string reason;        // of a changed key; "" for the first
  std::string parent_run;    // run id it branched from, "" if none
  std::string parent_model;  // hex digest of the model manifest it began with, "" if none
  std::string parent_state;  // hex digest of the state manifest object it starts from, "" for init

  bool operator==(const Segment&) const = default;
};

struct StoredState {
  std::int64_t step = 0;
  Digest manifest;
  Digest model_root;
  Digest state_root;

  bool operator==(const StoredState&) const = default;
};

// A closed piece of log or telemetry.
struct LogPiece {
  Digest digest;
  std::int64_t size = 0;
  std::int64_t lines = 0;

  bool operator==(const LogPiece&) const = default;
};

struct LogSummary {
  std::vector<LogPiece> pieces;  // concatenated: the log
  std::string head;              // hex chain value after the last line
  std::int64_t lines = 0;

  bool operator==(const LogSummary&) const = default;
};

enum class RunStatus : std::uint8_t { running, interrupted, finished, failed };
std::string_view run_status_name(RunStatus status);

// Where the code came from; see artifacts/git/code_identity.h.
struct CodeNotes {
  std::string recipe_commit;  // "" where the recipe lies in no repository (built-in: repro's own)
  std::string recipe_diff;    // hex digest of the diff object, "" when clean
  std::vector<std::pair<std::string, std::string>> submodules;  // path, commit
  std::string repro_version;
  std::string repro_commit;
  std::string build_id;

  bool operator==(const CodeNotes&) const = default;
};

struct Run {
  std::string id;       // 64 hex digits, see make_run_id
  std::string name;     // "" or a name
  std::string recipe;   // label
  std::string created;  // UTC
  RunStatus status = RunStatus::running;
  std::int64_t step = 0;            // of the newest stored state
  std::int64_t until = 0;           // where it was asked to go
  std::vector<Segment> segments;    // at least one, by first_step
  std::vector<StoredState> states;  // by step
  LogSummary log;
  LogSummary telemetry;
  CodeNotes code;
  std::string nonce;  // hex; makes two realisations two runs

  bool operator==(const Run&) const = default;
};

// id = SHA-256 of canonical {"derivation","nonce","schema":"repro.run-id/1"} with the first
// segment's.
std::string make_run_id(const Digest& derivation, std::string_view nonce);
// Error(invalid_argument) for what `parse_run` would refuse.
std::string encode_run(const Run& run);
// Strict; checks the id against derivation and nonce, each segment's derivation digest against its
// content, orders and steps. Error(corruption).
Run parse_run(std::string_view json, std::string_view what);

// The segment under which update `step` (>= 1) is made.
const Segment& segment_of(const Run& run, std::int64_t step);
// The segment under which the state at `step` was made: the first one for what the run began with.
const Segment& segment_at(const Run& run, std::int64_t step);
// The stored state with the greatest step <= `step`, or nullptr (start from init).
const StoredState* nearest_state(const Run& run, std::int64_t step);

// All objects a manifest refers to (any schema), with a word for what they are; for fsck and
// messages. Empty for a config and for bytes that are no manifest; Error(corruption) for canonical
// JSON with one of our schemas that breaks it.
struct Reference {
  Digest digest;
  std::string role;  // "shard tokens", "tensor model.norm.weight", "config", ...
};
std::vector<Reference> find_references(std::string_view manifest_json, std::string_view what);

}  // namespace repro::manifests

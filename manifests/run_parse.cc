// Reading and checking run manifests.
#include <nlohmann/json.hpp>
#include <optional>

#include "manifests/json_fields.h"
#include "manifests/parsers.h"
#include "manifests/run.h"
#include "manifests/schema.h"
#include "manifests/text_checks.h"

namespace repro::manifests {
namespace {

constexpr std::int64_t kMaxLines = std::int64_t{1} << 48;
constexpr std::size_t kMaxNonceDigits = 128;

Segment parse_segment(const Json& json, std::string_view what) {
  check_json_keys(json,
                  {"config", "content", "dataset", "derivation", "first_step", "parent_run",
                   "parent_state", "reason"},
                  {"parent_model"}, what);
  Segment segment;
  segment.first_step = int_field(json, "first_step", what, 0, kMaxStep);
  segment.derivation = digest_field(json, "derivation", what);
  segment.content = derivation_from_json(json.at("content"), what);
  segment.config = digest_field(json, "config", what);
  segment.dataset = digest_field(json, "dataset", what);
  segment.reason = json_string(json, "reason", what);
  segment.parent_run = find_hex_field(json, "parent_run", what);
  segment.parent_state = find_hex_field(json, "parent_state", what);
  if (json.contains("parent_model")) {
    segment.parent_model = digest_field(json, "parent_model", what).hex();
  }
  return segment;
}

StoredState parse_stored_state(const Json& json, std::string_view what) {
  check_json_keys(json, {"manifest", "model_root", "state_root", "step"}, {}, what);
  StoredState state;
  state.step = int_field(json, "step", what, 0, kMaxStep);
  state.manifest = digest_field(json, "manifest", what);
  state.model_root = digest_field(json, "model_root", what);
  state.state_root = digest_field(json, "state_root", what);
  return state;
}

LogSummary parse_log(const Json& json, std::string_view what) {
  check_json_keys(json, {"head", "lines", "pieces"}, {}, what);
  LogSummary log;
  log.head = find_hex_field(json, "head", what);
  log.lines = int_field(json, "lines", what, 0, kMaxLines);
  for (const Json& item : json_array(json, "pieces", what)) {
    check_json_keys(item, {"digest", "lines", "size"}, {}, what);
    LogPiece piece;
    piece.digest = digest_field(item, "digest", what);
    piece.size = int_field(item, "size", what, 1, kMaxBytes);
    piece.lines = int_field(item, "lines", what, 1, kMaxLines);
    log.pieces.push_back(piece);
  }
  return log;
}

CodeNotes parse_code(const Json& json, std::string_view what) {
  check_json_keys(
      json,
      {"build_id", "recipe_commit", "recipe_diff", "repro_commit", "repro_version", "submodules"},
      {}, what);
  CodeNotes code;
  code.recipe_commit = text_field(json, "recipe_commit", what);
  code.recipe_diff = find_hex_field(json, "recipe_diff", what);
  for (const Json& item : json_array(json, "submodules", what)) {
    check_json_keys(item, {"commit", "path"}, {}, what);
    code.submodules.emplace_back(text_field(item, "path", what), text_field(item, "commit", what));
  }
  code.repro_version = text_field(json, "repro_version", what);
  code.repro_commit = text_field(json, "repro_commit", what);
  code.build_id = text_field(json, "build_id", what);
  return code;
}

std::optional<RunStatus> find_status(std::string_view name) {
  for (const RunStatus status :
       {RunStatus::running, RunStatus::interrupted, RunStatus::finished, RunStatus::failed}) {
    if (run_status_name(status) == name) return status;
  }
  return std::nullopt;
}

void check_log(const LogSummary& log, std::string_view what) {
  std::int64_t lines = 0;
  for (const LogPiece& piece : log.pieces) {
    require(piece.size >= 1 && piece.lines >= 1 && piece.lines <= kMaxLines - lines, what,
            "a piece of its log is empty or too long");
    lines += piece.lines;
  }
  require(lines == log.lines, what, "its log's lines are not those of the pieces");
  require(log.head.empty() ? log.lines == 0 : is_hex(log.head, 64, 64), what,
          "its log's head is not a chain value");
}

void check_derivation(const Derivation& derivation, std::string_view what) {
  require(derivation.deciding.is_object(), what, "the deciding keys of a segment are no object");
  require(derivation.initial == "init" || is_hex(derivation.initial, 64, 64), what,
          "the initial state of a segment is neither \"init\" nor a root");
  for (const auto* map : {&derivation.operators, &derivation.held_constant}) {
    for (const auto& [name, value] : *map) {
      require(is_plain_text(name) && is_plain_text(value), what,
              "an operator or held constant is not printable text");
    }
  }
}

void check_segments(const Run& run, std::string_view what) {
  require(!run.segments.empty(), what, "it has no segment");
  const Segment* previous = nullptr;
  for (const Segment& segment : run.segments) {
    check_derivation(segment.content, what);
    require(segment.first_step >= 0 && segment.first_step <= run.step, what,
            "a segment begins after its newest state");
    require(segment.first_step == segment.content.first_step, what,
            "a segment's first_step is not that of its derivation");
    require(segment.derivation == derivation_digest(segment.content), what,
            "a segment's derivation is not the digest of its content");
    require(previous == nullptr || previous->first_step < segment.first_step, what,
            "its segments are not in the order of their steps");
    require(is_note_text(segment.reason), what, "a segment's reason is not printable text");
    const bool parents = (segment.parent_run.empty() || is_hex(segment.parent_run, 64, 64)) &&
                         (segment.parent_state.empty() || is_hex(segment.parent_state, 64, 64)) &&
                         (segment.parent_model.empty() || is_hex(segment.parent_model, 64, 64));
    require(parents, what, "a segment's parent is not a digest");
    previous = &segment;
  }
}

void check_states(const Run& run, std::string_view what) {
  const std::int64_t first = run.segments.front().first_step;
  std::int64_t previous = first - 1;
  for (const StoredState& state : run.states) {
    require(state.step > previous, what, "its states are not in the order of their steps");
    previous = state.step;
  }
  require(run.step == (run.states.empty() ? first : previous), what,
          "its step is not that of its newest state");
}

void check_notes(const Run& run, std::string_view what) {
  const CodeNotes& code = run.code;
  for (const std::string* text : {&run.name, &run.recipe, &run.created, &code.recipe_commit,
                                  &code.repro_version, &code.repro_commit, &code.build_id}) {
    require(is_plain_text(*text), what, "a name or note is not printable text");
  }
  require(code.recipe_diff.empty() || is_hex(code.recipe_diff, 64, 64), what,
          "its recipe_diff is not a digest");
  for (const auto& [path, commit] : code.submodules) {
    require(is_safe_path(path) && is_plain_text(commit), what,
            "a submodule's path is not relative and normalised");
  }
}

}  // namespace

Derivation derivation_from_json(const Json& json, std::string_view what) {
  check_schema(json, kDerivationSchema, what);
  check_json_keys(
      json,
      {"dataset_root", "deciding", "first_step", "held_constant", "initial", "operators", "schema"},
      {}, what);
  Derivation derivation;
  derivation.deciding = json_object(json, "deciding", what);
  derivation.dataset_root = digest_field(json, "dataset_root", what);
  derivation.initial = json_string(json, "initial", what);
  derivation.first_step = int_field(json, "first_step", what, 0, kMaxStep);
  derivation.operators = text_map_field(json, "operators", what);
  derivation.held_constant = text_map_field(json, "held_constant", what);
  return derivation;
}

void check_run(const Run& run, std::string_view what) {
  require(run.step >= 0 && run.step <= kMaxStep, what, "its step is out of range");
  require(run.until >= 0 && run.until <= kMaxStep, what, "its until is out of range");
  check_segments(run, what);
  check_states(run, what);
  check_log(run.log, what);
  check_log(run.telemetry, what);
  check_notes(run, what);
  require(is_hex(run.nonce, 1, kMaxNonceDigits), what, "its nonce is not hexadecimal");
  require(run.id == make_run_id(run.segments.front().derivation, run.nonce), what,
          "its id is not that of its derivation and nonce");
}

Run run_from_json(const Json& json, std::string_view what) {
  check_schema(json, kRunSchema, what);
  check_json_keys(json,
                  {"code", "created", "id", "log", "name", "nonce", "recipe", "schema", "segments",
                   "states", "status", "step", "telemetry", "until"},
                  {}, what);
  Run run;
  run.id = json_string(json, "id", what);
  run.name = json_string(json, "name", what);
  run.recipe = json_string(json, "recipe", what);
  run.created = json_string(json, "created", what);
  const auto status = find_status(json_string(json, "status", what));
  require(status.has_value(), what, "its status is unknown");
  run.status = *status;
  run.step = int_field(json, "step", what, 0, kMaxStep);
  run.until = int_field(json, "until", what, 0, kMaxStep);
  for (const Json& item : json_array(json, "segments", what)) {
    run.segments.push_back(parse_segment(item, what));
  }
  for (const Json& item : json_array(json, "states", what)) {
    run.states.push_back(parse_stored_state(item, what));
  }
  run.log = parse_log(json.at("log"), what);
  run.telemetry = parse_log(json.at("telemetry"), what);
  run.code = parse_code(json.at("code"), what);
  run.nonce = json_string(json, "nonce", what);
  check_run(run, what);
  return run;
}

Run parse_run(std::string_view json, std::string_view what) {
  return run_from_json(parse_canonical_json(json, what), what);
}

}  // namespace repro::manifests

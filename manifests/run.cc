#include "manifests/run.h"

#include <nlohmann/json.hpp>

#include "manifests/json_fields.h"
#include "manifests/parsers.h"
#include "manifests/schema.h"

namespace repro::manifests {
namespace {

Json segment_json(const Segment& segment) {
  Json json = {
      {"config", segment.config.hex()},       {"content", derivation_json(segment.content)},
      {"dataset", segment.dataset.hex()},     {"derivation", segment.derivation.hex()},
      {"first_step", segment.first_step},     {"parent_run", segment.parent_run},
      {"parent_state", segment.parent_state}, {"reason", segment.reason}};
  // Runs from before there were models keep their bytes.
  if (!segment.parent_model.empty()) json["parent_model"] = segment.parent_model;
  return json;
}

Json state_json(const StoredState& state) {
  return {{"manifest", state.manifest.hex()},
          {"model_root", state.model_root.hex()},
          {"state_root", state.state_root.hex()},
          {"step", state.step}};
}

Json log_json(const LogSummary& log) {
  Json pieces = Json::array();
  for (const LogPiece& piece : log.pieces) {
    pieces.push_back(
        {{"digest", piece.digest.hex()}, {"lines", piece.lines}, {"size", piece.size}});
  }
  return {{"head", log.head}, {"lines", log.lines}, {"pieces", std::move(pieces)}};
}

Json code_json(const CodeNotes& code) {
  Json submodules = Json::array();
  for (const auto& [path, commit] : code.submodules) {
    submodules.push_back({{"commit", commit}, {"path", path}});
  }
  return {{"build_id", code.build_id},           {"recipe_commit", code.recipe_commit},
          {"recipe_diff", code.recipe_diff},     {"repro_commit", code.repro_commit},
          {"repro_version", code.repro_version}, {"submodules", std::move(submodules)}};
}

template <class Item, class Encode>
Json list_json(const std::vector<Item>& items, const Encode& encode) {
  Json list = Json::array();
  for (const Item& item : items) list.push_back(encode(item));
  return list;
}

}  // namespace

std::string_view run_status_name(RunStatus status) {
  switch (status) {
    case RunStatus::running:
      return "running";
    case RunStatus::interrupted:
      return "interrupted";
    case RunStatus::finished:
      return "finished";
    case RunStatus::failed:
      return "failed";
  }
  return "";
}

Json derivation_json(const Derivation& derivation) {
  return {{"dataset_root", derivation.dataset_root.hex()},
          {"deciding", derivation.deciding},
          {"first_step", derivation.first_step},
          {"held_constant", Json(derivation.held_constant)},
          {"initial", derivation.initial},
          {"operators", Json(derivation.operators)},
          {"schema", kDerivationSchema}};
}

std::string encode_derivation(const Derivation& derivation) {
  return encode_json(derivation_json(derivation));
}

Digest derivation_digest(const Derivation& derivation) {
  return sha256(encode_derivation(derivation));
}

std::string make_run_id(const Digest& derivation, std::string_view nonce) {
  return sha256(encode_json({{"derivation", derivation.hex()},
                             {"nonce", nonce},
                             {"schema", "repro.run-id/1"}}))
      .hex();
}

Json run_json(const Run& run) {
  return {{"code", code_json(run.code)},
          {"created", run.created},
          {"id", run.id},
          {"log", log_json(run.log)},
          {"name", run.name},
          {"nonce", run.nonce},
          {"recipe", run.recipe},
          {"schema", kRunSchema},
          {"segments", list_json(run.segments, segment_json)},
          {"states", list_json(run.states, state_json)},
          {"status", run_status_name(run.status)},
          {"step", run.step},
          {"telemetry", log_json(run.telemetry)},
          {"until", run.until}};
}

std::string encode_run(const Run& run) {
  check_as(Code::invalid_argument, "cannot write", [&] { check_run(run, "run manifest"); });
  return encode_json(run_json(run));
}

const Segment& segment_of(const Run& run, std::int64_t step) {
  const Segment* found = nullptr;
  for (const Segment& segment : run.segments) {
    if (segment.first_step < step) found = &segment;
  }
  if (found == nullptr) {
    throw Error(
        Code::not_found,
        "run " + run.id.substr(0, 12) + " makes no update " + std::to_string(step) + " of its own",
        "it may have branched off at a later step");
  }
  return *found;
}

const Segment& segment_at(const Run& run, std::int64_t step) {
  const Segment& first = run.segments.front();
  return step > first.first_step ? segment_of(run, step) : first;
}

const StoredState* nearest_state(const Run& run, std::int64_t step) {
  const StoredState* nearest = nullptr;
  for (const StoredState& state : run.states) {
    if (state.step <= step) nearest = &state;
  }
  return nearest;
}

}  // namespace repro::manifests

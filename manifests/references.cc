// What a manifest points to, and how to tell a manifest from other bytes.
#include <nlohmann/json.hpp>

#include "artifacts/base/error.h"
#include "manifests/dataset.h"
#include "manifests/model.h"
#include "manifests/parsers.h"
#include "manifests/run.h"
#include "manifests/schema.h"
#include "manifests/state.h"
#include "manifests/task.h"

namespace repro::manifests {
namespace {

// Manifests of the largest models stay far below this.
constexpr std::size_t kMaxManifestBytes = std::size_t{64} << 20;

Json find_canonical_object(std::string_view bytes) {
  const bool possible = bytes.size() >= 2 && bytes.size() <= kMaxManifestBytes &&
                        bytes.front() == '{' && bytes.back() == '}' &&
                        bytes.find("\"schema\":\"") != std::string_view::npos;
  if (!possible) return nullptr;
  try {
    return parse_canonical_json(bytes, "object");
  } catch (const Error&) {
    return nullptr;
  }
}

std::optional<std::string> schema_of(const Json& json) {
  if (!json.is_object()) return std::nullopt;
  const auto found = json.find("schema");
  if (found == json.end() || !found->is_string()) return std::nullopt;
  return found->get<std::string>();
}

// The tasks of eval.tasks, among the deciding keys of a segment.
std::vector<StoredTask> tasks_of(const Json& deciding) {
  constexpr std::string_view kWhat = "run manifest";
  if (!deciding.is_object() || !deciding.contains("eval")) return {};
  const Json& eval = deciding.at("eval");
  if (!eval.is_object() || !eval.contains("tasks")) return {};
  return stored_tasks(json_string(eval, "tasks", kWhat), kWhat);
}

std::vector<Reference> run_references(const Run& run) {
  std::vector<Reference> list;
  const auto add_hex = [&](const std::string& hex, const std::string& role) {
    if (const auto digest = find_digest(hex)) list.push_back({*digest, role});
  };
  for (const Segment& segment : run.segments) {
    list.push_back({segment.config, "config"});
    list.push_back({segment.dataset, "dataset manifest"});
    add_hex(segment.parent_state, "parent state manifest");
    add_hex(segment.parent_model, "parent model manifest");
    for (const StoredTask& task : tasks_of(segment.content.deciding)) {
      list.push_back({task.digest, "task " + task.name});
    }
  }
  for (const StoredState& state : run.states) {
    list.push_back({state.manifest, "state manifest of step " + std::to_string(state.step)});
  }
  for (const LogPiece& piece : run.log.pieces) list.push_back({piece.digest, "log"});
  for (const LogPiece& piece : run.telemetry.pieces) list.push_back({piece.digest, "telemetry"});
  add_hex(run.code.recipe_diff, "recipe diff");
  return list;
}

std::vector<Reference> state_references(const State& state) {
  std::vector<Reference> list;
  for (const StateTensor& tensor : state.tensors) {
    list.push_back({tensor.digest, "tensor " + tensor.name});
  }
  return list;
}

std::vector<Reference> model_references(const Model& model) {
  std::vector<Reference> list = {{model.state, "state manifest"}};
  if (model.tokenizer_file) list.push_back({*model.tokenizer_file, "tokenizer file"});
  for (const ModelParent& parent : model.origin.parents) {
    list.push_back({parent.state, "state manifest of parent " + parent.label});
    if (const auto digest = find_digest(parent.model)) {
      list.push_back({*digest, "model manifest of parent " + parent.label});
    }
  }
  return list;
}

std::vector<Reference> dataset_references(const Dataset& dataset) {
  std::vector<Reference> list;
  for (const Shard& shard : dataset.shards) {
    list.push_back({shard.tokens, "shard tokens"});
    list.push_back({shard.documents, "shard documents"});
  }
  if (dataset.tokenizer_file) list.push_back({*dataset.tokenizer_file, "tokenizer file"});
  return list;
}

std::vector<Reference> imported_log_references(const ImportedLog& log) {
  return {{log.file, "file"}, {log.records, "records"}};
}

}  // namespace

std::optional<std::string> find_schema(std::string_view bytes) {
  return schema_of(find_canonical_object(bytes));
}

std::vector<Reference> find_references(std::string_view manifest_json, std::string_view what) {
  const Json json = find_canonical_object(manifest_json);
  const std::string schema = schema_of(json).value_or("");
  if (schema == kRunSchema) return run_references(run_from_json(json, what));
  if (schema == kStateSchema) return state_references(state_from_json(json, what));
  if (schema == kModelSchema) return model_references(model_from_json(json, what));
  if (schema == kDatasetSchema) return dataset_references(dataset_from_json(json, what));
  if (schema == kImportedLogSchema) {
    return imported_log_references(imported_log_from_json(json, what));
  }
  return {};
}

}  // namespace repro::manifests

#include "manifests/model.h"

#include <nlohmann/json.hpp>

#include "manifests/config_json.h"
#include "manifests/json_fields.h"
#include "manifests/parsers.h"
#include "manifests/schema.h"
#include "manifests/text_checks.h"

namespace repro::manifests {
namespace {

constexpr std::string_view kDerivationSchemaOfModels = "repro.model-derivation/1";
constexpr std::int64_t kMaxPositions = std::int64_t{1} << 32;

Json parent_json(const ModelParent& parent) {
  return {{"label", parent.label},
          {"model", parent.model},
          {"model_root", parent.model_root.hex()},
          {"run", parent.run},
          {"state", parent.state.hex()},
          {"step", parent.step}};
}

ModelParent parse_parent(const Json& json, std::string_view what) {
  check_json_keys(json, {"label", "model", "model_root", "run", "state", "step"}, {}, what);
  ModelParent parent;
  parent.label = text_field(json, "label", what);
  parent.model = find_hex_field(json, "model", what);
  parent.run = find_hex_field(json, "run", what);
  parent.step = int_field(json, "step", what, 0, kMaxStep);
  parent.state = digest_field(json, "state", what);
  parent.model_root = digest_field(json, "model_root", what);
  return parent;
}

ModelFile parse_file(const Json& json, std::string_view what) {
  check_json_keys(json, {"digest", "path", "size"}, {}, what);
  return {text_field(json, "path", what), digest_field(json, "digest", what),
          int_field(json, "size", what, 0, kMaxBytes)};
}

Json origin_json(const ModelOrigin& origin) {
  Json parents = Json::array();
  for (const ModelParent& parent : origin.parents) parents.push_back(parent_json(parent));
  Json files = Json::array();
  for (const ModelFile& file : origin.files) {
    files.push_back({{"digest", file.digest.hex()}, {"path", file.path}, {"size", file.size}});
  }
  return {{"files", std::move(files)},
          {"operation", origin.operation},
          {"parents", std::move(parents)},
          {"settings", origin.settings}};
}

ModelOrigin parse_origin(const Json& json, std::string_view what) {
  check_json_keys(json, {"files", "operation", "parents", "settings"}, {}, what);
  ModelOrigin origin;
  origin.operation = text_field(json, "operation", what);
  origin.settings = text_map_field(json, "settings", what);
  for (const Json& item : json_array(json, "parents", what)) {
    origin.parents.push_back(parse_parent(item, what));
  }
  for (const Json& item : json_array(json, "files", what)) {
    origin.files.push_back(parse_file(item, what));
  }
  return origin;
}

void check_origin(const ModelOrigin& origin, std::string_view what) {
  require(is_safe_path(origin.operation), what, "its operation is no NAME/VERSION");
  for (const auto& [name, value] : origin.settings) {
    require(is_plain_text(name) && is_plain_text(value), what, "a setting is not printable text");
  }
  for (const ModelParent& parent : origin.parents) {
    require(parent.run.empty() != parent.model.empty(), what,
            "a parent is neither a run's state nor a model, or both");
    require(is_plain_text(parent.label), what, "a parent's label is not printable text");
  }
  const ModelFile* previous = nullptr;
  for (const ModelFile& file : origin.files) {
    require(is_safe_path(file.path), what, "a file's path is not relative, normalised UTF-8");
    require(previous == nullptr || previous->path < file.path, what,
            "its files are not in the order of their paths");
    previous = &file;
  }
}

// Everything that must hold whether the values were read or are about to be written.
void check_model(const Model& model, std::string_view what) {
  check_as(Code::corruption, what, [&] { check_model_config(model.model); });
  require(model.positions >= 1 && model.positions <= kMaxPositions, what,
          "its positions are out of range");
  require(is_safe_path(model.tokenizer), what, "its tokenizer is no NAME/VERSION");
  require(model.tokenizer.starts_with("bpe/") == model.tokenizer_file.has_value(), what,
          "a tokenizer_file goes with the tokenizer bpe, and no other");
  require(!model.end_of_text ||
              (*model.end_of_text >= 0 && *model.end_of_text < model.model.vocab_size),
          what, "its end_of_text is no id of its vocabulary");
  require(is_plain_text(model.name) && is_plain_text(model.created), what,
          "a note is not printable text");
  check_origin(model.origin, what);
}

}  // namespace

Digest model_derivation(const ModelOrigin& origin) {
  Json parents = Json::array();
  for (const ModelParent& parent : origin.parents) parents.push_back(parent.model_root.hex());
  Json files = Json::array();
  for (const ModelFile& file : origin.files) files.push_back(file.digest.hex());
  return sha256(encode_json({{"files", std::move(files)},
                             {"operation", origin.operation},
                             {"parents", std::move(parents)},
                             {"schema", kDerivationSchemaOfModels},
                             {"settings", origin.settings}}));
}

std::string encode_model(const Model& model) {
  check_as(Code::invalid_argument, "cannot write", [&] { check_model(model, "model manifest"); });
  Json json = {{"created", model.created},
               {"derivation", model_derivation(model.origin).hex()},
               {"model", model_config_json(model.model)},
               {"model_root", model.model_root.hex()},
               {"name", model.name},
               {"origin", origin_json(model.origin)},
               {"positions", model.positions},
               {"schema", kModelSchema},
               {"state", model.state.hex()},
               {"state_root", model.state_root.hex()},
               {"tokenizer", model.tokenizer}};
  if (model.tokenizer_file) json["tokenizer_file"] = model.tokenizer_file->hex();
  if (model.end_of_text) json["end_of_text"] = *model.end_of_text;
  return encode_json(json);
}

Model model_from_json(const Json& json, std::string_view what) {
  check_schema(json, kModelSchema, what);
  check_json_keys(json,
                  {"created", "derivation", "model", "model_root", "name", "origin", "positions",
                   "schema", "state", "state_root", "tokenizer"},
                  {"end_of_text", "tokenizer_file"}, what);
  Model model;
  model.name = text_field(json, "name", what);
  model.created = text_field(json, "created", what);
  model.model = model_config_from_json(json.at("model"), what);
  model.positions = int_field(json, "positions", what, 1, kMaxPositions);
  model.tokenizer = text_field(json, "tokenizer", what);
  if (json.contains("tokenizer_file")) {
    model.tokenizer_file = digest_field(json, "tokenizer_file", what);
  }
  if (json.contains("end_of_text")) {
    model.end_of_text = int_field(json, "end_of_text", what, 0, kMaxPositions);
  }
  model.state = digest_field(json, "state", what);
  model.model_root = digest_field(json, "model_root", what);
  model.state_root = digest_field(json, "state_root", what);
  model.origin = parse_origin(json.at("origin"), what);
  check_model(model, what);
  require(digest_field(json, "derivation", what) == model_derivation(model.origin), what,
          "its derivation is not that of its origin");
  return model;
}

Model parse_model(std::string_view json, std::string_view what) {
  return model_from_json(parse_canonical_json(json, what), what);
}

}  // namespace repro::manifests

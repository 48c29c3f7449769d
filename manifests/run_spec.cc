#include "manifests/run_spec.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "manifests/config_keys.h"
#include "manifests/json_fields.h"
#include "manifests/parsers.h"
#include "manifests/schema.h"
#include "manifests/text_checks.h"

namespace repro::manifests {
namespace {

constexpr SpecCommand kCommands[] = {
    SpecCommand::train,    SpecCommand::replay,  SpecCommand::materialise,
    SpecCommand::data_add, SpecCommand::batch,   SpecCommand::generate,
    SpecCommand::score,    SpecCommand::indices, SpecCommand::probe};

std::string_view command_name(SpecCommand command) {
  switch (command) {
    case SpecCommand::train:
      return "train";
    case SpecCommand::replay:
      return "replay";
    case SpecCommand::materialise:
      return "materialise";
    case SpecCommand::data_add:
      return "data_add";
    case SpecCommand::batch:
      return "batch";
    case SpecCommand::generate:
      return "generate";
    case SpecCommand::score:
      return "score";
    case SpecCommand::indices:
      return "indices";
    case SpecCommand::probe:
      return "probe";
  }
  return "";
}

SpecCommand parse_command(std::string_view name, std::string_view what) {
  for (const SpecCommand command : kCommands) {
    if (command_name(command) == name) return command;
  }
  fail_field(what, "its command is unknown");
}

bool needs_run(SpecCommand command, bool has_model) {
  return command != SpecCommand::data_add && command != SpecCommand::indices &&
         command != SpecCommand::probe && !has_model;
}

bool needs_run(const RunSpec& spec) { return needs_run(spec.command, spec.model.has_value()); }

bool needs_texts(SpecCommand command) {
  return command == SpecCommand::generate || command == SpecCommand::score;
}

Json running_json(const RunConfig& running) {
  return {{"checkpoint_every", running.checkpoint_every},
          {"device", running.device},
          {"digest_every", running.digest_every},
          {"kernels", running.kernels},
          {"micro_batch", running.micro_batch},
          {"ranks", running.ranks},
          {"recompute", running.recompute},
          {"threads", running.threads}};
}

RunConfig parse_running(const Json& json, std::string_view what) {
  check_json_keys(json,
                  {"checkpoint_every", "device", "digest_every", "kernels", "micro_batch", "ranks",
                   "recompute", "threads"},
                  {}, what);
  Config config;
  for (const auto& item : json.items()) {
    const Json& value = item.value();
    const bool number = value.is_number_integer();
    const bool flag = value.is_boolean();
    require(number || flag || value.is_string(), what,
            "a running key is neither a number, true or false, nor text");
    const std::string text = number ? std::to_string(json_int(json, item.key(), what))
                             : flag ? (value.get<bool>() ? "true" : "false")
                                    : value.get<std::string>();
    check_as(Code::corruption, what,
             [&] { set_config_value(config, "run." + item.key(), text, ""); });
  }
  return config.run;
}

Json profile_json(const std::optional<ProfileRequest>& profile) {
  if (!profile) return {};
  return {{"first", profile->first}, {"last", profile->last}, {"path", profile->path}};
}

std::optional<ProfileRequest> parse_profile(const Json& json, std::string_view what) {
  if (json.is_null()) return std::nullopt;
  check_json_keys(json, {"first", "last", "path"}, {}, what);
  ProfileRequest profile;
  profile.first = int_field(json, "first", what, 1, kMaxStep);
  profile.last = int_field(json, "last", what, profile.first, kMaxStep);
  profile.path = text_field(json, "path", what);
  return profile;
}

Json indices_json(const std::optional<IndicesRequest>& indices) {
  if (!indices) return {};
  return {{"least", indices->least}, {"most", indices->most}, {"seed", indices->seed}};
}

std::optional<IndicesRequest> parse_indices(const Json& json, std::string_view what) {
  if (json.is_null()) return std::nullopt;
  check_json_keys(json, {"least", "most", "seed"}, {}, what);
  IndicesRequest indices;
  indices.seed = int_field(json, "seed", what, 0, INT64_MAX);
  indices.least = int_field(json, "least", what, 1, UINT32_MAX - 1);
  indices.most = int_field(json, "most", what, indices.least, UINT32_MAX - 1);
  return indices;
}

void check_spec(const RunSpec& spec, std::string_view what) {
  for (const std::string* text : {&spec.store, &spec.output, &spec.name, &spec.tokenizer}) {
    require(is_plain_text(*text), what, "a path or name is not printable UTF-8");
  }
  for (const std::string& path : spec.paths) {
    require(!path.empty() && is_plain_text(path), what, "a path is empty or not printable UTF-8");
  }
  require(!spec.profile || is_plain_text(spec.profile->path), what,
          "the path of a profile is not printable UTF-8");
  require(needs_texts(spec.command) == spec.inference.has_value(), what,
          "texts do not go with its command");
  require((spec.command == SpecCommand::indices) == spec.indices.has_value(), what,
          "indices do not go with its command");
  require(!spec.indices || spec.paths.size() == 1, what, "its indices are not one file");
  if (spec.inference) check_inference(*spec.inference, what);
  const std::string& intake = spec.intake;
  require(intake.empty() || intake == "copy" || intake == "reflink" || intake == "in_place", what,
          "its intake is unknown");
  require(!spec.end_of_text || (*spec.end_of_text >= 0 && *spec.end_of_text <= UINT32_MAX), what,
          "its end_of_text is no token id");
  for (const std::int64_t step : {spec.until, spec.first, spec.last}) {
    require(step >= 0 && step <= kMaxStep, what, "a step is out of range");
  }
  require(!spec.model || needs_texts(spec.command), what, "a model does not go with its command");
  if (needs_run(spec)) check_run(spec.run, what);
}

Json spec_json(const RunSpec& spec) {
  return {{"command", command_name(spec.command)},
          {"end_of_text", spec.end_of_text ? Json(*spec.end_of_text) : Json()},
          {"first", spec.first},
          {"indices", indices_json(spec.indices)},
          {"inference", spec.inference ? inference_json(*spec.inference) : Json()},
          {"intake", spec.intake},
          {"last", spec.last},
          {"model", spec.model ? Json(spec.model->hex()) : Json()},
          {"name", spec.name},
          {"output", spec.output},
          {"paths", spec.paths},
          {"profile", profile_json(spec.profile)},
          {"published", spec.published ? Json(spec.published->hex()) : Json()},
          {"run", needs_run(spec) ? run_json(spec.run) : Json()},
          {"running", running_json(spec.running)},
          {"schema", kSpecSchema},
          {"show_text", spec.show_text},
          {"store", spec.store},
          {"tokenizer", spec.tokenizer},
          {"until", spec.until}};
}

}  // namespace

std::string encode_run_spec(const RunSpec& spec) {
  check_as(Code::invalid_argument, "cannot write", [&] { check_spec(spec, "worker spec"); });
  return encode_json(spec_json(spec));
}

RunSpec parse_run_spec(std::string_view json_text, std::string_view what) {
  const Json json = parse_canonical_json(json_text, what);
  check_schema(json, kSpecSchema, what);
  check_json_keys(
      json, {"command", "end_of_text", "first",     "indices", "inference", "intake",    "last",
             "model",   "name",        "output",    "paths",   "profile",   "published", "run",
             "running", "schema",      "show_text", "store",   "tokenizer", "until"},
      {}, what);
  RunSpec spec;
  spec.command = parse_command(json_string(json, "command", what), what);
  spec.store = text_field(json, "store", what);
  if (!json.at("model").is_null()) spec.model = digest_field(json, "model", what);
  if (needs_run(spec)) {
    spec.run = run_from_json(json.at("run"), what);
  } else {
    require(json.at("run").is_null(), what, "its command takes no run");
  }
  if (!json.at("published").is_null()) spec.published = digest_field(json, "published", what);
  spec.until = int_field(json, "until", what, 0, kMaxStep);
  spec.first = int_field(json, "first", what, 0, kMaxStep);
  spec.last = int_field(json, "last", what, 0, kMaxStep);
  spec.profile = parse_profile(json.at("profile"), what);
  spec.running = parse_running(json.at("running"), what);
  spec.output = text_field(json, "output", what);
  for (const Json& path : json_array(json, "paths", what)) {
    require(path.is_string(), what, "\"paths\" is not a list of text");
    spec.paths.push_back(path.get<std::string>());
  }
  spec.name = text_field(json, "name", what);
  spec.tokenizer = text_field(json, "tokenizer", what);
  spec.intake = text_field(json, "intake", what);
  if (!json.at("end_of_text").is_null()) {
    spec.end_of_text = int_field(json, "end_of_text", what, 0, UINT32_MAX);
  }
  spec.show_text = json_bool(json, "show_text", what);
  spec.indices = parse_indices(json.at("indices"), what);
  const Json& inference = json.at("inference");
  if (!inference.is_null()) spec.inference = inference_from_json(inference, what);
  check_spec(spec, what);
  return spec;
}

}  // namespace repro::manifests

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/findings.h"
#include "cli/lineage.h"
#include "cli/show.h"
#include "manifests/model_shape.h"

namespace repro::cli {
namespace {

std::string shape_text(const manifests::ModelConfig& model) {
  return fmt::format("{}, {} layers of width {}, {} heads, {} parameters", model.family,
                     model.num_layers, model.hidden_size, model.num_heads,
                     count_text(manifests::parameter_count(model)));
}

Json parent_records(const manifests::ModelOrigin& origin) {
  Json parents = Json::array();
  for (const manifests::ModelParent& parent : origin.parents) {
    parents.push_back({{"label", parent.label},
                       {"run", parent.run},
                       {"step", parent.step},
                       {"model", parent.model},
                       {"model_root", parent.model_root.hex()}});
  }
  return parents;
}

Json file_records(const manifests::ModelOrigin& origin) {
  Json files = Json::array();
  for (const manifests::ModelFile& file : origin.files) {
    files.push_back({{"path", file.path}, {"digest", file.digest.hex()}, {"size", file.size}});
  }
  return files;
}

}  // namespace

void show_model(Context& context, const LoadedModel& loaded) {
  Io& io = context.io();
  const manifests::Model& model = loaded.model;
  const std::string derivation = manifests::model_derivation(model.origin).hex();
  const auto lineage = lineage_of(context, loaded);
  io.line("model       " + model.name);
  io.line("shape       " + shape_text(model.model));
  io.line(fmt::format("positions   {}", count_text(model.positions)));
  io.line("tokenizer   " + model.tokenizer);
  io.line("root        " + model.model_root.hex());
  io.line("state       " + model.state_root.hex());
  io.line("derivation  " + derivation);
  io.line("created     " + model.created);
  for (const manifests::ModelFile& file : model.origin.files) {
    io.line(fmt::format("file        {} {} {}", printable(file.path),
                        bytes_text(static_cast<std::uint64_t>(file.size)),
                        file.digest.short_hex()));
  }
  print_lineage(io, lineage);
  const auto& tokenizer = model.tokenizer_file;
  io.emit("model_manifest",
          {{"name", model.name},
           {"manifest", loaded.manifest.hex()},
           {"digest", model.model_root.hex()},
           {"state", {{"digest", model.state_root.hex()}, {"manifest", model.state.hex()}}},
           {"derivation", derivation},
           {"parameters", manifests::parameter_count(model.model)},
           {"positions", model.positions},
           {"tokenizer", model.tokenizer},
           {"tokenizer_file", tokenizer ? Json(tokenizer->hex()) : Json()},
           {"operation", model.origin.operation},
           {"settings", Json(model.origin.settings)},
           {"parents", parent_records(model.origin)},
           {"files", file_records(model.origin)},
           {"lineage", lineage_records(lineage)},
           {"created", model.created}});
}

}  // namespace repro::cli

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "artifacts/base/error.h"
#include "artifacts/tensor/safetensors.h"
#include "cli/config_view.h"
#include "cli/recipe_source.h"
#include "cli/run_record.h"
#include "cli/show.h"
#include "manifests/schema.h"
#include "verify/verify.h"

namespace repro::cli {
namespace {

constexpr std::uint64_t kMaxManifestBytes = std::uint64_t{64} << 20;

bool is_yaml(const std::string& path) { return path.ends_with(".yaml") || path.ends_with(".yml"); }

void show_tensor_file(Context& context, const std::string& path) {
  Io& io = context.io();
  const auto mapping = context.files().map(path);
  const auto file = artifacts::parse_safetensors(mapping->bytes(), path);
  std::vector<std::vector<std::string>> rows = {{"TENSOR", "DTYPE", "SHAPE", "BYTES"}};
  Json tensors = Json::array();
  for (const artifacts::TensorInfo& tensor : file.tensors) {
    const Json shape = tensor.shape;
    rows.push_back({tensor.name, tensor.dtype, shape.dump(),
                    count_text(static_cast<std::int64_t>(tensor.end - tensor.begin))});
    tensors.push_back({{"name", tensor.name},
                       {"dtype", tensor.dtype},
                       {"shape", shape},
                       {"size", tensor.end - tensor.begin}});
  }
  io.line(path);
  io.table(rows);
  io.emit("tensor_file", {{"path", path}, {"metadata", Json(file.metadata)}, {"tensors", tensors}});
}

Digest digest_of_file(FileSystem& files, const std::string& path) {
  const auto mapping = files.map(path);
  return sha256(mapping->bytes());
}

// Whether it was a manifest.
bool show_manifest_file(Context& context, const std::string& path, std::uint64_t size) {
  if (size > kMaxManifestBytes) return false;
  const std::string text = context.files().read_file(path);
  const auto schema = manifests::find_schema(text);
  Io& io = context.io();
  if (schema == manifests::kStateSchema) {
    show_state(io, manifests::parse_state(text, path), std::nullopt);
  } else if (schema == manifests::kDatasetSchema) {
    show_dataset(io, manifests::parse_dataset(text, path), sha256(text).hex());
  } else if (schema == manifests::kConfigSchema) {
    print_config(io, manifests::parse_config(text, path));
  } else {
    return false;
  }
  return true;
}

void show_file(Context& context, const std::string& path, std::uint64_t size) {
  if (is_yaml(path))
    return print_config(context.io(), resolve_recipe(context, path, false, {}).config);
  if (path.ends_with(".safetensors")) return show_tensor_file(context, path);
  if (show_manifest_file(context, path, size)) return;
  const std::string digest = digest_of_file(context.files(), path).hex();
  context.io().line("file    " + path);
  context.io().line(fmt::format("size    {} bytes", count_text(static_cast<std::int64_t>(size))));
  context.io().line("sha256  " + digest);
  context.io().emit("file", {{"path", path}, {"size", size}, {"digest", digest}});
}

// Without the catalogue: nothing may be written into somebody else's store.
void show_store(Context& context, const artifacts::Store& store) {
  Io& io = context.io();
  Json runs = Json::array();
  Json datasets = Json::array();
  io.line("store    " + store.folder());
  for (const artifacts::Ref& ref : store.list_refs("datasets")) {
    io.line("dataset  " + ref.name);
    datasets.push_back(ref.name);
  }
  for (const artifacts::Ref& ref : store.list_refs("runs")) {
    const manifests::Run run = load_run(store, ref.target);
    const std::string root = run.states.empty() ? "" : run.states.back().state_root.hex();
    io.line(fmt::format("run      {} {} step {} state {}", run_label(run), run.recipe, run.step,
                        root.empty() ? "none" : root.substr(0, 12)));
    runs.push_back({{"id", run.id},
                    {"name", run.name},
                    {"recipe", run.recipe},
                    {"step", run.step},
                    {"state", {{"digest", root}}}});
  }
  io.line("`repro -C " + parent_path(store.folder()) + " show RUN` says more");
  io.emit("store", {{"store", store.folder()}, {"runs", runs}, {"datasets", datasets}});
}

void show_folder(Context& context, const std::string& path) {
  FileSystem& files = context.files();
  for (const std::string& folder : {path, join_path(path, ".repro")}) {
    if (!files.exists(join_path(folder, "format"))) continue;
    return show_store(context, artifacts::Store::open(files, absolute_path(folder)));
  }
  const std::string state = join_path(path, verify::kStateFile);
  if (files.exists(state)) {
    const std::string text = files.read_file(state, kMaxManifestBytes);
    return show_state(context.io(), manifests::parse_state(text, state), std::nullopt);
  }
  const std::string recipe = join_path(path, "recipe.yaml");
  if (files.exists(recipe)) return show_file(context, recipe, 0);
  bool found = false;
  for (const std::string& name : files.list(path)) {
    if (!name.ends_with(".safetensors")) continue;
    show_tensor_file(context, join_path(path, name));
    found = true;
  }
  if (found) return;
  throw Error(Code::invalid_argument, "folder " + path + " holds nothing that can be shown",
              "it may be a store, a checked-out state, a recipe, or hold *.safetensors");
}

}  // namespace

void show_path(Context& context, const std::string& path) {
  const auto status = context.files().find_status(path);
  if (!status) throw Error(Code::not_found, "there is no file or folder " + path);
  if (status->kind == FileKind::directory) return show_folder(context, path);
  show_file(context, path, status->size);
}

}  // namespace repro::cli

#include "manifests/state.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "manifests/json_fields.h"
#include "manifests/parsers.h"
#include "manifests/schema.h"
#include "manifests/text_checks.h"

namespace repro::manifests {
namespace {

constexpr std::size_t kMaxRank = 8;

std::int64_t dtype_bytes(std::string_view dtype) {
  if (dtype == "float32") return 4;
  if (dtype == "int64") return 8;
  return 0;
}

// Bytes of a tensor, or nullopt where dtype or shape is none of ours.
std::optional<std::int64_t> tensor_bytes(const StateTensor& tensor) {
  std::int64_t bytes = dtype_bytes(tensor.dtype);
  if (bytes == 0 || tensor.shape.size() > kMaxRank) return std::nullopt;
  for (const std::int64_t extent : tensor.shape) {
    if (extent < 0 || (extent > 0 && bytes > kMaxBytes / extent)) return std::nullopt;
    bytes *= extent;
  }
  return bytes;
}

Digest root_of(const State& state, bool weights_only) {
  std::vector<RootEntry> entries;
  for (const StateTensor& tensor : state.tensors) {
    if (weights_only && !is_weight(tensor.name)) continue;
    entries.push_back({tensor.name, tensor.dtype, tensor.shape, tensor.root});
  }
  return named_root(std::move(entries));
}

Json tensor_json(const StateTensor& tensor) {
  return {{"digest", tensor.digest.hex()}, {"dtype", tensor.dtype}, {"name", tensor.name},
          {"root", tensor.root.hex()},     {"shape", tensor.shape}, {"size", tensor.size}};
}

StateTensor parse_tensor(const Json& json, std::string_view what) {
  check_json_keys(json, {"digest", "dtype", "name", "root", "shape", "size"}, {}, what);
  StateTensor tensor;
  tensor.name = json_string(json, "name", what);
  tensor.dtype = text_field(json, "dtype", what);
  tensor.root = digest_field(json, "root", what);
  tensor.digest = digest_field(json, "digest", what);
  tensor.size = int_field(json, "size", what, 0, kMaxBytes);
  const Json& shape = json_array(json, "shape", what);
  require(shape.size() <= kMaxRank, what, "a tensor has too many dimensions");
  for (const Json& extent : shape) {
    const bool sound = extent.is_number_unsigned() && extent.get<std::uint64_t>() <= INT64_MAX;
    require(sound, what, "a tensor's shape is not a list of sizes");
    tensor.shape.push_back(extent.get<std::int64_t>());
  }
  return tensor;
}

void check_tensors(const State& state, std::string_view what) {
  const StateTensor* previous = nullptr;
  bool any_weight = false;
  for (const StateTensor& tensor : state.tensors) {
    require(is_tensor_name(tensor.name), what, "a tensor's name is not of [A-Za-z0-9._/-]");
    require(tensor_bytes(tensor) == tensor.size, what,
            "a tensor's size does not fit its dtype and shape");
    require(previous == nullptr || previous->name < tensor.name, what,
            "its tensors are not in the order of their names");
    any_weight = any_weight || is_weight(tensor.name);
    previous = &tensor;
  }
  require(any_weight, what, "it has no weights");
}

void check_state(const State& state, std::string_view what) {
  require(state.step >= 0 && state.step <= kMaxStep, what, "its step is out of range");
  check_tensors(state, what);
  require(compute_model_root(state) == state.model_root, what,
          "its model root is not that of its tensors");
  require(compute_state_root(state) == state.state_root, what,
          "its state root is not that of its tensors");
}

}  // namespace

bool is_weight(std::string_view tensor_name) {
  return tensor_name.find('/') == std::string_view::npos;
}

Digest compute_model_root(const State& state) { return root_of(state, true); }

Digest compute_state_root(const State& state) { return root_of(state, false); }

std::string encode_state(const State& state) {
  check_as(Code::invalid_argument, "cannot write", [&] { check_state(state, "state manifest"); });
  Json tensors = Json::array();
  for (const StateTensor& tensor : state.tensors) tensors.push_back(tensor_json(tensor));
  return encode_json({{"derivation", state.derivation.hex()},
                      {"model_root", state.model_root.hex()},
                      {"schema", kStateSchema},
                      {"state_root", state.state_root.hex()},
                      {"step", state.step},
                      {"tensors", std::move(tensors)}});
}

State state_from_json(const Json& json, std::string_view what) {
  check_schema(json, kStateSchema, what);
  check_json_keys(json, {"derivation", "model_root", "schema", "state_root", "step", "tensors"}, {},
                  what);
  State state;
  state.step = int_field(json, "step", what, 0, kMaxStep);
  state.derivation = digest_field(json, "derivation", what);
  state.model_root = digest_field(json, "model_root", what);
  state.state_root = digest_field(json, "state_root", what);
  for (const Json& tensor : json_array(json, "tensors", what)) {
    state.tensors.push_back(parse_tensor(tensor, what));
  }
  check_state(state, what);
  return state;
}

State parse_state(std::string_view json, std::string_view what) {
  return state_from_json(parse_canonical_json(json, what), what);
}

}  // namespace repro::manifests

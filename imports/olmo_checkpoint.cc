#include "imports/olmo_checkpoint.h"

#include <array>
#include <cmath>
#include <cstring>
#include <string_view>
#include <utility>

#include "artifacts/base/error.h"
#include "manifests/model_shape.h"

namespace repro::imports {
namespace {

using manifests::NamedShape;

struct Names {
  std::string_view old_name;
  std::array<std::string_view, 3> ours;  // "" where there are fewer
};

constexpr std::array<Names, 4> kMatrixNames = {{
    {"att_proj", {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"}},
    {"attn_out", {"self_attn.o_proj"}},
    {"ff_out", {"mlp.down_proj"}},
    {"ff_proj", {"mlp.up_proj", "mlp.gate_proj"}},
}};

// The trainer has one name for the norm of a branch, whether of its output or of its input.
constexpr std::array<Names, 2> kPostNormNames = {{
    {"attn_norm", {"post_attention_layernorm"}},
    {"ff_norm", {"post_feedforward_layernorm"}},
}};

constexpr std::array<Names, 2> kPreNormNames = {{
    {"attn_norm", {"input_layernorm"}},
    {"ff_norm", {"post_attention_layernorm"}},
}};

constexpr std::array<Names, 2> kHeadNormNames = {{
    {"k_norm", {"self_attn.k_norm"}},
    {"q_norm", {"self_attn.q_norm"}},
}};

constexpr std::array<Names, 3> kModelNames = {{
    {"ff_out", {"lm_head"}},
    {"ln_f", {"model.norm"}},
    {"wte", {"model.embed_tokens"}},
}};

using Shapes = std::map<std::string, std::vector<std::int64_t>>;

OlmoTensor make_tensor(const std::string& old_prefix, const std::string& prefix, const Names& names,
                       const Shapes& shapes) {
  OlmoTensor tensor;
  tensor.name = old_prefix + std::string(names.old_name) + ".weight";
  for (const std::string_view ours : names.ours) {
    if (ours.empty()) break;
    const std::string name = prefix + std::string(ours) + ".weight";
    const std::vector<std::int64_t>& shape = shapes.at(name);
    tensor.parts.push_back({name, "float32", shape});
    if (tensor.shape.empty()) {
      tensor.shape = shape;
    } else {
      tensor.shape[0] += shape[0];
    }
  }
  return tensor;
}

std::vector<Names> layer_names(const manifests::ModelConfig& model) {
  std::vector<Names> names(kMatrixNames.begin(), kMatrixNames.end());
  const auto& norms = model.norm == "pre" ? kPreNormNames : kPostNormNames;
  names.insert(names.end(), norms.begin(), norms.end());
  if (model.qk_norm) names.insert(names.end(), kHeadNormNames.begin(), kHeadNormNames.end());
  return names;
}

std::string joined(const std::vector<std::string>& keys, std::size_t from) {
  std::string text;
  for (std::size_t i = from; i < keys.size(); ++i) text += (i == from ? "" : ".") + keys[i];
  return text;
}

// A step is a scalar: a float32 of torch's AdamW, or a whole number.
std::int64_t step_of(const StoredTensor& tensor, const std::string& what) {
  std::vector<std::byte> room;
  const bool scalar = tensor.shape.empty() || tensor.shape == std::vector<std::int64_t>{1};
  const auto fail = [&]() {
    throw Error(Code::corruption, what + ": the step of " + joined(tensor.keys, 1).substr(0, 200) +
                                      " is no whole number");
  };
  if (!scalar) fail();
  const auto bytes = elements_of(tensor, room);
  if (tensor.dtype == "float32") {
    float value = 0;
    std::memcpy(&value, bytes.data(), sizeof value);
    if (!(value >= 0 && value < 0x1p62F) || value != std::floor(value)) fail();
    return static_cast<std::int64_t>(value);
  }
  if (tensor.dtype != "int64") fail();
  std::int64_t value = 0;
  std::memcpy(&value, bytes.data(), sizeof value);
  if (value < 0) fail();
  return value;
}

std::vector<double> group_rates(const Pickle& optimizer) {
  std::vector<double> rates;
  const PickleValue* groups = optimizer.find(optimizer.root(), "param_groups");
  if (groups == nullptr || groups->kind != PickleKind::list) return rates;
  for (const PickleId id : groups->items) {
    const PickleValue* rate = optimizer.find(optimizer.at(id), "lr");
    if (rate == nullptr) continue;
    if (rate->kind == PickleKind::real) rates.push_back(rate->real);
    if (rate->kind == PickleKind::integer) rates.push_back(static_cast<double>(rate->integer));
  }
  return rates;
}

std::optional<std::int64_t> find_count(const Pickle& pickle, std::string_view key) {
  const PickleValue* value = pickle.find(pickle.root(), key);
  if (value == nullptr || value->kind != PickleKind::integer || value->integer < 0) {
    return std::nullopt;
  }
  return value->integer;
}

}  // namespace

std::vector<OlmoTensor> olmo_layout(const manifests::ModelConfig& model) {
  Shapes shapes;
  for (const manifests::ParameterShape& shape : manifests::parameter_shapes(model)) {
    shapes[shape.name] = shape.shape;
  }
  std::vector<OlmoTensor> layout;
  for (const Names& names : kModelNames) {
    layout.push_back(make_tensor("transformer.", "", names, shapes));
  }
  for (std::int64_t layer = 0; layer < model.num_layers; ++layer) {
    const std::string number = std::to_string(layer);
    for (const Names& names : layer_names(model)) {
      layout.push_back(make_tensor("transformer.blocks." + number + ".",
                                   "model.layers." + number + ".", names, shapes));
    }
  }
  return layout;
}

OlmoCheckpoint::OlmoCheckpoint(const manifests::ModelConfig& model,
                               const std::vector<StoredTensor>& weights, const std::string& what)
    : layout_(olmo_layout(model)), found_(layout_.size()) {
  std::map<std::string, StoredTensor> tensors;
  for (const StoredTensor& tensor : weights) tensors[joined(tensor.keys, 0)] = tensor;
  take("", tensors, what);
}

void OlmoCheckpoint::take(const std::string& prefix,
                          const std::map<std::string, StoredTensor>& tensors,
                          const std::string& what) {
  std::vector<NamedShape> expected;
  std::vector<NamedShape> present;
  for (const OlmoTensor& tensor : layout_) {
    expected.push_back({prefix + tensor.name, "float32", tensor.shape});
  }
  for (const auto& [name, tensor] : tensors) {
    present.push_back({prefix + name, tensor.dtype, tensor.shape});
  }
  const std::string differences = manifests::shape_differences(expected, present);
  if (!differences.empty()) {
    throw Error(Code::corruption,
                what + " does not hold the tensors of its configuration:" + differences);
  }
  for (std::size_t i = 0; i < layout_.size(); ++i) {
    found_[i].push_back({prefix, tensors.at(layout_[i].name)});
  }
}

void OlmoCheckpoint::add_optimizer(const std::vector<StoredTensor>& tensors,
                                   const std::map<std::string, std::string>& names,
                                   const std::string& what) {
  std::map<std::string, StoredTensor> first;
  std::map<std::string, StoredTensor> second;
  for (const StoredTensor& tensor : tensors) {
    if (tensor.keys.size() < 3 || tensor.keys[0] != "state") continue;
    const auto number = names.find(tensor.keys[1]);
    const std::string& name = number == names.end() ? tensor.keys[1] : number->second;
    const std::string kind = joined(tensor.keys, 2);
    if (kind == "exp_avg") {
      first[name] = tensor;
    } else if (kind == "exp_avg_sq") {
      second[name] = tensor;
    } else if (kind == "step") {
      const std::int64_t step = step_of(tensor, what);
      if (step_.value_or(step) != step) {
        throw Error(Code::corruption, what + ": its parameters were updated " +
                                          std::to_string(*step_) + " and " + std::to_string(step) +
                                          " times; one step is needed");
      }
      step_ = step;
    } else {
      passed_over_.insert(kind);
    }
  }
  take("exp_avg/", first, what);
  take("exp_avg_sq/", second, what);
  if (!step_) throw Error(Code::corruption, what + " says no step");
}

void OlmoCheckpoint::for_each(const Sink& sink) const {
  std::vector<std::byte> room;
  for (std::size_t i = 0; i < layout_.size(); ++i) {
    for (const Found& found : found_[i]) {
      std::span<const std::byte> rest = elements_of(found.tensor, room);
      for (const NamedShape& part : layout_[i].parts) {
        std::size_t bytes = sizeof(float);
        for (const std::int64_t dimension : part.shape)
          bytes *= static_cast<std::size_t>(dimension);
        sink({found.prefix + part.name, part.dtype, part.shape}, rest.first(bytes));
        rest = rest.subspan(bytes);
      }
      REPRO_CHECK(rest.empty());
    }
  }
}

OlmoOptimizer read_optimizer(std::span<const std::byte> file, const std::string& path) {
  if (path.ends_with(".safetensors")) return {read_safetensors_twin(file, path), {}, {}};
  const TorchFile archive(file, path);
  const Pickle& pickle = archive.pickle();
  return {archive.tensors(), parameter_names(pickle), group_rates(pickle)};
}

std::map<std::string, std::string> parameter_names(const Pickle& optimizer) {
  std::map<std::string, std::string> names;
  const PickleValue* groups = optimizer.find(optimizer.root(), "param_groups");
  if (groups == nullptr || groups->kind != PickleKind::list) return names;
  for (const PickleId id : groups->items) {
    const PickleValue* params = optimizer.find(optimizer.at(id), "params");
    const PickleValue* texts = optimizer.find(optimizer.at(id), "param_names");
    if (params == nullptr || texts == nullptr || params->items.size() != texts->items.size()) {
      continue;
    }
    for (std::size_t i = 0; i < params->items.size(); ++i) {
      const PickleValue& number = optimizer.at(params->items[i]);
      const PickleValue& text = optimizer.at(texts->items[i]);
      if (number.kind != PickleKind::integer || text.kind != PickleKind::text) continue;
      names[std::to_string(number.integer)] = text.text;
    }
  }
  return names;
}

OlmoCounters read_counters(const Pickle& trainer) {
  OlmoCounters counters;
  counters.global_step = find_count(trainer, "global_step");
  if (!counters.global_step) counters.global_step = find_count(trainer, "global_data_step");
  counters.tokens = find_count(trainer, "global_train_tokens_seen");
  counters.epoch = find_count(trainer, "epoch");
  counters.world_size = find_count(trainer, "world_size");
  return counters;
}

std::vector<std::string> check_counters(const OlmoCounters& counters,
                                        std::optional<std::int64_t> optimizer_step,
                                        std::int64_t batch_size, std::int64_t sequence_length) {
  std::vector<std::string> findings;
  if (!counters.global_step) return findings;
  const std::int64_t step = *counters.global_step;
  std::int64_t tokens = 0;
  const bool overflow = __builtin_mul_overflow(step, batch_size, &tokens) ||
                        __builtin_mul_overflow(tokens, sequence_length, &tokens);
  if (counters.tokens && (overflow || *counters.tokens != tokens)) {
    findings.push_back("train.pt has seen " + std::to_string(*counters.tokens) + " tokens, but " +
                       std::to_string(step) + " steps of " + std::to_string(batch_size) +
                       " sequences of " + std::to_string(sequence_length) + " are " +
                       (overflow ? "more than 64 bits hold" : std::to_string(tokens)));
  }
  if (optimizer_step && *optimizer_step != step) {
    findings.push_back("the optimizer counts " + std::to_string(*optimizer_step) +
                       " updates, train.pt " + std::to_string(step));
  }
  return findings;
}

}  // namespace repro::imports

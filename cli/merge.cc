#include "cli/merge.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <span>
#include <string_view>
#include <tuple>
#include <utility>

#include "artifacts/base/error.h"
#include "artifacts/tensor/mean.h"
#include "cli/new_model.h"
#include "cli/progress.h"
#include "manifests/shape_check.h"

namespace repro::cli {
namespace {

using artifacts::MeanFormula;

constexpr const char* kOperation = "merge/1";

MeanFormula parse_formula(const std::string& name) {
  const auto formula = artifacts::find_mean_formula(name);
  if (formula) return *formula;
  throw Error(Code::invalid_argument, fmt::format("--as does not know '{}'", name),
              "give one of exact, olmo, olmo-core, hf");
}

std::vector<manifests::NamedShape> shapes_of(const Weights& weights) {
  std::vector<manifests::NamedShape> shapes;
  for (const manifests::StateTensor& tensor : weights.source.state().tensors) {
    if (!manifests::is_weight(tensor.name)) continue;
    shapes.push_back({tensor.name, tensor.dtype, tensor.shape});
  }
  return shapes;
}

// What of a model is not in the shapes of its tensors, but decides what they mean.
std::map<std::string, std::string> settings_of(const Weights& weights) {
  const manifests::ModelConfig& model = weights.model;
  const auto& file = weights.tokenizer_file;
  const auto& end = weights.end_of_text;
  return {{"family", model.family},
          {"num_heads", std::to_string(model.num_heads)},
          {"rope_theta", fmt::format("{}", model.rope_theta)},
          {"rms_norm_eps", fmt::format("{}", model.rms_norm_eps)},
          {"norm", model.norm},
          {"qk_norm", model.qk_norm ? "true" : "false"},
          {"tokenizer", weights.tokenizer},
          {"tokenizer_file", file ? file->short_hex() : "none"},
          {"end_of_text", end ? std::to_string(*end) : "none"}};
}

void check_alike(const Weights& one, const Weights& other) {
  std::string differences = manifests::shape_differences(shapes_of(one), shapes_of(other));
  const auto settings = settings_of(one);
  for (const auto& [key, value] : settings_of(other)) {
    if (value == settings.at(key)) continue;
    differences += fmt::format("\n  {} is {}, not {}", key, value, settings.at(key));
  }
  if (differences.empty()) return;
  throw Error(Code::invalid_argument,
              fmt::format("{} cannot be merged with {}:{}", other.parent.label, one.parent.label,
                          differences),
              "a mean is taken of models of one shape and tokenizer");
}

void check_dtypes(const Weights& weights) {
  for (const manifests::NamedShape& shape : shapes_of(weights)) {
    if (shape.dtype == "float32") continue;
    throw Error(Code::unsupported, fmt::format("{}: {} is {}; only float32 weights are merged",
                                               weights.parent.label, shape.name, shape.dtype));
  }
}

// Where the formula does not ask for an order, the derivation has none either.
void sort_parents(std::vector<Weights>& parents) {
  std::sort(parents.begin(), parents.end(), [](const Weights& a, const Weights& b) {
    const auto key = [](const manifests::ModelParent& parent) {
      return std::tie(parent.model_root, parent.run, parent.model, parent.step, parent.label);
    };
    return key(a.parent) < key(b.parent);
  });
}

void check_finite(std::span<const float> values, const std::string& tensor,
                  const std::string& what) {
  const auto at = artifacts::find_non_finite(values);
  if (!at) return;
  throw Error(Code::invalid_argument,
              fmt::format("{}: element {} of {} is {}", what, *at, tensor, values[*at]),
              "nothing was merged");
}

std::vector<float> read_tensor(const artifacts::Store& store,
                               const manifests::StateTensor& tensor) {
  std::vector<float> values(static_cast<std::size_t>(tensor.size) / sizeof(float));
  const auto into = std::as_writable_bytes(std::span(values));
  std::size_t at = 0;
  store.read(tensor.digest, [&](std::span<const std::byte> piece) {
    REPRO_CHECK(piece.size() <= into.size() - at);  // the size is that of the object
    std::copy(piece.begin(), piece.end(), into.begin() + static_cast<std::ptrdiff_t>(at));
    at += piece.size();
  });
  REPRO_CHECK(at == into.size());
  return values;
}

// Of the tensor that the parents have at `index`.
std::vector<float> merge_tensor(const std::vector<Weights>& parents, MeanFormula formula,
                                std::size_t index) {
  std::vector<std::vector<float>> inputs;
  const std::string& name = parents[0].source.state().tensors[index].name;
  for (const Weights& parent : parents) {
    const auto& tensors = parent.source.state().tensors;
    const auto found = std::find_if(tensors.begin(), tensors.end(),
                                    [&](const auto& tensor) { return tensor.name == name; });
    inputs.push_back(read_tensor(parent.source.store(), *found));
    check_finite(inputs.back(), name, parent.parent.label);
  }
  std::vector<float> result(inputs[0].size());
  artifacts::mean(formula, {inputs.begin(), inputs.end()}, result);
  check_finite(result, name, "the mean by this formula");
  return result;
}

manifests::Model make_manifest(const std::vector<Weights>& parents, const std::string& formula,
                               const std::string& name) {
  const Weights& first = parents[0];
  manifests::Model model;
  model.name = name;
  model.model = first.model;
  model.positions = first.positions;
  model.tokenizer = first.tokenizer;
  model.tokenizer_file = first.tokenizer_file;
  model.end_of_text = first.end_of_text;
  model.origin.operation = kOperation;
  model.origin.settings = {{"formula", formula}};
  for (const Weights& parent : parents) {
    model.positions = std::min(model.positions, parent.positions);
    model.origin.parents.push_back(parent.parent);
  }
  return model;
}

}  // namespace

Merged merge_weights(Context& context, std::vector<Weights> parents, const std::string& formula,
                     const std::string& name) {
  const MeanFormula mean = parse_formula(formula);
  if (parents.size() < 2) {
    throw Error(Code::invalid_argument, "a mean needs at least two runs or models");
  }
  for (const Weights& parent : parents) check_alike(parents[0], parent);
  for (const Weights& parent : parents) check_dtypes(parent);
  if (mean == MeanFormula::exact) sort_parents(parents);
  manifests::Model model = make_manifest(parents, formula, name);
  refuse_other_model(context, name, model.origin);
  artifacts::Store& store = context.store();
  if (auto there = find_model(store, name)) return {*std::move(there), false};
  std::vector<manifests::StateTensor> tensors;
  {
    ProgressBar bar(context.io(), context.clock(), "merging", "tensors");
    const auto& all = parents[0].source.state().tensors;
    for (std::size_t i = 0; i < all.size(); ++i) {
      bar.update(i, all.size());
      if (!manifests::is_weight(all[i].name)) continue;
      const std::vector<float> values = merge_tensor(parents, mean, i);
      tensors.push_back(put_tensor(store, {all[i].name, all[i].dtype, all[i].shape},
                                   std::as_bytes(std::span(values))));
    }
  }
  for (const Weights& parent : parents) parent.source.keep(store);
  return {publish_model(context, std::move(model), std::move(tensors)), true};
}

}  // namespace repro::cli

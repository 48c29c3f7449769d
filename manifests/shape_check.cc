#include "manifests/shape_check.h"

#include <map>
#include <utility>

#include "artifacts/base/error.h"
#include "manifests/model_shape.h"

namespace repro::manifests {
namespace {

constexpr std::size_t kMaxLines = 30;
constexpr std::size_t kMaxNameBytes = 120;

// Names come from files of other people.
std::string shown(const std::string& name) {
  std::string text = name.substr(0, kMaxNameBytes);
  for (char& c : text) {
    if (c < ' ' || c > '~') c = '?';
  }
  return text + (name.size() > kMaxNameBytes ? "..." : "");
}

std::string type_text(const NamedShape& tensor) {
  std::string text = tensor.dtype + (tensor.dtype.empty() ? "[" : " [");
  for (std::size_t i = 0; i < tensor.shape.size(); ++i) {
    text += (i == 0 ? "" : ",") + std::to_string(tensor.shape[i]);
  }
  return text + "]";
}

}  // namespace

std::vector<std::string> list_shape_differences(const std::vector<NamedShape>& expected,
                                                const std::vector<NamedShape>& present) {
  std::map<std::string, const NamedShape*> left;
  for (const NamedShape& tensor : present) left[tensor.name] = &tensor;
  std::vector<std::string> lines;
  for (const NamedShape& tensor : expected) {
    const auto found = left.find(tensor.name);
    if (found == left.end()) {
      lines.push_back("missing " + tensor.name);
      continue;
    }
    const NamedShape& have = *found->second;
    if (have.dtype != tensor.dtype || have.shape != tensor.shape) {
      lines.push_back(tensor.name + " is " + type_text(have) + ", not " + type_text(tensor));
    }
    left.erase(found);
  }
  for (const auto& [name, tensor] : left) lines.push_back("extra " + shown(name));
  if (lines.size() > kMaxLines) {
    const std::size_t others = lines.size() - kMaxLines;
    lines.resize(kMaxLines);
    lines.push_back("and " + std::to_string(others) + " more");
  }
  return lines;
}

std::string shape_differences(const std::vector<NamedShape>& expected,
                              const std::vector<NamedShape>& present) {
  std::string text;
  for (const std::string& line : list_shape_differences(expected, present)) text += "\n  " + line;
  return text;
}

std::vector<NamedShape> weight_shapes(const ModelConfig& model) {
  std::vector<NamedShape> shapes;
  for (ParameterShape& parameter : parameter_shapes(model)) {
    shapes.push_back({std::move(parameter.name), "float32", std::move(parameter.shape)});
  }
  return shapes;
}

void check_weight_shapes(const ModelConfig& model, std::vector<NamedShape> present,
                         std::string_view what) {
  std::vector<NamedShape> expected = weight_shapes(model);
  for (NamedShape& tensor : expected) tensor.dtype.clear();
  for (NamedShape& tensor : present) tensor.dtype.clear();
  const std::string differences = shape_differences(expected, present);
  if (differences.empty()) return;
  throw Error(Code::corruption,
              std::string(what) + " does not hold the tensors of its model:" + differences);
}

}  // namespace repro::manifests

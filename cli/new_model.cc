#include "cli/new_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <future>
#include <optional>
#include <string_view>
#include <utility>

#include "artifacts/base/clock.h"
#include "artifacts/base/environment.h"
#include "artifacts/base/error.h"
#include "artifacts/base/merkle.h"

namespace repro::cli {
namespace {

constexpr std::string_view kKind = "models";
constexpr std::size_t kManyBytes = std::size_t{8} << 20;  // worth starting threads for
constexpr int kMaxThreads = 16;

[[noreturn]] void fail_exists(const std::string& name) {
  throw Error(Code::already_exists, fmt::format("model {} exists and is another one", name),
              "give another --name, or remove that name with `repro rm`");
}

// Notes aside: when it was made, and what files and parents were called.
bool same_content(manifests::Model a, const manifests::Model& b) {
  if (manifests::model_derivation(a.origin) != manifests::model_derivation(b.origin)) return false;
  a.origin = b.origin;
  a.created = b.created;
  return a == b;
}

void check_weights(const manifests::Model& model, const manifests::State& state) {
  std::vector<manifests::NamedShape> weights;
  for (const manifests::StateTensor& tensor : state.tensors) {
    if (manifests::is_weight(tensor.name)) weights.push_back({tensor.name, "", tensor.shape});
  }
  manifests::check_weight_shapes(model.model, std::move(weights), "model " + model.name);
}

}  // namespace

std::optional<LoadedModel> find_model(const artifacts::Store& store, const std::string& name) {
  const auto ref = store.find_ref(kKind, name);
  if (!ref) return std::nullopt;
  return LoadedModel{ref->target, load_model(store, ref->target)};
}

manifests::StateTensor put_tensor(artifacts::Store& store, const manifests::NamedShape& shape,
                                  std::span<const std::byte> bytes) {
  manifests::StateTensor tensor;
  tensor.name = shape.name;
  tensor.dtype = shape.dtype;
  tensor.shape = shape.shape;
  tensor.size = static_cast<std::int64_t>(bytes.size());
  // Two digests that have nothing to do with each other and take as long.
  auto root = std::async(std::launch::async, [bytes] { return tensor_root(bytes); });
  const int threads = bytes.size() < kManyBytes ? 1 : std::min(kMaxThreads, usable_cores());
  tensor.digest = store.put(bytes, threads).digest;
  tensor.root = root.get();
  return tensor;
}

void refuse_other_model(Context& context, const std::string& name,
                        const manifests::ModelOrigin& origin) {
  artifacts::check_name(name, "model");
  const auto there = find_model(context.store(), name);
  if (!there) return;
  if (manifests::model_derivation(there->model.origin) != manifests::model_derivation(origin)) {
    fail_exists(name);
  }
}

LoadedModel publish_model(Context& context, manifests::Model model,
                          std::vector<manifests::StateTensor> tensors, std::int64_t step) {
  artifacts::Store& store = context.store();
  artifacts::check_name(model.name, "model");
  manifests::State state;
  state.step = step;
  state.derivation = manifests::model_derivation(model.origin);
  state.tensors = std::move(tensors);
  std::sort(state.tensors.begin(), state.tensors.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  check_weights(model, state);
  model.model_root = state.model_root = manifests::compute_model_root(state);
  model.state_root = state.state_root = manifests::compute_state_root(state);
  model.state = store.put(std::string_view(manifests::encode_state(state))).digest;
  auto there = find_model(store, model.name);
  if (there) {
    if (!same_content(model, there->model)) fail_exists(model.name);
    return *std::move(there);
  }
  model.created = utc_text(context.clock().now_ns());
  const Digest manifest = store.put(std::string_view(manifests::encode_model(model))).digest;
  store.set_ref({std::string(kKind), model.name, manifest}, std::nullopt);
  return {manifest, std::move(model)};
}

}  // namespace repro::cli

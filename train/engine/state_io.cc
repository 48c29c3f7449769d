#include "train/engine/state_io.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>

#include "artifacts/base/error.h"
#include "manifests/shape_check.h"

namespace repro::train {
namespace {

// Names of a parameter's tensors: its weights, exp_avg and exp_avg_sq.
constexpr const char* kStatePrefixes[] = {"", "exp_avg/", "exp_avg_sq/"};
constexpr const char* kLosses = "trainer/losses";
constexpr std::int64_t kMaxHistory = 65536;  // optimizer.skip_window at most

// One tensor of a state, wherever its bytes lie.
struct TensorBytes {
  std::string name;
  std::string dtype;
  std::vector<std::int64_t> shape;
  std::span<const std::byte> bytes;
};

template <class Value>
std::span<const std::byte> bytes_of(const Value* data, std::int64_t count) {
  return std::as_bytes(std::span(data, static_cast<std::size_t>(count)));
}

void add_history(const StepHistory& history, std::vector<TensorBytes>& tensors) {
  if (history.empty()) return;
  const auto count = static_cast<std::int64_t>(history.losses.size());
  tensors.push_back({kLosses, "float32", {count}, bytes_of(history.losses.data(), count)});
  tensors.push_back({"trainer/gradient_norms",
                     "float32",
                     {count},
                     bytes_of(history.gradient_norms.data(), count)});
  tensors.push_back({"trainer/skipped", "int64", {1}, bytes_of(&history.skipped, 1)});
}

// All tensors in name order, as views of both arguments.
std::vector<TensorBytes> state_tensors(const Parameters& parameters, const Cursor& cursor) {
  std::vector<TensorBytes> tensors;
  for (const Parameter& parameter : parameters.tensors) {
    const Buffer<float>* buffers[] = {&parameters.weights, &parameters.exp_avg,
                                      &parameters.exp_avg_sq};
    for (std::size_t i = 0; i < std::size(kStatePrefixes); ++i) {
      tensors.push_back({kStatePrefixes[i] + parameter.name, "float32", parameter.shape,
                         bytes_of(buffers[i]->data() + parameter.offset, parameter.count)});
    }
  }
  tensors.push_back({"trainer/step", "int64", {1}, bytes_of(&cursor.step, 1)});
  tensors.push_back({"trainer/batch", "int64", {1}, bytes_of(&cursor.batch, 1)});
  add_history(cursor.history, tensors);
  std::sort(tensors.begin(), tensors.end(),
            [](const TensorBytes& a, const TensorBytes& b) { return a.name < b.name; });
  return tensors;
}

// Tensor roots, leaves dealt to the threads over all tensors at once (many tensors are tiny).
std::vector<Digest> tensor_roots(const std::vector<TensorBytes>& tensors, Parallel& parallel) {
  struct Leaf {
    std::size_t tensor = 0;
    std::size_t index = 0;
  };
  std::vector<Leaf> order;
  std::vector<std::vector<Digest>> leaves(tensors.size());
  for (std::size_t t = 0; t < tensors.size(); ++t) {
    leaves[t].resize(merkle_leaf_count(tensors[t].bytes.size()));
    for (std::size_t i = 0; i < leaves[t].size(); ++i) order.push_back({t, i});
  }
  parallel.run_ranges(
      static_cast<std::int64_t>(order.size()), 16, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t n = begin; n < end; ++n) {
          const Leaf leaf = order[static_cast<std::size_t>(n)];
          const auto bytes = tensors[leaf.tensor].bytes;
          const std::size_t at = leaf.index * kMerkleChunkBytes;
          leaves[leaf.tensor][leaf.index] =
              merkle_leaf(bytes.subspan(at, std::min(kMerkleChunkBytes, bytes.size() - at)));
        }
      });
  std::vector<Digest> roots(tensors.size());
  for (std::size_t t = 0; t < tensors.size(); ++t) roots[t] = merkle_root(std::move(leaves[t]));
  return roots;
}

manifests::State describe(const std::vector<TensorBytes>& tensors, const std::vector<Digest>& roots,
                          std::int64_t step) {
  manifests::State state;
  state.step = step;
  for (std::size_t t = 0; t < tensors.size(); ++t) {
    manifests::StateTensor tensor;
    tensor.name = tensors[t].name;
    tensor.dtype = tensors[t].dtype;
    tensor.shape = tensors[t].shape;
    tensor.root = roots[t];
    tensor.size = static_cast<std::int64_t>(tensors[t].bytes.size());
    state.tensors.push_back(std::move(tensor));
  }
  state.model_root = manifests::compute_model_root(state);
  state.state_root = manifests::compute_state_root(state);
  return state;
}

void check_shapes(const manifests::State& state, const std::vector<TensorBytes>& expected) {
  std::vector<manifests::NamedShape> shapes;
  for (const TensorBytes& tensor : expected) {
    shapes.push_back({tensor.name, tensor.dtype, tensor.shape});
  }
  std::vector<manifests::NamedShape> present;
  for (const manifests::StateTensor& tensor : state.tensors) {
    present.push_back({tensor.name, tensor.dtype, tensor.shape});
  }
  const std::string differences = manifests::shape_differences(shapes, present);
  if (differences.empty()) return;
  throw Error(Code::invalid_argument, "the state does not fit the model:" + differences,
              "branch from a state of the same model, or change the recipe's model keys");
}

// A cursor with room for what the state has of a history.
Cursor cursor_for(const manifests::State& state) {
  Cursor cursor;
  for (const manifests::StateTensor& tensor : state.tensors) {
    if (tensor.name != kLosses || tensor.shape.size() != 1) continue;
    if (tensor.shape[0] < 1 || tensor.shape[0] > kMaxHistory) continue;
    cursor.history.losses.resize(static_cast<std::size_t>(tensor.shape[0]));
    cursor.history.gradient_norms.resize(cursor.history.losses.size());
  }
  return cursor;
}

void check_history(const Cursor& cursor, const std::string& what) {
  const auto is_finite = [](float value) { return std::isfinite(value); };
  const StepHistory& history = cursor.history;
  if (std::ranges::all_of(history.losses, is_finite) &&
      std::ranges::all_of(history.gradient_norms, is_finite) && history.skipped >= 0 &&
      history.skipped <= cursor.step) {
    return;
  }
  throw Error(Code::corruption,
              what +
                  ": what trainer/losses, trainer/gradient_norms or trainer/skipped holds is "
                  "not of a training");
}

// `state` lists the same tensors as `tensors`, whose bytes are the caller's to fill.
void read_tensors(const artifacts::Store& store, const manifests::State& state,
                  const std::vector<TensorBytes>& tensors, const std::string& what,
                  Parallel& parallel) {
  parallel.run(static_cast<std::int64_t>(tensors.size()), [&](std::int64_t t) {
    const auto i = static_cast<std::size_t>(t);
    auto* into = const_cast<std::byte*>(tensors[i].bytes.data());
    const std::string bytes = store.get(state.tensors[i].digest, tensors[i].bytes.size());
    if (bytes.size() != tensors[i].bytes.size()) {
      throw Error(Code::corruption, what + ": tensor " + tensors[i].name + " has " +
                                        std::to_string(bytes.size()) + " bytes, expected " +
                                        std::to_string(tensors[i].bytes.size()));
    }
    std::memcpy(into, bytes.data(), bytes.size());
  });
  const std::vector<Digest> roots = tensor_roots(tensors, parallel);
  for (std::size_t t = 0; t < tensors.size(); ++t) {
    if (roots[t] == state.tensors[t].root) continue;
    throw Error(Code::corruption,
                what + ": the bytes of tensor " + tensors[t].name + " do not have its root");
  }
}

}  // namespace

Roots compute_roots(const Parameters& parameters, const Cursor& cursor, Parallel& parallel) {
  const TraceSpan span(parallel.trace(), "roots");
  const std::vector<TensorBytes> tensors = state_tensors(parameters, cursor);
  const manifests::State state = describe(tensors, tensor_roots(tensors, parallel), cursor.step);
  return {state.model_root, state.state_root};
}

Roots compute_roots(const Parameters& layout, std::vector<std::vector<Digest>> leaves,
                    const Cursor& cursor) {
  const std::vector<TensorBytes> tensors = state_tensors(layout, cursor);
  std::map<std::string, Digest> hashed;
  auto next = leaves.begin();
  for (const Parameter& tensor : layout.tensors) {
    for (const char* prefix : kStatePrefixes) {
      REPRO_CHECK(next != leaves.end());
      hashed[prefix + tensor.name] = merkle_root(std::move(*next++));
    }
  }
  std::vector<Digest> roots;
  for (const TensorBytes& tensor : tensors) {
    const auto found = hashed.find(tensor.name);
    roots.push_back(found != hashed.end() ? found->second : tensor_root(tensor.bytes));
  }
  const manifests::State state = describe(tensors, roots, cursor.step);
  return {state.model_root, state.state_root};
}

SavedState save_state(artifacts::Store& store, const Parameters& parameters, const Cursor& cursor,
                      const Digest& derivation, Parallel& parallel) {
  const std::vector<TensorBytes> tensors = state_tensors(parameters, cursor);
  manifests::State state = describe(tensors, tensor_roots(tensors, parallel), cursor.step);
  state.derivation = derivation;
  parallel.run(static_cast<std::int64_t>(tensors.size()), [&](std::int64_t t) {
    const auto i = static_cast<std::size_t>(t);
    state.tensors[i].digest = store.put(tensors[i].bytes).digest;
  });
  const artifacts::ObjectInfo manifest = store.put(manifests::encode_state(state));
  return {manifest.digest, {state.model_root, state.state_root}};
}

Cursor load_state(const artifacts::Store& store, const Digest& manifest, Parameters& parameters,
                  Parallel& parallel) {
  const std::string what = "state " + manifest.short_hex();
  const manifests::State state = manifests::parse_state(store.get(manifest), what);
  Cursor cursor = cursor_for(state);  // read_tensors fills it
  const std::vector<TensorBytes> tensors = state_tensors(parameters, cursor);
  check_shapes(state, tensors);
  read_tensors(store, state, tensors, what, parallel);
  check_history(cursor, what);
  return cursor;
}

Digest load_weights(const artifacts::Store& store, const Digest& manifest, Parameters& parameters,
                    Parallel& parallel) {
  const std::string what = "state " + manifest.short_hex();
  manifests::State state = manifests::parse_state(store.get(manifest), what);
  const Cursor cursor;
  std::vector<TensorBytes> tensors = state_tensors(parameters, cursor);
  // Of a model that was imported or merged there may be no more than the weights.
  const auto other = [](const auto& tensor) { return !manifests::is_weight(tensor.name); };
  std::erase_if(state.tensors, other);
  std::erase_if(tensors, other);
  check_shapes(state, tensors);
  read_tensors(store, state, tensors, what, parallel);
  return state.model_root;
}

}  // namespace repro::train

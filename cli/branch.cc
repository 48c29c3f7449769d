#include "cli/branch.h"

#include <fmt/format.h>

#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include "artifacts/base/error.h"
#include "artifacts/base/merkle.h"
#include "cli/state_source.h"

namespace repro::cli {
namespace {

void zero(artifacts::Store& store, manifests::StateTensor& tensor) {
  const std::string bytes(static_cast<std::size_t>(tensor.size), '\0');
  tensor.digest = store.put(std::string_view(bytes)).digest;
  tensor.root = tensor_root(as_bytes(bytes));
}

manifests::StateTensor zeros(artifacts::Store& store, std::string name, std::string dtype,
                             std::vector<std::int64_t> shape, std::int64_t size) {
  manifests::StateTensor tensor;
  tensor.name = std::move(name);
  tensor.dtype = std::move(dtype);
  tensor.shape = std::move(shape);
  tensor.size = size;
  zero(store, tensor);
  return tensor;
}

// Weights alone become a state to train from.
void complete(artifacts::Store& store, manifests::State& state) {
  std::map<std::string, manifests::StateTensor> tensors;
  for (const manifests::StateTensor& tensor : state.tensors) tensors.emplace(tensor.name, tensor);
  for (const manifests::StateTensor& weight : state.tensors) {
    if (!manifests::is_weight(weight.name)) continue;
    for (const char* moment : {"exp_avg/", "exp_avg_sq/"}) {
      const std::string name = moment + weight.name;
      if (tensors.contains(name)) continue;
      tensors.emplace(name, zeros(store, name, weight.dtype, weight.shape, weight.size));
    }
  }
  for (const char* counter : {"trainer/batch", "trainer/step"}) {
    if (tensors.contains(counter)) continue;
    tensors.emplace(counter, zeros(store, counter, "int64", {1}, sizeof(std::int64_t)));
  }
  state.tensors.clear();
  for (auto& [name, tensor] : tensors) state.tensors.push_back(std::move(tensor));
}

// What skip_step_adamw remembers. Some of it counts steps, some is of the optimizer.
bool is_history(const manifests::StateTensor& tensor) {
  return tensor.name == "trainer/losses" || tensor.name == "trainer/gradient_norms" ||
         tensor.name == "trainer/skipped";
}

manifests::State apply(artifacts::Store& store, manifests::State state, const Reset& reset) {
  if (reset.optimizer || reset.step) std::erase_if(state.tensors, is_history);
  for (manifests::StateTensor& tensor : state.tensors) {
    const bool moment =
        tensor.name.starts_with("exp_avg/") || tensor.name.starts_with("exp_avg_sq/");
    const bool cleared = (reset.optimizer && moment) ||
                         (reset.data && tensor.name == "trainer/batch") ||
                         (reset.step && tensor.name == "trainer/step");
    if (cleared) zero(store, tensor);
  }
  if (reset.step) state.step = 0;
  state.model_root = manifests::compute_model_root(state);
  state.state_root = manifests::compute_state_root(state);
  return state;
}

BranchPoint at_state(artifacts::Store& store, const manifests::State& state) {
  BranchPoint point;
  point.start.first_step = state.step;
  point.start.initial = state.state_root.hex();
  point.start.parent_state =
      store.put(std::string_view(manifests::encode_state(state))).digest.hex();
  return point;
}

BranchPoint at_model(artifacts::Store& store, const LoadedModel& model, const Reset& reset) {
  manifests::State state = load_state(store, model.model.state);
  complete(store, state);
  BranchPoint point = at_state(store, apply(store, std::move(state), reset));
  point.start.parent_model = model.manifest.hex();
  return point;
}

}  // namespace

Reset parse_reset(const std::string& text) {
  Reset reset;
  std::size_t begin = 0;
  while (begin <= text.size() && !text.empty()) {
    const std::size_t comma = std::min(text.find(',', begin), text.size());
    const std::string name = text.substr(begin, comma - begin);
    if (name == "data") {
      reset.data = true;
    } else if (name == "step") {
      reset.step = true;
    } else if (name == "optimizer") {
      reset.optimizer = true;
    } else {
      throw Error(Code::invalid_argument, fmt::format("--reset does not know '{}'", name),
                  "give one or more of data,step,optimizer");
    }
    begin = comma + 1;
  }
  return reset;
}

BranchPoint make_branch_point(Context& context, const std::string& from, const Reset& reset) {
  artifacts::Store& store = context.store();
  const Resolved resolved = resolve_state(context, from);
  if (resolved.model) return at_model(store, *resolved.model, reset);
  if (!resolved.run || !resolved.step) {
    throw Error(Code::invalid_argument, fmt::format("'{}' is a state without its run", from),
                "write --from RUN@STEP, or the name of a model");
  }
  const manifests::Run& run = *resolved.run;
  const StateSource source = StateSource::open(context, resolved);
  source.keep(store);
  const manifests::State state = apply(store, source.state(), reset);
  const manifests::Segment& segment = manifests::segment_at(run, *resolved.step);
  BranchPoint point = at_state(store, state);
  point.start.parent_run = run.id;
  point.dataset = segment.dataset;
  point.parent_source = load_config(store, segment).data.source;
  return point;
}

}  // namespace repro::cli

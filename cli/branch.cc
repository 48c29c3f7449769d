#include "cli/branch.h"

#include <fmt/format.h>

#include <string_view>

#include "artifacts/base/error.h"
#include "artifacts/base/merkle.h"
#include "cli/state_source.h"

namespace repro::cli {
namespace {

// Copies what the state refers to from where it was re-derived.
void keep(artifacts::Store& store, const StateSource& source) {
  for (const manifests::StateTensor& tensor : source.state().tensors) {
    if (store.contains(tensor.digest)) continue;
    store.put(std::string_view(source.store().get(tensor.digest)));
  }
  store.put(std::string_view(manifests::encode_state(source.state())));
}

void zero(artifacts::Store& store, manifests::StateTensor& tensor) {
  const std::string bytes(static_cast<std::size_t>(tensor.size), '\0');
  tensor.digest = store.put(std::string_view(bytes)).digest;
  tensor.root = tensor_root(as_bytes(bytes));
}

manifests::State apply(artifacts::Store& store, manifests::State state, const Reset& reset) {
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

// The segment under which the state was made.
const manifests::Segment& segment_at(const manifests::Run& run, std::int64_t step) {
  const manifests::Segment& first = run.segments.front();
  return step > first.first_step ? manifests::segment_of(run, step) : first;
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
  if (!resolved.run || !resolved.step) {
    throw Error(Code::invalid_argument, fmt::format("'{}' is a state without its run", from),
                "write --from RUN@STEP");
  }
  const manifests::Run& run = *resolved.run;
  const StateSource source = StateSource::open(context, resolved);
  if (source.rederived()) keep(store, source);
  const manifests::State state = apply(store, source.state(), reset);
  const manifests::Segment& segment = segment_at(run, *resolved.step);
  BranchPoint point;
  point.start.first_step = state.step;
  point.start.initial = state.state_root.hex();
  point.start.parent_run = run.id;
  point.start.parent_state =
      store.put(std::string_view(manifests::encode_state(state))).digest.hex();
  point.dataset = segment.dataset;
  point.parent_source = load_config(store, segment).data.source;
  return point;
}

}  // namespace repro::cli

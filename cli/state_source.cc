#include "cli/state_source.h"

#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string_view>
#include <system_error>
#include <utility>

#include "artifacts/base/environment.h"
#include "artifacts/base/error.h"
#include "cli/progress.h"
#include "cli/worker.h"

namespace repro::cli {

class StateSource::ScratchFolder {
 public:
  ScratchFolder() : path_(find_environment("TMPDIR").value_or("/tmp") + "/repro-XXXXXX") {
    if (::mkdtemp(path_.data()) == nullptr) {
      throw Error(Code::io, "cannot make a temporary folder " + path_,
                  "set TMPDIR to a folder with room for a whole state");
    }
  }
  ~ScratchFolder() {
    std::error_code ignored;  // what is left is in the temporary folder and harms nothing
    std::filesystem::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

StateSource::StateSource() = default;
StateSource::StateSource(StateSource&&) noexcept = default;
StateSource& StateSource::operator=(StateSource&&) noexcept = default;
StateSource::~StateSource() = default;

StateSource StateSource::open(Context& context, const Resolved& state) {
  if (state.model) return load(context, state.model->model.state);
  if (state.stored) return load(context, state.digest);
  REPRO_CHECK(state.run && state.step);
  return derive(context, *state.run, *state.step);
}

StateSource StateSource::open(Context& context, const manifests::Run& run, std::int64_t step) {
  for (const auto& stored : run.states) {
    if (stored.step == step) return load(context, stored.manifest);
  }
  return derive(context, run, step);
}

void StateSource::keep(artifacts::Store& store) const {
  if (!rederived()) return;
  for (const manifests::StateTensor& tensor : state_.tensors) {
    if (store.contains(tensor.digest)) continue;
    store.put(std::string_view(store_->get(tensor.digest)));
  }
  store.put(std::string_view(manifests::encode_state(state_)));
}

StateSource StateSource::load(Context& context, const Digest& manifest) {
  StateSource source;
  source.store_ = context.store();
  source.state_ = load_state(*source.store_, manifest);
  source.manifest_ = manifest;
  return source;
}

StateSource StateSource::derive(Context& context, const manifests::Run& run, std::int64_t step) {
  StateSource source;
  source.scratch_ = std::make_unique<const ScratchFolder>();
  manifests::RunSpec spec;
  spec.command = manifests::SpecCommand::materialise;
  spec.store = context.store().folder();
  spec.run = run;
  spec.last = step;
  spec.output = join_path(source.scratch_->path(), "store");
  const auto* nearest = manifests::nearest_state(run, step);
  const std::int64_t start = nearest ? nearest->step : run.segments.front().first_step;
  std::optional<Digest> manifest;
  {
    ProgressBar bar(context.io(), context.clock(), "re-deriving step " + std::to_string(step),
                    "steps");
    const auto on_event = [&](const Json& event) {
      const std::string type = json_string(event, "type", "worker event");
      if (type == "progress") {
        bar.update(static_cast<std::uint64_t>(json_int(event, "step", "worker event") - start),
                   static_cast<std::uint64_t>(step - start));
      } else if (type == "state") {
        manifest = parse_digest(json_string(event, "manifest", "worker event"), "worker event");
      }
    };
    run_worker(context, spec, on_event);
  }
  if (!manifest) throw Error(Code::internal, "the worker ended without giving the state");
  source.store_ = artifacts::Store::open(context.files(), spec.output);
  source.state_ = load_state(*source.store_, *manifest);
  source.manifest_ = *manifest;
  return source;
}

}  // namespace repro::cli

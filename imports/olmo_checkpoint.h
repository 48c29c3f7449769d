// A checkpoint of OLMo's old trainer as tensors of ours: fused projections are split by rows, names
// become those of Hugging Face, and the optimizer's moments follow their weights. Source:
// allenai/OLMo, scripts/convert_olmo2_to_hf.py and olmo/checkpoint.py.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "imports/pickle.h"
#include "imports/stored_tensors.h"
#include "manifests/model_config.h"
#include "manifests/shape_check.h"

namespace repro::imports {

// A tensor of the old trainer, and those that its rows are, from the first row on.
struct OlmoTensor {
  std::string name;
  std::vector<std::int64_t> shape;
  std::vector<manifests::NamedShape> parts;
};
// All of a model, float32. att_proj is q, k, v; ff_proj is up, then gate.
std::vector<OlmoTensor> olmo_layout(const manifests::ModelConfig& model);

class OlmoCheckpoint {
 public:
  // `weights`: the tensors of model.pt or its twin, `what` its name. Error(corruption) listing what
  // is missing, extra and mis-shaped.
  OlmoCheckpoint(const manifests::ModelConfig& model, const std::vector<StoredTensor>& weights,
                 const std::string& what);

  // The tensors of optim.pt or its twin: "state", NAME, then exp_avg, exp_avg_sq and step. `names`
  // of parameters that are numbered (see `parameter_names`). Error(corruption) as above, and where
  // the steps of parameters differ.
  void add_optimizer(const std::vector<StoredTensor>& tensors,
                     const std::map<std::string, std::string>& names, const std::string& what);
  // Updates that the optimizer counts; nullopt without one.
  std::optional<std::int64_t> optimizer_step() const { return step_; }
  // What else the optimizer's state holds for a parameter, and is not taken.
  const std::set<std::string>& passed_over() const { return passed_over_; }

  // Every weight, and moments as "exp_avg/NAME" and "exp_avg_sq/NAME", one after the other. The
  // bytes are valid during the call.
  using Sink = std::function<void(const manifests::NamedShape&, std::span<const std::byte>)>;
  void for_each(const Sink& sink) const;

 private:
  struct Found {
    std::string prefix;  // "", "exp_avg/", "exp_avg_sq/"
    StoredTensor tensor;
  };

  void take(const std::string& prefix, const std::map<std::string, StoredTensor>& tensors,
            const std::string& what);

  std::vector<OlmoTensor> layout_;
  std::vector<std::vector<Found>> found_;  // by place in the layout
  std::optional<std::int64_t> step_;
  std::set<std::string> passed_over_;
};

// optim.pt or its twin, as the ending of `path` says: its tensors (they borrow the file), the names
// of numbered parameters, and the learning rate of every group (of an archive only). Errors of
// stored_tensors.h.
struct OlmoOptimizer {
  std::vector<StoredTensor> tensors;
  std::map<std::string, std::string> names;
  std::vector<double> rates;
};
OlmoOptimizer read_optimizer(std::span<const std::byte> file, const std::string& path);

// Of an optim.pt whose state is keyed by numbers: "12" -> "transformer.wte.weight", as its
// param_groups list `params` and `param_names`.
std::map<std::string, std::string> parameter_names(const Pickle& optimizer);

// Counters of train.pt; older names are read too. What is no whole number is left out.
struct OlmoCounters {
  std::optional<std::int64_t> global_step;
  std::optional<std::int64_t> tokens;
  std::optional<std::int64_t> epoch;
  std::optional<std::int64_t> world_size;
};
OlmoCounters read_counters(const Pickle& trainer);

// What does not fit together, one sentence each: tokens that are not steps * batch * length, an
// optimizer that counts other steps. Both happen where a run was restarted with reset counters.
std::vector<std::string> check_counters(const OlmoCounters& counters,
                                        std::optional<std::int64_t> optimizer_step,
                                        std::int64_t batch_size, std::int64_t sequence_length);

}  // namespace repro::imports

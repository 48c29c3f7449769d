#include "verify/olmo_checks.h"

#include <algorithm>
#include <array>
#include <map>

#include "manifests/shape_check.h"
#include "verify/olmo_counters.h"
#include "verify/olmo_soup.h"
#include "verify/olmo_split.h"
#include "verify/weights_equal.h"

namespace repro::verify {
namespace {

void add(std::vector<Finding>& findings, Severity severity, const std::string& path,
         std::string message) {
  findings.push_back({severity, "checkpoint", path, "", {}, std::move(message)});
}

void check_end(const OlmoCheckpoint& checkpoint, std::vector<Finding>& findings) {
  const auto& end = checkpoint.run->last_step;
  if (!end || checkpoint.name->step <= *end) return;
  add(findings, Severity::mismatch, checkpoint.path,
      "step " + std::to_string(checkpoint.name->step) + " lies behind the end of the run, step " +
          std::to_string(*end));
}

void check_tokens(const OlmoCheckpoint& checkpoint, std::vector<Finding>& findings) {
  const auto billions = billions_of_tokens(checkpoint.name->step, checkpoint.tokens_per_step);
  if (billions == checkpoint.name->billions) return;
  add(findings, Severity::mismatch, checkpoint.path,
      "the name says " + std::to_string(*checkpoint.name->billions) + " billion tokens; " +
          std::to_string(checkpoint.name->step) + " steps of " +
          std::to_string(checkpoint.tokens_per_step) + " are " +
          (billions ? std::to_string(*billions) : "more than can be") + ", rounded up");
}

void check_models(const OlmoCheckpoint& checkpoint, std::vector<Finding>& findings) {
  const auto check = [&](const char* what, std::int64_t trained, std::int64_t exported) {
    if (trained == exported) return;
    add(findings, Severity::mismatch, checkpoint.path,
        std::string(what) + " is " + std::to_string(trained) + " in config.yaml and " +
            std::to_string(exported) + " in config.json");
  };
  const manifests::ModelConfig& a = *checkpoint.run->model;
  const manifests::ModelConfig& b = *checkpoint.model;
  check("hidden_size", a.hidden_size, b.hidden_size);
  check("num_hidden_layers", a.num_layers, b.num_layers);
  check("num_attention_heads", a.num_heads, b.num_heads);
  check("num_key_value_heads", a.num_kv_heads, b.num_kv_heads);
  check("intermediate_size", a.intermediate_size, b.intermediate_size);
  check("vocab_size", a.vocab_size, b.vocab_size);
}

// The dtype is the first tensor's: a release is all of one.
void check_tensors(const OlmoCheckpoint& checkpoint, std::vector<Finding>& findings) {
  const std::string& dtype = checkpoint.tensors.begin()->second.info.dtype;
  std::vector<manifests::NamedShape> wanted = manifests::weight_shapes(*checkpoint.model);
  for (manifests::NamedShape& tensor : wanted) tensor.dtype = dtype;
  std::vector<manifests::NamedShape> present;
  for (const auto& [name, tensor] : checkpoint.tensors) {
    present.push_back({name, tensor.info.dtype, tensor.info.shape});
  }
  for (const std::string& line : manifests::list_shape_differences(wanted, present)) {
    add(findings, Severity::mismatch, checkpoint.path, "tensors: " + line);
  }
}

bool in_tail(const OlmoCheckpoint& checkpoint) {
  if (!checkpoint.name || !checkpoint.run || !checkpoint.run->schedule) return false;
  const std::int64_t last = last_moving_step(*checkpoint.run->schedule);
  return last >= 0 && checkpoint.name->step >= last;
}

bool same_run(const OlmoCheckpoint& a, const OlmoCheckpoint& b) {
  return a.run->schedule == b.run->schedule && a.name->stage == b.name->stage &&
         a.name->ingredient == b.name->ingredient;
}

// Each is compared with the first of its run.
std::size_t check_tail(FileSystem& files, std::span<const OlmoCheckpoint* const> checkpoints,
                       std::vector<Finding>& findings) {
  if (checkpoints.size() < 2) return 0;
  std::vector<const OlmoCheckpoint*> firsts;
  for (const OlmoCheckpoint* checkpoint : checkpoints) {
    const auto first = std::find_if(firsts.begin(), firsts.end(), [&](const auto* other) {
      return same_run(*other, *checkpoint);
    });
    if (first == firsts.end()) {
      firsts.push_back(checkpoint);
    } else if (const auto tensor = find_unequal_weight(files, **first, *checkpoint)) {
      add(findings, Severity::mismatch, checkpoint->path,
          "tensor " + *tensor + " differs from that of " + (*first)->label +
              ", though the learning rate was 0 in between");
    }
  }
  return checkpoints.size();
}

// Two steps of equal bytes: one of the names is false, unless nothing moved in between.
std::size_t check_payloads(FileSystem&, std::span<const OlmoCheckpoint* const> checkpoints,
                           std::vector<Finding>& findings) {
  if (checkpoints.size() < 2) return 0;
  std::map<Digest, std::pair<const OlmoCheckpoint*, std::string>> known;
  for (const OlmoCheckpoint* checkpoint : checkpoints) {
    for (const auto& [file, digest] : checkpoint->payloads) {
      const auto [place, fresh] = known.try_emplace(digest, checkpoint, file);
      if (fresh || place->second.first == checkpoint) continue;
      const OlmoCheckpoint& other = *place->second.first;
      const bool expected =
          (in_tail(other) && in_tail(*checkpoint) && same_run(other, *checkpoint)) ||
          *other.name == *checkpoint->name;
      findings.push_back({expected ? Severity::note : Severity::mismatch,
                          "checkpoint",
                          join_path(checkpoint->path, file),
                          digest.hex(),
                          {},
                          "has the bytes of " + other.label + "/" + place->second.second});
    }
  }
  return checkpoints.size();
}

constexpr std::array<OlmoCheck, 8> kChecks = {{
    {"the step is one that the run can have made", "a name with a step, and config.yaml",
     kName | kRun, check_end},
    {"the tokens of the name are steps x batch x length, rounded up to 10^9",
     "a name with tokens, and a batch (config.yaml, or the shape of a released model)",
     kTokenName | kTokensPerStep, check_tokens},
    {"config.yaml and config.json describe one model", "both, of an OLMo 2 model",
     kRunModel | kModel, check_models},
    {"the tensors are those of the model, complete, each of its shape, all of one dtype",
     "config.json and safetensors", kModel | kTensors, check_tensors},
    {"train.pt is of the step of the name", "a name with a step, and train.pt", kName | kCounters,
     check_trainer_step},
    {"the tokens that train.pt has seen are steps x batch x length", "train.pt and config.yaml",
     kCounters | kRun, check_trainer_tokens},
    {"the optimizer's step is the checkpoint's, or lies ahead by the step it was loaded from",
     "a name with a step, config.yaml of an OLMo 2 model, and the old trainer's model and "
     "optimizer",
     kName | kRun | kUpdates, check_optimizer_step},
    {"the optimizer's learning rate is that of the schedule at this step, to the bit",
     "a name with a step, config.yaml with a schedule, and optim.pt", kName | kSchedule | kRates,
     check_group_rates},
}};

constexpr std::array<OlmoSeriesCheck, 4> kSeriesChecks = {{
    {"from the last step with a learning rate on, weights are equal up to the sign of zero",
     "two checkpoints from there on, with config.yaml and weights", kName | kZeroRate | kWeights,
     check_tail},
    {"no two steps have the same bytes", "two checkpoints with weights", kName | kPayloads,
     check_payloads},
    {"Hugging Face's tensors are those of model.pt, split",
     "a checkpoint in both forms, under names of one step", kWeights, check_split},
    {"`main` is a mean of its ingredients by one of the known formulas",
     "`main` and two ingredients (stage2-ingredient1-step11931-tokens50B), with weights", kWeights,
     check_soup},
}};

struct Blocker {
  std::string_view model;  // "" for all
  std::string_view text;
};

// facts of the releases and of the trainers' sources; docs/verify-olmo2.md.
constexpr std::array<Blocker, 12> kBlockers = {{
    {"",
     "that the data was in its order: how many sequences an epoch has was not published, nor "
     "any rank's indices; given the data, `data.order: olmo_order` gives the order"},
    {"", "the optimizer's moments: nothing that was released says what they must be"},
    {"",
     "that the initial weights come from the seed: they were drawn on shards, and how many, the "
     "device's generator and the version of torch were not published"},
    {"",
     "that any step gives the next state, bit for bit: number of processes, sharding, "
     "micro-batches and the order of reductions changed and were not published"},
    {"", "that `main` was made by the formula and in the order that fit: neither was published"},
    {"",
     "who made it: no digests or signatures were published, so the verdict is consistent, not "
     "authentic and not reproduced"},
    {"olmo2-1b",
     "1B: the fused loss and attention were off in one of the published scripts and on "
     "in another; which ran, only config.yaml tells"},
    {"olmo2-7b", "7B: compilation was switched on during the run, and the number of nodes changed"},
    {"olmo2-13b", "13B: learning rate, duration and epoch were given by the launch script only"},
    {"olmo2-13b", "13B: the run was branched again from step 476848 with another loss kernel"},
    {"olmo2-32b",
     "32B: the optimizer changed during the run, and which updates it skipped after a "
     "restart depends on losses that were not saved"},
    {"olmo2-32b", "32B: whether `main` is a mean of three or of four runs is said in two ways"},
}};

}  // namespace

unsigned evidence_of(const OlmoCheckpoint& checkpoint) {
  unsigned bits = 0;
  const auto set = [&](bool there, unsigned bit) { bits |= there ? bit : 0U; };
  set(checkpoint.name.has_value(), kName);
  set(checkpoint.name && checkpoint.name->billions.has_value(), kTokenName);
  set(checkpoint.tokens_per_step > 0, kTokensPerStep);
  set(checkpoint.run.has_value(), kRun);
  set(in_tail(checkpoint), kZeroRate);
  set(checkpoint.run && checkpoint.run->model.has_value(), kRunModel);
  set(checkpoint.model.has_value(), kModel);
  set(!checkpoint.tensors.empty(), kTensors);
  set(!checkpoint.payloads.empty(), kPayloads);
  set(!checkpoint.weights().empty(), kWeights);
  set(checkpoint.counters && checkpoint.counters->global_step, kCounters);
  set(checkpoint.optimizer_step.has_value(), kUpdates);
  set(!checkpoint.rates.empty(), kRates);
  set(checkpoint.run && checkpoint.run->schedule, kSchedule);
  return bits;
}

std::span<const OlmoCheck> olmo_checks() { return kChecks; }
std::span<const OlmoSeriesCheck> olmo_series_checks() { return kSeriesChecks; }

std::vector<std::string> olmo_unverifiable(std::string_view released) {
  std::vector<std::string> reasons;
  for (const Blocker& blocker : kBlockers) {
    if (blocker.model.empty() || blocker.model == released) reasons.emplace_back(blocker.text);
  }
  return reasons;
}

}  // namespace repro::verify

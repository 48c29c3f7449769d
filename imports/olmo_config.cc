#include "imports/olmo_config.h"

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "artifacts/base/digest.h"
#include "artifacts/base/error.h"
#include "artifacts/base/file_system.h"
#include "artifacts/base/number_text.h"
#include "imports/olmo_duration.h"
#include "imports/olmo_source.h"
#include "manifests/config_keys.h"
#include "manifests/recipe.h"
#include "manifests/text_checks.h"

namespace repro::imports {
namespace {

constexpr std::int64_t kMaxWidth = std::int64_t{1} << 30;
constexpr std::int64_t kMaxCount = std::int64_t{1} << 40;
// The trainer multiplies the squared log-normaliser by this, whatever auxiliary_loss_multiplier is.
constexpr const char* kZLossWeight = "1e-4";

class OlmoImporter {
 public:
  OlmoImporter(const OlmoSource& source, const OlmoOptions& options)
      : source_(source), options_(options) {}

  void map_all(const std::string& name);
  OlmoImport take(const std::string& header);

 private:
  using Sources = std::initializer_list<const char*>;

  // Sets a key of the recipe; its comment names `sources` and `more`.
  void put(const char* key, const std::string& value, Sources sources, const std::string& more);
  void put_as_it_is(const char* key, const char* source) {
    put(key, decimal_text(source_.number(source)), {source}, "");
  }
  void put_integer(const char* key, const char* source, std::int64_t low, std::int64_t high) {
    put(key, std::to_string(source_.integer(source, low, high)), {source}, "");
  }
  void keep(manifests::Notes& notes, const char* section, const std::string& path,
            const std::string& reason);
  void not_compute(const std::string& path, const std::string& reason) {
    keep(config_.not_computed, "not_computed", path, reason);
  }
  void note(const std::string& path, const std::string& reason) {
    keep(config_.notes, "notes", path, reason);
  }

  void check_fixed(const OlmoKey& key) const;
  void follow_table();
  void map_width();
  void map_model();
  void map_norms();
  void map_initialisation();
  void map_data();
  void map_filter();
  void map_optimizer();
  void map_loss();
  double tokens_a_step() const;
  std::pair<double, std::string> horizon_in_steps();
  void map_schedule();
  void map_warmup(bool tokens);
  void map_restart();

  const OlmoSource& source_;
  const OlmoOptions& options_;
  manifests::Config config_;
  manifests::RecipeComments comments_;
  std::map<std::string, std::string, std::less<>> reasons_;  // of notes, by source key
  std::map<std::string, std::string, std::less<>> becomes_;  // of mapped keys
};

void OlmoImporter::put(const char* key, const std::string& value, Sources sources,
                       const std::string& more) {
  std::string comment;
  for (const char* source : sources) {
    comment += (comment.empty() ? "" : ", ") + source_.comment(source);
  }
  const std::string where = sources.size() == 0 ? "" : source_.where(*sources.begin());
  manifests::set_config_value(config_, key, value, where);
  const Json json = manifests::config_value(config_, key);
  const std::string shown = json.is_string() ? json.get<std::string>() : encode_json(json);
  for (const char* source : sources) becomes_[source] = std::string(key) + ": " + shown;
  if (!more.empty()) comment += (comment.empty() ? "" : "; ") + more;
  comments_[key] = comment;
}

void OlmoImporter::keep(manifests::Notes& notes, const char* section, const std::string& path,
                        const std::string& reason) {
  notes[path] = source_.texts(path);
  if (source_.is_null(path)) notes[path] = {"null"};
  comments_[std::string(section) + "." + path] = reason;
  reasons_[path] = reason;
}

// Refuses a value that repro has no other of.
void OlmoImporter::check_fixed(const OlmoKey& key) const {
  if (source_.is_one_of(key.path, key.wanted)) return;
  const std::string path(key.path);
  const std::string wanted(key.wanted.substr(0, key.wanted.find('|')));
  throw Error(Code::unsupported,
              source_.where(path) + ": " + path + " is " + source_.shown(path) +
                  (source_.has(path) ? "" : ", the trainer's default as nothing says it") +
                  "; repro has only " + wanted + ": " + std::string(key.reason),
              "the model or update is another one than OLMo 2's, and there is no recipe for it");
}

void OlmoImporter::follow_table() {
  for (const std::string& path : source_.paths()) {
    const OlmoKey& key = *find_olmo_key(path);
    const std::string reason(key.reason);
    if (key.use == OlmoUse::noted) note(path, reason);
  }
  for (const OlmoKey& key : olmo_keys()) {
    if (key.use == OlmoUse::only) check_fixed(key);
  }
  // A path below a free group has the rule of the group.
  for (const std::string& path : source_.paths()) {
    const OlmoKey& key = *find_olmo_key(path);
    if (key.use != OlmoUse::unless) continue;
    if (key.path == path && source_.is_one_of(path, key.wanted)) continue;
    not_compute(path, std::string(key.reason));
  }
  for (const OlmoKey& key : olmo_keys()) {
    const bool silent = key.use == OlmoUse::unless && !source_.has(key.path);
    if (silent && !source_.is_one_of(key.path, key.wanted)) {
      not_compute(std::string(key.path), std::string(key.reason));
    }
  }
}

void OlmoImporter::map_width() {
  const std::int64_t hidden = source_.integer("model.d_model", 1, kMaxWidth);
  const bool exact = !source_.is_null("model.mlp_hidden_size");
  const char* key = exact ? "model.mlp_hidden_size" : "model.mlp_ratio";
  const std::int64_t ratio = source_.integer("model.mlp_ratio", 1, 1024);
  const std::int64_t fused = exact ? source_.integer(key, 2, kMaxWidth) : ratio * hidden;
  if (exact && source_.has("model.mlp_ratio") && ratio * hidden != fused) {
    source_.fail(key,
                 "model.mlp_ratio " + std::to_string(ratio) + " times model.d_model is " +
                     std::to_string(ratio * hidden),
                 "the trainer takes mlp_hidden_size and is silent; leave one of the two out");
  }
  if (fused % 2 != 0) {
    source_.fail(key, "gate and up together are " + std::to_string(fused) + ", an odd width",
                 "SwiGLU halves it: the key means both branches together");
  }
  put("model.intermediate_size", std::to_string(fused / 2), {key},
      "gate and up together are " + std::to_string(fused));
}

void OlmoImporter::map_model() {
  const std::int64_t hidden = source_.integer("model.d_model", 1, kMaxWidth);
  const std::int64_t heads = source_.integer("model.n_heads", 1, kMaxWidth);
  if (hidden % heads != 0) {
    source_.fail("model.n_heads", "it does not divide model.d_model " + std::to_string(hidden), "");
  }
  const std::int64_t kv_heads = source_.is_null("model.n_kv_heads")
                                    ? heads
                                    : source_.integer("model.n_kv_heads", 1, kMaxWidth);
  const std::int64_t ids = source_.integer("model.vocab_size", 1, kMaxWidth);
  const std::int64_t rows = source_.is_null("model.embedding_size")
                                ? ids
                                : source_.integer("model.embedding_size", 1, kMaxWidth);
  if (heads % kv_heads != 0) {
    source_.fail("model.n_kv_heads", "it does not divide model.n_heads " + std::to_string(heads),
                 "");
  }
  if (rows < ids) {
    source_.fail("model.embedding_size", "model.vocab_size is more: " + std::to_string(ids), "");
  }
  map_norms();
  put_integer("model.hidden_size", "model.d_model", 1, kMaxWidth);
  put_integer("model.num_layers", "model.n_layers", 1, kMaxWidth);
  put("model.num_heads", std::to_string(heads), {"model.n_heads"}, "");
  put("model.num_kv_heads", std::to_string(kv_heads), {"model.n_kv_heads"}, "");
  map_width();
  put("model.vocab_size", std::to_string(rows), {"model.embedding_size", "model.vocab_size"},
      "rows beyond the vocabulary are trained too");
  put_as_it_is("model.rope_theta", "model.rope_theta");
  put_as_it_is("model.rms_norm_eps", "model.layer_norm_eps");
  map_initialisation();
}

void OlmoImporter::map_norms() {
  put("model.family", "olmo2", {"model.norm_after", "model.attention_layer_norm"},
      "with RMSNorm, RoPE, SwiGLU and no biases");
  if (!source_.boolean("model.norm_after")) put("model.norm", "pre", {"model.norm_after"}, "");
  if (!source_.boolean("model.attention_layer_norm")) {
    put("model.qk_norm", "false", {"model.attention_layer_norm"}, "");
  }
}

void OlmoImporter::map_initialisation() {
  put_as_it_is("model.init_std", "model.init_std");
  const bool mitchell = source_.is_one_of("model.init_fn", "mitchell");
  if (mitchell) put("model.init", "mitchell", {"model.init_fn"}, "init_std is not read");
  if (source_.is_null("model.init_cutoff_factor") && mitchell) {
    put("model.init_cutoff", "3", {"model.init_cutoff_factor"}, "the trainer cuts mitchell at 3");
  } else if (source_.is_null("model.init_cutoff_factor")) {
    not_compute("model.init_cutoff_factor", "initial weights of a normal that is not truncated");
  } else {
    put_as_it_is("model.init_cutoff", "model.init_cutoff_factor");
  }
}

void OlmoImporter::map_data() {
  put_integer("data.sequence_length", "model.max_sequence_length", 1, kMaxWidth);
  put("data.tokenizer", "ids", {"data.paths"}, "files of token ids");
  becomes_.erase("data.paths");
  put("data.holdout_every", "0", {}, "the trainer holds nothing out");
  put("eval.every", "0", {}, "evaluators: tasks, not held-out text");
  if (!source_.is_null("data.paths")) note("data.paths", "in order, repeated ones kept");
  if (source_.is_null("data.paths")) comments_["data.tokenizer"] = "the trainer reads token ids";
  if (source_.boolean("data.generate_doc_lengths")) {
    put("data.mask_documents", "true", {"data.generate_doc_lengths"}, "");
  }
  put_integer("train.seed", "seed", 0, kMaxCount);
  put("data.order", "olmo_order", {}, "the trainer's own");
  if (!source_.is_null("data.seed")) {
    if (source_.is_one_of("data.seed", source_.shown("seed"))) {
      becomes_["data.seed"] = "train.seed";
    } else {
      not_compute("data.seed", "an order of the data that has a seed of its own");
    }
  }
  map_filter();
  put_integer("train.batch_size", "global_train_batch_size", 1, kMaxWidth);
  put_integer("run.micro_batch", "device_train_microbatch_size", 1, kMaxWidth);
  const bool saves = !source_.is_null("save_interval");
  put("run.checkpoint_every",
      saves ? std::to_string(source_.integer("save_interval", 1, kMaxCount)) : "0",
      {"save_interval"}, "");
}

// The filter is there where its group is; of what the group does not say the trainer has values.
void OlmoImporter::map_filter() {
  const std::string group = "data.instance_filter";
  const std::vector<std::string> paths = source_.paths();
  const bool has_keys = std::any_of(paths.begin(), paths.end(), [&](const std::string& path) {
    return path.starts_with(group + ".");
  });
  if (!has_keys && source_.is_null(group)) return;
  if (!has_keys && source_.shown(group) != "{}") {
    source_.fail(group, "expected null, or a map with the limits of the filter", "");
  }
  constexpr std::int64_t kMaxPeriod = 1024;
  put_integer("data.repetition_max_period", "data.instance_filter.repetition_max_period", 1,
              kMaxPeriod);
  put_integer("data.repetition_min_period", "data.instance_filter.repetition_min_period", 1,
              kMaxPeriod);
  put_integer("data.repetition_max_count", "data.instance_filter.repetition_max_count", 3,
              kMaxCount);
  if (!has_keys) becomes_[group] = "data.repetition_*: the trainer's own limits";
}

void OlmoImporter::map_optimizer() {
  const std::vector<std::string> betas = source_.has("optimizer.betas")
                                             ? source_.texts("optimizer.betas")
                                             : std::vector<std::string>{"0.9", "0.95"};
  const auto beta1 = betas.size() == 2 ? find_plain_number(betas[0]) : std::nullopt;
  const auto beta2 = betas.size() == 2 ? find_plain_number(betas[1]) : std::nullopt;
  if (!beta1 || !beta2) source_.fail("optimizer.betas", "expected two numbers", "");
  put("optimizer.name", "adamw", {"optimizer.name"}, "");
  put_as_it_is("optimizer.learning_rate", "optimizer.learning_rate");
  put("optimizer.beta1", decimal_text(*beta1), {"optimizer.betas"}, "");
  put("optimizer.beta2", decimal_text(*beta2), {"optimizer.betas"}, "");
  becomes_["optimizer.betas"] = "optimizer.beta1, optimizer.beta2";
  put_as_it_is("optimizer.epsilon", "optimizer.eps");
  put_as_it_is("optimizer.weight_decay", "optimizer.weight_decay");
  const auto flag = [&](const char* key, const char* from) {
    put(key, source_.boolean(from) ? "true" : "false", {from}, "");
  };
  flag("optimizer.decay_embeddings", "optimizer.decay_embeddings");
  flag("optimizer.decay_norms", "optimizer.decay_norm_and_bias");
  const bool clips = !source_.is_null("max_grad_norm");
  put("train.clip_norm", clips ? decimal_text(source_.number("max_grad_norm")) : "0",
      {"max_grad_norm"}, "");
}

void OlmoImporter::map_loss() {
  const bool on = source_.boolean("softmax_auxiliary_loss");
  put("loss.z_loss", on ? kZLossWeight : "0", {"softmax_auxiliary_loss"},
      on ? "auxiliary_loss_multiplier is never read" : "");
  put("loss.denominator", "positions", {}, "the trainer divides by all positions of a batch");
}

double OlmoImporter::tokens_a_step() const {
  return static_cast<double>(config_.train.batch_size) *
         static_cast<double>(config_.data.sequence_length);
}

// The steps that the schedule is stretched over, as the trainer reckons them, and the key that says
// so. Tokens may be no whole number of steps.
std::pair<double, std::string> OlmoImporter::horizon_in_steps() {
  const bool tokens = source_.shown("scheduler.units") == "tokens";
  if (!source_.is_null("scheduler.t_max")) {
    const double count = source_.number("scheduler.t_max");
    return {tokens ? count / tokens_a_step() : count, "scheduler.t_max"};
  }
  const OlmoDuration run = olmo_duration(source_);
  switch (run.unit) {
    case OlmoDuration::Unit::steps:
      return {run.count, "max_duration"};
    case OlmoDuration::Unit::tokens:
      return {tokens ? run.count / tokens_a_step() : std::ceil(run.count / tokens_a_step()),
              "max_duration"};
    case OlmoDuration::Unit::epochs:
      break;
  }
  if (options_.num_instances == 0) {
    source_.fail("max_duration", "how many sequences an epoch has is not in the file",
                 "say it with --instances N: the sum over all files of floor(tokens / " +
                     std::to_string(config_.data.sequence_length) + ")");
  }
  return {std::floor(static_cast<double>(options_.num_instances) /
                     static_cast<double>(config_.train.batch_size)) *
              run.count,
          "max_duration"};
}

void OlmoImporter::map_warmup(bool tokens) {
  const double warmup = source_.number("scheduler.t_warmup") / (tokens ? tokens_a_step() : 1);
  const double whole = std::ceil(warmup);
  if (!(warmup >= 0) || warmup > static_cast<double>(kMaxCount)) {
    source_.fail("scheduler.t_warmup", "expected a number that is not negative", "");
  }
  put("schedule.warmup_steps", std::to_string(static_cast<std::int64_t>(whole)),
      {"scheduler.t_warmup", "scheduler.units"}, "");
  if (whole != warmup) {
    not_compute("scheduler.t_warmup",
                decimal_text(warmup) + " steps; a warm-up here is of whole " + "steps");
  }
  if (whole == 0) {
    if (source_.has("scheduler.warmup_min_lr")) {
      note("scheduler.warmup_min_lr", "there is no warm-up");
    }
  } else if (source_.is_null("scheduler.warmup_min_lr")) {
    config_.not_computed["scheduler.warmup_min_lr"] = {"null"};
    reasons_["scheduler.warmup_min_lr"] = "a warm-up from a tenth of the learning rate";
    comments_["not_computed.scheduler.warmup_min_lr"] = reasons_["scheduler.warmup_min_lr"];
  } else if (source_.number("scheduler.warmup_min_lr") != 0) {
    not_compute("scheduler.warmup_min_lr", "a warm-up that does not begin at 0");
  } else {
    becomes_["scheduler.warmup_min_lr"] = "schedule.warmup_steps: from 0";
  }
}

void OlmoImporter::map_schedule() {
  static const std::map<std::string, std::string, std::less<>> kNames = {
      {"cosine_with_warmup", "cosine"},
      {"linear_with_warmup", "linear"},
      {"constant_with_warmup", "constant"},
      {"constant", "constant"}};
  const std::string name = source_.shown("scheduler.name");
  const auto known = kNames.find(name);
  if (known == kNames.end()) {
    throw Error(
        Code::unsupported,
        source_.where("scheduler.name") + ": scheduler.name " + name + " is no schedule of repro",
        "it has cosine_with_warmup, linear_with_warmup, constant_with_warmup and constant");
  }
  const std::string units = source_.shown("scheduler.units");
  if (units != "tokens" && units != "steps") {
    source_.fail("scheduler.units", "expected steps or tokens", "");
  }
  const auto [steps, key] = horizon_in_steps();
  if (!(steps > 0) || steps > static_cast<double>(kMaxCount)) {
    source_.fail(key, "that is no number of steps", "");
  }
  put("schedule.name", known->second, {"scheduler.name"}, "");
  put("schedule.final_fraction", decimal_text(source_.number("scheduler.alpha_f")),
      {"scheduler.alpha_f"}, "");
  put("train.steps", std::to_string(static_cast<std::int64_t>(std::ceil(steps))),
      {key.c_str(), "scheduler.units"}, "the horizon of the schedule");
  if (std::ceil(steps) != steps) {
    not_compute(key, "the schedule ends after " + decimal_text(steps) + " steps; here after whole");
  }
  if (name == "constant") {
    put("schedule.warmup_steps", "0", {"scheduler.name"}, "");
  } else {
    map_warmup(units == "tokens");
  }
  if (source_.has("max_duration")) {
    static_cast<void>(olmo_duration(source_));
    note("max_duration", "where to stop is said by --until");
  }
}

void OlmoImporter::map_restart() {
  const bool keeps = source_.boolean("restore_dataloader");
  if (!source_.has("restore_dataloader")) return;
  if (source_.is_null("load_path")) {
    note("restore_dataloader", "there is no checkpoint to begin from");
  } else if (keeps) {
    note("restore_dataloader", "--from keeps the place in the data");
  } else {
    not_compute("restore_dataloader",
                "steps and data begin anew at that checkpoint: train with --from and --reset");
  }
}

void OlmoImporter::map_all(const std::string& name) {
  if (options_.name.empty()) {
    put("name", name, {"run_name"}, "");
  } else {
    put("name", name, {}, "--name");
    if (source_.has("run_name")) note("run_name", "another name was given");
  }
  put("profile", "exact", {}, "precision: exact/1 has its own");
  follow_table();
  map_model();
  map_data();
  map_optimizer();
  map_loss();
  map_schedule();
  map_restart();
}

std::string treatment_of(const manifests::Config& config, const std::string& path) {
  if (config.not_computed.contains(path)) return "not computed";
  return config.notes.contains(path) ? "note" : "mapped";
}

OlmoImport OlmoImporter::take(const std::string& header) {
  OlmoImport result;
  const auto add = [&](const std::string& path) {
    const auto reason = reasons_.find(path);
    const auto becomes = becomes_.find(path);
    const std::string treatment = treatment_of(config_, path);
    const bool found = treatment == "mapped" && becomes != becomes_.end();
    const std::string as_here = treatment == "mapped" ? "as repro has it" : "";
    result.keys.push_back({path, source_.shown(path), treatment, found ? becomes->second : as_here,
                           reason == reasons_.end() ? "" : reason->second});
  };
  for (const OlmoKey& key : olmo_keys()) {
    const std::string path(key.path);
    if (source_.has(path) || becomes_.contains(path) || reasons_.contains(path)) add(path);
  }
  for (const std::string& path : source_.paths()) {
    if (find_olmo_key(path)->path != path) add(path);  // below a free group
  }
  // What comes out is read as any recipe is.
  result.recipe = header + manifests::config_to_yaml(config_, comments_);
  const manifests::RecipeLayer layer{"the recipe", result.recipe};
  result.config = manifests::resolve_recipe(std::span(&layer, 1), {});
  return result;
}

// As JSON; a name that is no text is left out.
std::string quoted(const std::string& text) {
  return manifests::is_plain_text(text) ? encode_json(Json(text)) : "a file";
}

std::string make_header(std::string_view file, std::string_view text, const OlmoOptions& options) {
  std::string header = "# From " + quoted(base_name(file)) + ", sha256 " + sha256(text).hex() +
                       ",\n# by `repro import olmo-config";
  if (!options.launch.empty()) header += " --launch " + options.launch;
  if (!options.name.empty()) header += " --name " + quoted(options.name);
  for (const std::string& change : options.changes) header += " --set " + quoted(change);
  if (options.num_instances > 0) {
    header += " --instances " + std::to_string(options.num_instances);
  }
  return header + "`.\n# Comments name the keys of that file that decide a line.\n";
}

}  // namespace

OlmoImport import_olmo_config(std::string_view file, std::string_view text,
                              const OlmoOptions& options) {
  OlmoSource source(file, text);
  if (!options.launch.empty()) {
    for (const std::string_view change : find_olmo_launch(options.launch).changes) {
      source.change(change, "--launch " + options.launch);
    }
  }
  for (const std::string& change : options.changes) source.change(change, "--set");
  source.resolve();
  std::string name = options.name;
  if (name.empty()) name = source.is_null("run_name") ? "" : source.shown("run_name");
  if (name.empty()) name = base_name(file).substr(0, base_name(file).find('.'));
  OlmoImporter importer(source, options);
  importer.map_all(name);
  return importer.take(make_header(file, text, options));
}

}  // namespace repro::imports

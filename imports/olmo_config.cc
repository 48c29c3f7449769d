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
#include "imports/olmo_importer.h"
#include "imports/olmo_source.h"
#include "manifests/config_keys.h"
#include "manifests/recipe.h"
#include "manifests/text_checks.h"

namespace repro::imports {
namespace {

constexpr std::int64_t kMaxWidth = std::int64_t{1} << 30;
// The trainer multiplies the squared log-normaliser by this, whatever auxiliary_loss_multiplier is.
constexpr const char* kZLossWeight = "1e-4";

// Of an evaluator as its source shows it: {label: piqa, type: downstream}.
std::string label_of(const std::string& evaluator) {
  constexpr std::string_view kFirst = "{label: ";
  constexpr std::string_view kLater = ", label: ";
  const bool first = evaluator.starts_with(kFirst);
  const std::size_t at = first ? 0 : evaluator.find(kLater);
  if (at == std::string::npos) return evaluator;
  const std::string rest = evaluator.substr(at + (first ? kFirst : kLater).size());
  return rest.substr(0, rest.find_first_of(",}"));
}

}  // namespace

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
  map_evaluators();
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

// Tasks whose files are at hand are evaluated while training; the other evaluators stay notes.
void OlmoImporter::map_evaluators() {
  std::string tasks;
  std::string missing;
  if (options_.find_task) {
    for (const std::string& evaluator : source_.texts("evaluators")) {
      const std::string label = label_of(evaluator);
      const std::string file = options_.find_task(label);
      if (file.find(' ') != std::string::npos) {
        source_.fail("evaluators", "the task " + file + " has a space in its path",
                     "eval.tasks has spaces between tasks: give --tasks a folder without them");
      }
      std::string& list = file.empty() ? missing : tasks;
      list += (list.empty() ? "" : " ") + (file.empty() ? label : file);
    }
  }
  if (!missing.empty()) note("evaluators", "no file for " + missing);
  if (tasks.empty()) {
    constexpr const char* kWhy = "tasks are evaluated while training with --tasks DIR";
    if (missing.empty() && source_.has("evaluators")) note("evaluators", kWhy);
    if (source_.has("eval_interval")) note("eval_interval", kWhy);
    return put("eval.every", "0", {}, "evaluators: tasks, not held-out text");
  }
  put_integer("eval.every", "eval_interval", 1, kMaxCount);
  put("eval.tasks", tasks, {}, "evaluators, by their labels");
  put("data.tokenizer", "bpe", {}, "tasks are text: add the shards with --tokenizer FILE.json");
  if (missing.empty()) becomes_["evaluators"] = "eval.tasks: " + tasks;
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

namespace {

std::string treatment_of(const manifests::Config& config, const std::string& path) {
  if (config.not_computed.contains(path)) return "not computed";
  return config.notes.contains(path) ? "note" : "mapped";
}

}  // namespace

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
namespace {

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

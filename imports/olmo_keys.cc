#include "imports/olmo_keys.h"

#include <algorithm>
#include <optional>

#include "artifacts/base/error.h"
#include "artifacts/base/spelling.h"

namespace repro::imports {
namespace {

constexpr OlmoKey kKeys[] = {
    // run
    {"run_name", OlmoUse::mapped, "null", "", ""},
    {"seed", OlmoUse::mapped, "6198", "", ""},
    {"dry_run", OlmoUse::noted, "", "", "whether to train is said by the command"},
    {"epoch", OlmoUse::unless, "null", "null", "the data begins in another epoch"},
    {"load_path", OlmoUse::unless, "null", "null",
     "training begins at that checkpoint: import it, and train with --from"},
    {"load_path_sharded_checkpointer", OlmoUse::noted, "", "", "how a checkpoint is read"},
    {"restore_dataloader", OlmoUse::mapped, "true", "", ""},
    {"fast_forward_batches", OlmoUse::unless, "null", "null",
     "batches that are passed over after a restart: data.skip_batches, once their numbers are "
     "known"},
    {"reset_optimizer_state", OlmoUse::unless, "false", "false",
     "the moments begin anew and the schedule warms up again: train with --reset"},
    {"reset_trainer_state", OlmoUse::unless, "false", "false",
     "steps and data begin anew: train with --reset"},
    {"try_load_latest_save", OlmoUse::noted, "", "", "where a restart looks for a checkpoint"},
    {"max_duration", OlmoUse::mapped, "10000", "", ""},
    {"stop_at", OlmoUse::noted, "", "", "where to stop is said by --until"},
    {"stop_after", OlmoUse::noted, "", "", "where to stop is said by --until"},
    {"time_limit", OlmoUse::noted, "", "", "when a run is ended early"},
    {"extra_steps_after_cancel", OlmoUse::noted, "", "", "when a run is ended early"},
    {"early_stopping_factor", OlmoUse::noted, "", "", "when a run is ended early"},
    {"canceled_check_interval", OlmoUse::noted, "", "", "when a run is ended early"},
    {"global_train_batch_size", OlmoUse::mapped, "512", "", ""},
    {"device_train_microbatch_size", OlmoUse::mapped, "16", "", ""},
    {"device_train_batch_size", OlmoUse::noted, "", "",
     "follows from batch, micro-batch and machines"},
    {"device_train_grad_accum", OlmoUse::noted, "", "",
     "follows from batch, micro-batch and machines"},
    {"precision", OlmoUse::noted, "", "", "the arithmetic is that of the profile"},
    {"max_grad_norm", OlmoUse::mapped, "null", "", ""},
    {"max_grad_norm_ratio", OlmoUse::unless, "null", "null",
     "clipping by a ratio to the usual norm"},
    {"softmax_auxiliary_loss", OlmoUse::mapped, "false", "", ""},
    {"auxiliary_loss_multiplier", OlmoUse::noted, "", "",
     "the old trainer never reads it: its weight is 1e-4"},
    {"fused_loss", OlmoUse::noted, "", "", "how the loss is computed: the gradient is the same"},
    // model
    {"model.d_model", OlmoUse::mapped, "768", "", ""},
    {"model.n_heads", OlmoUse::mapped, "12", "", ""},
    {"model.n_kv_heads", OlmoUse::mapped, "null", "", ""},
    {"model.n_layers", OlmoUse::mapped, "12", "", ""},
    {"model.mlp_ratio", OlmoUse::mapped, "4", "", ""},
    {"model.mlp_hidden_size", OlmoUse::mapped, "null", "", ""},
    {"model.rope_theta", OlmoUse::mapped, "10000", "", ""},
    {"model.layer_norm_eps", OlmoUse::mapped, "1e-05", "", ""},
    {"model.max_sequence_length", OlmoUse::mapped, "1024", "", ""},
    {"model.vocab_size", OlmoUse::mapped, "50257", "", ""},
    {"model.embedding_size", OlmoUse::mapped, "50304", "", ""},
    {"model.init_std", OlmoUse::mapped, "0.02", "", ""},
    {"model.init_cutoff_factor", OlmoUse::mapped, "null", "", ""},
    {"model.activation_type", OlmoUse::only, "swiglu", "swiglu", "the MLP is SwiGLU"},
    {"model.block_type", OlmoUse::only, "sequential", "sequential",
     "attention and MLP follow each other"},
    {"model.alibi", OlmoUse::only, "false", "false", "positions are RoPE's"},
    {"model.rope", OlmoUse::only, "false", "true", "positions are RoPE's"},
    {"model.rope_full_precision", OlmoUse::only, "true", "true", "RoPE is computed in float32"},
    {"model.attention_dropout", OlmoUse::only, "0.1", "0", "there is no dropout"},
    {"model.residual_dropout", OlmoUse::only, "0.1", "0", "there is no dropout"},
    {"model.embedding_dropout", OlmoUse::only, "0.1", "0", "there is no dropout"},
    {"model.multi_query_attention", OlmoUse::only, "null", "null|false", "use n_kv_heads"},
    {"model.attention_layer_norm", OlmoUse::mapped, "false", "", ""},
    {"model.attention_layer_norm_with_affine", OlmoUse::only, "true", "true", "norms have gains"},
    {"model.layer_norm_type", OlmoUse::only, "default", "rms", "norms are RMSNorm"},
    {"model.layer_norm_with_affine", OlmoUse::only, "true", "true", "norms have gains"},
    {"model.bias_for_layer_norm", OlmoUse::only, "null", "null|false", "there are no biases"},
    {"model.include_bias", OlmoUse::only, "true", "false", "there are no biases"},
    {"model.norm_after", OlmoUse::mapped, "false", "", ""},
    {"model.embedding_layer_norm", OlmoUse::only, "false", "false",
     "embeddings are not normalised"},
    {"model.clip_qkv", OlmoUse::only, "null", "null", "queries, keys and values are not clipped"},
    {"model.scale_logits", OlmoUse::only, "false", "false", "logits are not scaled"},
    {"model.weight_tying", OlmoUse::only, "true", "false", "embedding and head are two matrices"},
    {"model.init_fn", OlmoUse::unless, "normal", "normal|mitchell",
     "another distribution of the initial weights"},
    {"model.scale_emb_init", OlmoUse::unless, "false", "false",
     "another distribution of the initial embedding"},
    {"model.emb_init_std", OlmoUse::unless, "null", "null",
     "another distribution of the initial embedding"},
    {"model.alibi_bias_max", OlmoUse::noted, "", "", "says nothing without alibi"},
    {"model.block_group_size", OlmoUse::noted, "", "", "how blocks are spread over machines"},
    {"model.flash_attention", OlmoUse::noted, "", "", "which kernel computes attention"},
    {"model.eos_token_id", OlmoUse::noted, "", "",
     "separates documents in data that is tokenised already"},
    {"model.pad_token_id", OlmoUse::noted, "", "", "nothing is padded"},
    {"model.init_device", OlmoUse::noted, "", "", "where weights are made"},
    {"model.precision", OlmoUse::noted, "", "", "the arithmetic is that of the profile"},
    // optimizer and scheduler
    {"optimizer.name", OlmoUse::only, "lionw", "adamw", "the update is AdamW"},
    {"optimizer.learning_rate", OlmoUse::mapped, "1e-4", "", ""},
    {"optimizer.weight_decay", OlmoUse::mapped, "0.01", "", ""},
    {"optimizer.eps", OlmoUse::mapped, "1e-5", "", ""},
    {"optimizer.betas", OlmoUse::mapped, "[0.9, 0.95]", "", ""},
    {"optimizer.decay_norm_and_bias", OlmoUse::mapped, "false", "", ""},
    {"optimizer.decay_embeddings", OlmoUse::mapped, "false", "", ""},
    {"optimizer.no_decay_norm_and_bias", OlmoUse::only, "null", "null",
     "it is deprecated: write decay_norm_and_bias and decay_embeddings"},
    {"optimizer.selective_updates", OlmoUse::unless, "false", "false",
     "only weights with a gradient are updated"},
    {"optimizer.metrics_log_interval", OlmoUse::noted, "", "", "what is logged"},
    {"optimizer.record_update_metrics", OlmoUse::noted, "", "", "what is logged"},
    {"scheduler.name", OlmoUse::mapped, "cosine_with_warmup", "", ""},
    {"scheduler.units", OlmoUse::mapped, "steps", "", ""},
    {"scheduler.t_warmup", OlmoUse::mapped, "100", "", ""},
    {"scheduler.t_max", OlmoUse::mapped, "null", "", ""},
    {"scheduler.alpha_f", OlmoUse::mapped, "0.1", "", ""},
    {"scheduler.warmup_min_lr", OlmoUse::mapped, "null", "", ""},
    {"scheduler.grad_clip_warmup_steps", OlmoUse::unless, "null", "null",
     "another limit of the gradient's norm at the beginning"},
    {"scheduler.grad_clip_warmup_factor", OlmoUse::unless, "null", "null",
     "another limit of the gradient's norm at the beginning"},
    // data
    {"data.paths", OlmoUse::mapped, "null", "", ""},
    {"data.seed", OlmoUse::mapped, "null", "", ""},
    {"tokenizer.identifier", OlmoUse::noted, "", "", "the data is tokenised already"},
    {"tokenizer.truncate_direction", OlmoUse::noted, "", "", "nothing is truncated"},
    {"data.memmap_dtype", OlmoUse::noted, "", "", "the width of ids is told when data is added"},
    {"data.pad_direction", OlmoUse::noted, "", "", "nothing is padded"},
    {"data.num_workers", OlmoUse::noted, "", "", "how batches are loaded"},
    {"data.pin_memory", OlmoUse::noted, "", "", "how batches are loaded"},
    {"data.prefetch_factor", OlmoUse::noted, "", "", "how batches are loaded"},
    {"data.persistent_workers", OlmoUse::noted, "", "", "how batches are loaded"},
    {"data.timeout", OlmoUse::noted, "", "", "how batches are loaded"},
    {"data.drop_last", OlmoUse::unless, "false", "true", "a last batch that is not full"},
    {"data.instance_filter", OlmoUse::mapped, "null", "", ""},
    {"data.instance_filter.repetition_max_period", OlmoUse::mapped, "13", "", ""},
    {"data.instance_filter.repetition_min_period", OlmoUse::mapped, "1", "", ""},
    {"data.instance_filter.repetition_max_count", OlmoUse::mapped, "32", "", ""},
    {"data.datasets", OlmoUse::unless, "null", "null", "data by name instead of data.paths"},
    {"data.label_mask_paths", OlmoUse::unless, "null", "null", "loss masking by files"},
    {"data.generate_attention_mask", OlmoUse::unless, "false", "false", "masked positions"},
    {"data.generate_doc_lengths", OlmoUse::mapped, "false", "", ""},
    {"data.custom_dataset", OlmoUse::unless, "null", "null", "data of other code"},
    // checkpoints, evaluation, machines
    {"save_interval", OlmoUse::mapped, "1000", "", ""},
    {"save_overwrite", OlmoUse::noted, "", "", "which checkpoints are kept, where and how"},
    {"save_interval_ephemeral", OlmoUse::noted, "", "",
     "which checkpoints are kept, where and how"},
    {"save_num_checkpoints_to_keep", OlmoUse::noted, "", "",
     "which checkpoints are kept, where and how"},
    {"sharded_checkpointer", OlmoUse::noted, "", "", "which checkpoints are kept, where and how"},
    {"save_interval_unsharded", OlmoUse::noted, "", "",
     "which checkpoints are kept, where and how"},
    {"save_num_unsharded_checkpoints_to_keep", OlmoUse::noted, "", "",
     "which checkpoints are kept, where and how"},
    {"save_folder", OlmoUse::noted, "", "", "which checkpoints are kept, where and how"},
    {"remote_save_folder", OlmoUse::noted, "", "", "which checkpoints are kept, where and how"},
    {"force_save_unsharded", OlmoUse::noted, "", "", "which checkpoints are kept, where and how"},
    {"no_pre_train_checkpoint", OlmoUse::noted, "", "",
     "which checkpoints are kept, where and how"},
    {"new_style_checkpoints", OlmoUse::noted, "", "", "which checkpoints are kept, where and how"},
    {"evaluators", OlmoUse::mapped, "", "", ""},
    {"eval_interval", OlmoUse::mapped, "1000", "", ""},
    {"eval_subset_num_batches", OlmoUse::noted, "", "", "tasks are scored whole"},
    {"device_eval_batch_size", OlmoUse::noted, "", "", "how many texts are scored at a time"},
    {"eval_on_load", OlmoUse::noted, "", "", "evaluations are of steps"},
    {"compile", OlmoUse::noted, "", "", "how kernels are made"},
    {"compile.mode", OlmoUse::noted, "", "", "how kernels are made"},
    {"compile.fullgraph", OlmoUse::noted, "", "", "how kernels are made"},
    {"compile.backend", OlmoUse::noted, "", "", "how kernels are made"},
    {"compile.dynamic", OlmoUse::noted, "", "", "how kernels are made"},
    {"fsdp", OlmoUse::noted, "", "", "how the model is spread over machines"},
    {"fsdp.use_orig_params", OlmoUse::noted, "", "", "how the model is spread over machines"},
    {"fsdp.sharding_strategy", OlmoUse::noted, "", "", "how the model is spread over machines"},
    {"fsdp.wrapping_strategy", OlmoUse::noted, "", "", "how the model is spread over machines"},
    {"fsdp.precision", OlmoUse::noted, "", "", "how the model is spread over machines"},
    {"fsdp.hybrid_sharding_num_model_replicas", OlmoUse::noted, "", "",
     "how the model is spread over machines"},
    {"ddp", OlmoUse::noted, "", "", "how the model is spread over machines"},
    {"ddp.grad_sync_mode", OlmoUse::noted, "", "", "how the model is spread over machines"},
    {"ddp.find_unused_params", OlmoUse::noted, "", "", "how the model is spread over machines"},
    {"single", OlmoUse::noted, "", "", "how the model is spread over machines"},
    {"single.device", OlmoUse::noted, "", "", "how the model is spread over machines"},
    {"distributed_strategy", OlmoUse::noted, "", "", "how the model is spread over machines"},
    {"activation_checkpointing", OlmoUse::noted, "", "", "what is computed twice to save memory"},
    {"speed_monitor", OlmoUse::noted, "", "", "what is logged"},
    {"speed_monitor.window_size", OlmoUse::noted, "", "", "what is logged"},
    {"speed_monitor.gpu_flops_available", OlmoUse::noted, "", "", "what is logged"},
    {"gen1_gc_interval", OlmoUse::noted, "", "", "when Python frees memory"},
    {"wandb", OlmoUse::noted, "", "", "what is logged"},
    {"wandb.project", OlmoUse::noted, "", "", "what is logged"},
    {"wandb.entity", OlmoUse::noted, "", "", "what is logged"},
    {"wandb.group", OlmoUse::noted, "", "", "what is logged"},
    {"wandb.name", OlmoUse::noted, "", "", "what is logged"},
    {"wandb.tags", OlmoUse::noted, "", "", "what is logged"},
    {"wandb.log_artifacts", OlmoUse::noted, "", "", "what is logged"},
    {"wandb.rank_zero_only", OlmoUse::noted, "", "", "what is logged"},
    {"wandb.log_interval", OlmoUse::noted, "", "", "what is logged"},
    {"console_log_interval", OlmoUse::noted, "", "", "what is logged"},
    {"save_data_indices", OlmoUse::noted, "", "", "what is logged"},
    {"python_profiling", OlmoUse::noted, "", "", "what is logged"},
    {"torch_profiling", OlmoUse::noted, "", "", "what is logged"},
    {"module_outputs_save_steps", OlmoUse::noted, "", "", "what is logged"},
    {"hf_datasets_cache_dir", OlmoUse::noted, "", "", "where files of tasks lie"},
};

const std::vector<OlmoLaunch>& launches() {
  static const std::vector<OlmoLaunch> table = {
      {"1b-augusta",
       "scripts/augusta/peteish1*.sh; that it made the released run is inferred, not stated",
       {"fused_loss=false", "model.flash_attention=false", "optimizer.metrics_log_interval=10",
        "save_interval=10000", "eval_interval=10000", "fsdp.sharding_strategy=_HYBRID_SHARD_ZERO2",
        "fsdp.wrapping_strategy=by_block_and_size", "compile.fullgraph=false"}},
      {"7b-jupiter",
       "scripts/beaker/peteish/peteish7*.sh",
       {"fsdp.sharding_strategy=HYBRID_SHARD"}},
      {"13b-jupiter",
       "scripts/beaker/peteish/peteish13*.sh (highlr)",
       {"optimizer.learning_rate=9.0e-4", "device_train_microbatch_size=1", "stop_at=85050",
        "data.num_workers=8", "compile.mode=default", "fsdp.sharding_strategy=HYBRID_SHARD"}},
      {"13b-augusta",
       "scripts/augusta/peteish13*.sh; the duration follows from the last step, 596057",
       {"optimizer.learning_rate=9.0e-4", "max_duration=5e12T", "optimizer.metrics_log_interval=10",
        "activation_checkpointing=one_in_two", "compile.fullgraph=false",
        "fsdp.sharding_strategy=HYBRID_SHARD"}},
      {"13b-augusta-epoch1",
       "scripts/augusta/peteish13*.sh, as relaunched for the second epoch",
       {"optimizer.learning_rate=9.0e-4", "max_duration=5e12T", "epoch=1",
        "optimizer.metrics_log_interval=10", "activation_checkpointing=one_in_two",
        "compile.fullgraph=false", "fsdp.sharding_strategy=HYBRID_SHARD"}},
  };
  return table;
}

}  // namespace

std::span<const OlmoKey> olmo_keys() { return kKeys; }

const OlmoKey* find_olmo_key(std::string_view path) {
  for (const std::string_view open : {"data.datasets", "data.custom_dataset"}) {
    if (path.starts_with(open) && path.substr(open.size()).starts_with(".")) path = open;
  }
  const auto* found = std::find_if(std::begin(kKeys), std::end(kKeys),
                                   [&](const auto& k) { return k.path == path; });
  return found == std::end(kKeys) ? nullptr : found;
}

void fail_unknown_olmo_key(std::string_view path, std::string_view where) {
  const bool core = path.starts_with("_CLASS_") || path.ends_with("._CLASS_");
  if (core) {
    throw Error(Code::unsupported,
                std::string(where) + ": this is a configuration of OLMo-core, not of OLMo",
                "OLMo-core's settings of the 32B model are built in: `repro config olmo2-32b`");
  }
  std::vector<std::string> paths;
  std::optional<std::string> meant;
  const std::string last = "." + std::string(path.substr(path.rfind('.') + 1));
  for (const OlmoKey& key : kKeys) {
    paths.emplace_back(key.path);
    if (!meant && ("." + paths.back()).ends_with(last)) meant = paths.back();
  }
  if (!meant) meant = find_nearest(path, paths);
  throw Error(Code::invalid_argument,
              std::string(where) + ": unknown key " + std::string(path) +
                  (meant ? "; did you mean " + *meant + "?" : ""),
              "OLMo's trainer refuses it too: its configurations have a fixed list of keys");
}

std::span<const OlmoLaunch> olmo_launches() { return launches(); }

const OlmoLaunch& find_olmo_launch(std::string_view name) {
  std::string names;
  for (const OlmoLaunch& launch : launches()) {
    if (launch.name == name) return launch;
    names += (names.empty() ? "" : ", ") + std::string(launch.name);
  }
  throw Error(Code::invalid_argument, "there is no launch '" + std::string(name) + "'",
              "known: " + names);
}

}  // namespace repro::imports

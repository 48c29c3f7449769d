// Rules and traps of the import, on a small configuration. The released files: olmo_files_test.cc.
#include "imports/olmo_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "artifacts/base/error.h"
#include "imports/olmo_keys.h"

namespace repro::imports {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

// What the trainer needs to be told to train an OLMo 2, and a schedule of whole steps.
constexpr const char* kSmall = R"(run_name: small
seed: 7
model:
  d_model: 64
  n_heads: 4
  n_layers: 2
  mlp_hidden_size: 96
  weight_tying: false
  rope: true
  rope_theta: 500000
  attention_dropout: 0.0
  residual_dropout: 0
  embedding_dropout: 0.0
  include_bias: false
  layer_norm_type: rms
  layer_norm_eps: 1e-6
  attention_layer_norm: true
  norm_after: true
  max_sequence_length: 32
  vocab_size: 100
  embedding_size: 128
  init_cutoff_factor: 3
optimizer: {name: adamw, learning_rate: 3.0e-4, eps: 1e-8}
scheduler: {t_warmup: 10, t_max: 200, warmup_min_lr: 0.0}
global_train_batch_size: 8
data:
  drop_last: true
)";

std::string replaced(std::string_view from, std::string_view to) {
  std::string text = kSmall;
  const auto at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

OlmoImport imported(const std::string& text, const OlmoOptions& options = {}) {
  return import_olmo_config("dir/small.yaml", text, options);
}

OlmoImport changed(const std::vector<std::string>& changes) {
  OlmoOptions options;
  options.changes = changes;
  return imported(kSmall, options);
}

OlmoImport launched(const std::string& name) {
  OlmoOptions options;
  options.launch = name;
  return imported(kSmall, options);
}

struct Failure {
  Code code = Code::internal;
  std::string message;
};

Failure failure(const std::string& text, const OlmoOptions& options = {}) {
  try {
    imported(text, options);
  } catch (const Error& error) {
    return {error.code(), error.message()};
  }
  return {Code::internal, "no failure"};
}

Failure failure_of_change(const std::string& change) {
  OlmoOptions options;
  options.changes = {change};
  return failure(kSmall, options);
}

std::vector<std::string> names(const manifests::Notes& notes) {
  std::vector<std::string> list;
  for (const auto& [name, texts] : notes) list.push_back(name);
  return list;
}

ImportedKey key_of(const OlmoImport& result, std::string_view name) {
  for (const ImportedKey& key : result.keys) {
    if (key.key == name) return key;
  }
  return {};
}

TEST(OlmoConfig, MapsEveryKeyThatARecipeHas) {
  const manifests::Config config = imported(kSmall).config;
  EXPECT_EQ(config.name, "small");
  EXPECT_EQ(config.profile, "exact");
  EXPECT_EQ(config.model.hidden_size, 64);
  EXPECT_EQ(config.model.num_layers, 2);
  EXPECT_EQ(config.model.num_heads, 4);
  EXPECT_EQ(config.model.num_kv_heads, 4);
  EXPECT_EQ(config.model.intermediate_size, 48);  // of a fused 96
  EXPECT_EQ(config.model.vocab_size, 128);
  EXPECT_EQ(config.model.rope_theta, 500000);
  EXPECT_EQ(config.model.rms_norm_eps, 1e-6);
  EXPECT_EQ(config.model.init_std, 0.02);
  EXPECT_EQ(config.model.init_cutoff, 3);
  EXPECT_EQ(config.data.sequence_length, 32);
  EXPECT_EQ(config.data.tokenizer, "ids");
  EXPECT_EQ(config.data.holdout_every, 0);
  EXPECT_EQ(config.data.order, "olmo_order");
  EXPECT_EQ(config.train.seed, 7);
  EXPECT_EQ(config.train.steps, 200);
  EXPECT_EQ(config.train.batch_size, 8);
  EXPECT_EQ(config.train.clip_norm, 0);  // the trainer's default is not to clip
  EXPECT_EQ(config.loss.z_loss, 0);
  EXPECT_EQ(config.optimizer.learning_rate, 3e-4);
  EXPECT_EQ(config.optimizer.beta1, 0.9);
  EXPECT_EQ(config.optimizer.beta2, 0.95);
  EXPECT_EQ(config.optimizer.epsilon, 1e-8);
  EXPECT_EQ(config.optimizer.weight_decay, 0.01);
  EXPECT_FALSE(config.optimizer.decay_embeddings);
  EXPECT_FALSE(config.optimizer.decay_norms);
  EXPECT_EQ(config.schedule.name, "cosine");
  EXPECT_EQ(config.schedule.warmup_steps, 10);
  EXPECT_EQ(config.schedule.final_fraction, 0.1);
  EXPECT_EQ(config.run.micro_batch, 16);
  EXPECT_EQ(config.run.checkpoint_every, 1000);
}

TEST(OlmoConfig, CommentsNameTheKeysAndWhereTheyComeFrom) {
  OlmoOptions options;
  options.changes = {"optimizer.learning_rate=9.0e-4", "seed=8"};
  const std::string recipe = imported(kSmall, options).recipe;
  EXPECT_THAT(recipe, HasSubstr("# From \"small.yaml\", sha256 "));
  EXPECT_THAT(recipe, HasSubstr("--set \"optimizer.learning_rate=9.0e-4\" --set \"seed=8\""));
  EXPECT_THAT(recipe, HasSubstr("  epsilon: 1e-08  # optimizer.eps: 1e-8\n"));
  EXPECT_THAT(recipe, HasSubstr("  learning_rate: 9e-04  # optimizer.learning_rate: 9.0e-4 (--set; "
                                "the file says 3.0e-4)\n"));
  EXPECT_THAT(recipe, HasSubstr("  weight_decay: 0.01  # optimizer.weight_decay: 0.01 (the "
                                "trainer's default)\n"));
  EXPECT_THAT(recipe, Not(HasSubstr("dir/")));
}

TEST(OlmoConfig, TheSameInputGivesTheSameBytes) {
  EXPECT_EQ(imported(kSmall).recipe, imported(kSmall).recipe);
  EXPECT_EQ(imported(kSmall).recipe, import_olmo_config("small.yaml", kSmall, {}).recipe);
}

TEST(OlmoConfig, NumbersWithoutADotAreNumbers) {
  for (const char* text : {"1e-6", "'1e-6'", "\"1e-06\"", "0.000001", "1.0E-6"}) {
    const auto result = imported(replaced("1e-6", text));
    EXPECT_EQ(result.config.model.rms_norm_eps, 1e-6) << text;
  }
  EXPECT_EQ(changed({"scheduler.t_max=2e2"}).config.train.steps, 200);
  for (const char* text : {"1_000", "0x20", "010", "+3", ".inf", "1e999", "nan", "three", ""}) {
    const Failure found = failure(replaced("d_model: 64", std::string("d_model: ") + text));
    EXPECT_EQ(found.code, Code::invalid_argument) << text;
    EXPECT_THAT(found.message, HasSubstr("dir/small.yaml:4: model.d_model is ")) << text;
    EXPECT_THAT(found.message, HasSubstr("expected a number")) << text;
  }
  EXPECT_THAT(failure(replaced("d_model: 64", "d_model: 64.5")).message,
              HasSubstr("expected an integer in 1.."));
}

TEST(OlmoConfig, WidthsAreOfGateAndUpTogether) {
  EXPECT_EQ(
      imported(replaced("mlp_hidden_size: 96", "mlp_ratio: 8")).config.model.intermediate_size,
      256);
  const auto silent = imported(replaced("  mlp_hidden_size: 96\n", ""));
  EXPECT_EQ(silent.config.model.intermediate_size, 128);  // the default ratio is 4
  EXPECT_THAT(silent.recipe, HasSubstr("model.mlp_ratio: 4 (the trainer's default); gate and up "
                                       "together are 256"));
  EXPECT_THAT(failure(replaced("size: 96", "size: 97")).message,
              HasSubstr("dir/small.yaml:7: model.mlp_hidden_size is 97; gate and up"));
  EXPECT_THAT(
      failure(replaced("mlp_hidden_size: 96", "mlp_hidden_size: 96\n  mlp_ratio: 4")).message,
      HasSubstr("model.mlp_ratio 4 times model.d_model is 256"));
  EXPECT_EQ(imported(replaced("mlp_hidden_size: 96", "mlp_hidden_size: 256\n  mlp_ratio: 4"))
                .config.model.intermediate_size,
            128);
}

TEST(OlmoConfig, ContradictoryShapesAreRefused) {
  EXPECT_THAT(failure_of_change("model.n_heads=5").message,
              HasSubstr("--set: model.n_heads is 5; it does not divide model.d_model 64"));
  EXPECT_THAT(failure_of_change("model.n_kv_heads=3").message, HasSubstr("model.n_kv_heads is 3"));
  EXPECT_THAT(failure_of_change("model.embedding_size=99").message,
              HasSubstr("model.vocab_size is more: 100"));
  EXPECT_EQ(changed({"model.embedding_size=null"}).config.model.vocab_size, 100);
  EXPECT_EQ(changed({"model.n_kv_heads=2"}).config.model.num_kv_heads, 2);
}

TEST(OlmoConfig, ZLossIsWhatTheTrainerApplies) {
  for (const char* multiplier : {"1e-5", "1e-4", "7"}) {
    const auto result = changed(
        {"softmax_auxiliary_loss=true", std::string("auxiliary_loss_multiplier=") + multiplier});
    EXPECT_EQ(result.config.loss.z_loss, 1e-4);
    EXPECT_EQ(result.config.notes.at("auxiliary_loss_multiplier").front(), multiplier);
  }
  EXPECT_EQ(changed({"auxiliary_loss_multiplier=1e-5"}).config.loss.z_loss, 0);
}

// max_period, min_period, max_count
std::vector<std::int64_t> filter_of(const OlmoImport& result) {
  const manifests::DataConfig& data = result.config.data;
  return {data.repetition_max_period, data.repetition_min_period, data.repetition_max_count};
}

TEST(OlmoConfig, TheInstanceFilterIsThereWhereItsGroupIs) {
  EXPECT_THAT(filter_of(imported(kSmall)), ElementsAre(0, 1, 32));
  EXPECT_THAT(filter_of(changed({"data.instance_filter=null"})), ElementsAre(0, 1, 32));
  EXPECT_THAT(filter_of(changed({"data.instance_filter={}"})), ElementsAre(13, 1, 32));
  const auto result = changed({"data.instance_filter.repetition_max_count=8",
                               "data.instance_filter.repetition_min_period=2"});
  EXPECT_THAT(filter_of(result), ElementsAre(13, 2, 8));
  EXPECT_THAT(names(result.config.not_computed), IsEmpty());
  EXPECT_EQ(key_of(result, "data.instance_filter.repetition_max_count").becomes,
            "data.repetition_max_count: 8");
  EXPECT_THAT(result.recipe, HasSubstr("  repetition_max_period: 13  # data.instance_filter."
                                       "repetition_max_period: 13 (the trainer's default)\n"));
  EXPECT_EQ(key_of(changed({"data.instance_filter={}"}), "data.instance_filter").treatment,
            "mapped");
  EXPECT_THAT(failure_of_change("data.instance_filter=13").message,
              HasSubstr("data.instance_filter is 13; expected null, or a map"));
  EXPECT_THAT(failure_of_change("data.instance_filter.repetition_max_period=0").message,
              HasSubstr("expected an integer in 1..1024"));
  EXPECT_THAT(failure_of_change("data.instance_filter.repetition_min_period=14").message,
              HasSubstr("data.repetition_min_period 14 is more than"));
}

TEST(OlmoConfig, TheLossIsDividedByAllPositions) {
  const auto result = imported(kSmall);
  EXPECT_EQ(result.config.loss.denominator, "positions");
  EXPECT_THAT(result.recipe,
              HasSubstr("  denominator: \"positions\"  # the trainer divides by all"));
}

TEST(OlmoConfig, OtherModelsAreRefusedAlsoByTheTrainersDefaults) {
  const std::pair<const char*, const char*> cases[] = {
      {"weight_tying: false", "weight_tying"},
      {"rope: true", "rope"},
      {"attention_dropout: 0.0", "attention_dropout"},
      {"residual_dropout: 0\n", "residual_dropout"},
      {"embedding_dropout: 0.0", "embedding_dropout"},
      {"include_bias: false", "include_bias"},
      {"layer_norm_type: rms", "layer_norm_type"}};
  for (const auto& [line, name] : cases) {
    const Failure found = failure(replaced("  " + std::string(line), "\n"));
    EXPECT_EQ(found.code, Code::unsupported) << name;
    EXPECT_THAT(found.message, HasSubstr("dir/small.yaml: model." + std::string(name) + " is "));
    EXPECT_THAT(found.message, HasSubstr("the trainer's default as nothing says it"));
  }
  for (const char* change :
       {"model.alibi=true", "model.block_type=llama", "model.activation_type=gelu",
        "model.clip_qkv=8", "model.multi_query_attention=true", "model.rope_full_precision=false",
        "model.scale_logits=true", "optimizer.name=lionw", "scheduler.name=max_scheduler",
        "optimizer.no_decay_norm_and_bias=true"}) {
    EXPECT_EQ(failure_of_change(change).code, Code::unsupported) << change;
  }
}

TEST(OlmoConfig, EarlierModelsHaveOtherNormsAndFirstWeights) {
  const auto same = changed({"model.init_fn=normal"}).config.model;
  EXPECT_EQ(same.norm, "post");
  EXPECT_TRUE(same.qk_norm);
  EXPECT_EQ(same.init, "normal");
  // The trainer's defaults count where nothing says it.
  for (const std::string key : {"norm_after", "attention_layer_norm"}) {
    const auto silent = imported(replaced("  " + key + ": true", "\n")).config.model;
    EXPECT_TRUE(silent == changed({"model." + key + "=false"}).config.model) << key;
    EXPECT_FALSE(silent == same) << key;
  }
  EXPECT_EQ(changed({"model.norm_after=false"}).config.model.norm, "pre");
  EXPECT_FALSE(changed({"model.attention_layer_norm=false"}).config.model.qk_norm);
  const auto old = changed({"model.init_fn=mitchell", "model.init_cutoff_factor=null"});
  EXPECT_EQ(old.config.model.init, "mitchell");
  EXPECT_EQ(old.config.model.init_cutoff, 3);
  EXPECT_EQ(
      changed({"model.init_fn=mitchell", "model.init_cutoff_factor=2"}).config.model.init_cutoff,
      2);
  EXPECT_THAT(names(old.config.not_computed), Not(testing::Contains("model.init_cutoff_factor")));
  EXPECT_EQ(key_of(old, "model.init_fn").treatment, "mapped");
}

TEST(OlmoConfig, DocumentLengthsKeepAttentionWithinDocuments) {
  EXPECT_FALSE(changed({}).config.data.mask_documents);
  EXPECT_TRUE(changed({"data.generate_doc_lengths=true"}).config.data.mask_documents);
}

TEST(OlmoConfig, WhatDecidesAndIsNotSaidByAKeyIsNotComputed) {
  const std::vector<std::string> always = names(imported(kSmall).config.not_computed);
  const auto added = [&](const std::vector<std::string>& changes) {
    std::vector<std::string> list = names(changed(changes).config.not_computed);
    std::erase_if(list, [&](const std::string& name) {
      return std::find(always.begin(), always.end(), name) != always.end();
    });
    return list;
  };
  EXPECT_THAT(always, IsEmpty());
  EXPECT_THAT(added({"epoch=1"}), ElementsAre("epoch"));
  EXPECT_THAT(added({"data.seed=8"}), ElementsAre("data.seed"));
  EXPECT_THAT(added({"data.seed=7"}), IsEmpty());
  EXPECT_THAT(added({"load_path=https://x/step9", "restore_dataloader=false"}),
              ElementsAre("load_path", "restore_dataloader"));
  EXPECT_THAT(added({"restore_dataloader=false"}), IsEmpty());
  EXPECT_THAT(added({"data.datasets={a: [x, y], b: [z]}"}),
              ElementsAre("data.datasets.a", "data.datasets.b"));
  EXPECT_THAT(added({"data.drop_last=false"}), ElementsAre("data.drop_last"));
  EXPECT_THAT(added({"model.init_fn=fan_in"}), ElementsAre("model.init_fn"));
  EXPECT_THAT(added({"model.init_fn=mitchell"}), IsEmpty());
  EXPECT_THAT(added({"model.init_cutoff_factor=null"}), ElementsAre("model.init_cutoff_factor"));
  EXPECT_THAT(added({"max_grad_norm_ratio=0.1"}), ElementsAre("max_grad_norm_ratio"));
  EXPECT_THAT(added({"optimizer.selective_updates=true"}),
              ElementsAre("optimizer.selective_updates"));
  EXPECT_THAT(added({"scheduler.warmup_min_lr=1e-5"}), ElementsAre("scheduler.warmup_min_lr"));
  EXPECT_THAT(added({"scheduler.warmup_min_lr=null"}), ElementsAre("scheduler.warmup_min_lr"));
  EXPECT_THAT(added({"scheduler.warmup_min_lr=null", "scheduler.t_warmup=0"}), IsEmpty());
  EXPECT_THAT(added({"scheduler.grad_clip_warmup_steps=5"}),
              ElementsAre("scheduler.grad_clip_warmup_steps"));
  EXPECT_EQ(key_of(changed({"epoch=1"}), "epoch").treatment, "not computed");
}

TEST(OlmoConfig, SchedulesInTokensAreInStepsHereButForTheCosine) {
  // 256 tokens a step
  const auto cosine =
      changed({"scheduler.units=tokens", "scheduler.t_max=51201", "scheduler.t_warmup=2561"});
  EXPECT_EQ(cosine.config.schedule.name, "olmo_cosine");
  EXPECT_EQ(cosine.config.schedule.warmup_tokens, 2561);
  EXPECT_EQ(cosine.config.schedule.total_tokens, 51201);
  EXPECT_EQ(cosine.config.schedule.warmup_steps, 0);
  EXPECT_EQ(cosine.config.train.steps, 201);
  EXPECT_THAT(cosine.config.not_computed, IsEmpty());
  const auto linear = [](std::vector<std::string> changes) {
    changes.insert(changes.end(), {"scheduler.name=linear_with_warmup", "scheduler.units=tokens"});
    return changed(changes);
  };
  const auto whole = linear({"scheduler.t_max=5.12e4", "scheduler.t_warmup=2560"});
  EXPECT_EQ(whole.config.train.steps, 200);
  EXPECT_EQ(whole.config.schedule.warmup_steps, 10);
  EXPECT_THAT(names(whole.config.not_computed), Not(testing::Contains("scheduler.t_max")));
  const auto rest = linear({"scheduler.t_max=51201", "scheduler.t_warmup=2561"});
  EXPECT_EQ(rest.config.train.steps, 201);
  EXPECT_EQ(rest.config.schedule.warmup_steps, 11);
  EXPECT_THAT(names(rest.config.not_computed), testing::Contains("scheduler.t_max"));
  EXPECT_THAT(names(rest.config.not_computed), testing::Contains("scheduler.t_warmup"));
  EXPECT_THAT(failure_of_change("scheduler.units=hours").message, HasSubstr("steps or tokens"));
  EXPECT_THAT(failure_of_change("scheduler.t_max=-1").message, HasSubstr("no number of steps"));
  EXPECT_THAT(failure_of_change("scheduler.t_warmup=-1").message, HasSubstr("not negative"));
  EXPECT_THAT(failure_of_change("scheduler.t_warmup=201").message,
              HasSubstr("schedule.warmup_steps 201 is more than train.steps 200"));
}

TEST(OlmoConfig, DurationsAreStepsTokensOrEpochs) {
  const auto steps = [](const std::string& duration, std::int64_t instances = 0) {
    OlmoOptions options;
    options.changes = {"scheduler.t_max=null", "max_duration=" + duration};
    options.num_instances = instances;
    return imported(kSmall, options).config.train.steps;
  };
  EXPECT_EQ(steps("300"), 300);
  EXPECT_EQ(steps("'300'"), 300);
  EXPECT_EQ(steps("51201T"), 201);
  EXPECT_EQ(steps("1e5T"), 391);
  EXPECT_EQ(steps("2ep", 1607), 400);  // 200 whole batches an epoch
  OlmoOptions options;
  options.changes = {"scheduler.t_max=null", "max_duration=1ep"};
  const Failure found = failure(kSmall, options);
  EXPECT_EQ(found.code, Code::invalid_argument);
  EXPECT_THAT(found.message, HasSubstr("how many sequences an epoch has"));
  for (const char* text : {"long", "1.5", "0", "-3", "1e30T", "ep", "null", "1h"}) {
    options.changes = {"scheduler.t_max=null", std::string("max_duration=") + text};
    EXPECT_THAT(failure(kSmall, options).message, HasSubstr("expected steps, tokens")) << text;
  }
  EXPECT_THAT(failure_of_change("max_duration=soon").message, HasSubstr("expected steps, tokens"));
}

TEST(OlmoConfig, PathsKeepTheirOrderAndRepetitions) {
  const auto result = imported(std::string(kSmall) + "  paths: [b, a, b, b]\n");
  EXPECT_THAT(result.config.notes.at("data.paths"), ElementsAre("b", "a", "b", "b"));
  EXPECT_THAT(result.recipe,
              HasSubstr("  data.paths:  # in order, repeated ones kept\n    - \"b\"\n"
                        "    - \"a\"\n    - \"b\"\n    - \"b\"\n"));
}

TEST(OlmoConfig, ChangesAreLaidOverTheFileAndTheLastWins) {
  OlmoOptions options;
  options.launch = "13b-augusta";
  const auto first = imported(kSmall, options);
  EXPECT_EQ(first.config.optimizer.learning_rate, 9e-4);
  EXPECT_THAT(first.recipe, HasSubstr("(--launch 13b-augusta; the file says 3.0e-4)"));
  options.changes = {"optimizer.learning_rate=1e-3", "optimizer.learning_rate=2e-3",
                     "optimizer.betas=[0.8, 0.9]", "compile=null"};
  const auto result = imported(kSmall, options);
  EXPECT_EQ(result.config.optimizer.learning_rate, 2e-3);
  EXPECT_EQ(result.config.optimizer.beta1, 0.8);
  EXPECT_EQ(result.config.notes.at("compile").front(), "null");
  EXPECT_FALSE(result.config.notes.contains("compile.fullgraph"));
  EXPECT_EQ(launched("13b-augusta-epoch1").config.not_computed.at("epoch"),
            std::vector<std::string>{"1"});
  options.launch = "13b-agusta";
  EXPECT_THAT(failure(kSmall, options).message, HasSubstr("there is no launch '13b-agusta'"));
  EXPECT_THAT(failure_of_change("seed").message, HasSubstr("--set needs KEY=VALUE"));
  EXPECT_THAT(failure_of_change("seed=1\nmodel: 3").message, HasSubstr("has several values"));
  EXPECT_THAT(failure_of_change("optimizer.betas=[1]").message, HasSubstr("expected two numbers"));
  EXPECT_THAT(failure_of_change("optimizer.betas=[0.9, 1.5]").message,
              HasSubstr("optimizer.beta2"));
  EXPECT_THAT(failure_of_change("optimizer.decay_embeddings=yes").message,
              HasSubstr("expected true or false"));
}

TEST(OlmoConfig, EveryLaunchChangesKnownKeys) {
  for (const OlmoLaunch& launch : olmo_launches()) {
    EXPECT_NO_THROW(launched(std::string(launch.name))) << launch.name;
    EXPECT_FALSE(launch.evidence.empty());
  }
}

TEST(OlmoConfig, UnknownKeysNameTheNearest) {
  Failure found = failure(replaced("learning_rate", "learnin_rate"));
  EXPECT_EQ(found.code, Code::invalid_argument);
  EXPECT_THAT(found.message, HasSubstr("dir/small.yaml:23: unknown key optimizer.learnin_rate; did "
                                       "you mean optimizer.learning_rate?"));
  EXPECT_THAT(failure(replaced("seed: 7", "d_model: 7")).message,
              HasSubstr("did you mean model.d_model?"));
  EXPECT_THAT(failure_of_change("zzzzzzzzzzzzzzzzzz=1").message,
              HasSubstr("--set: unknown key zzzzzzzzzzzzzzzzzz"));
  found = failure("_CLASS_: x\nmodel: {d_model: 5120}\n");
  EXPECT_EQ(found.code, Code::unsupported);
  EXPECT_THAT(found.message, HasSubstr("OLMo-core"));
}

TEST(OlmoConfig, NameOfTheRecipe) {
  OlmoOptions options;
  options.name = "mine";
  const auto named = imported(kSmall, options);
  EXPECT_EQ(named.config.name, "mine");
  EXPECT_EQ(named.config.notes.at("run_name").front(), "small");
  EXPECT_EQ(changed({"run_name=null"}).config.name, "small");  // of the file
}

TEST(OlmoConfig, HostileNamesAndTextsStayInTheirLine) {
  const auto result = imported(replaced("run_name: small", "run_name: \"x: # \\\"y\\\"\""));
  EXPECT_EQ(result.config.name, "x: # \"y\"");
  EXPECT_THAT(failure(replaced("run_name: small", "run_name: \"a\\nname: b\"")).message,
              HasSubstr("control characters"));
  const std::string file = "dir/a\n\x1b[31m.yaml";
  EXPECT_THAT(import_olmo_config(file, kSmall, {}).recipe, HasSubstr("# From a file, sha256"));
}

TEST(OlmoConfig, KeysAreToldInTheOrderOfTheTable) {
  const auto result = imported(kSmall);
  EXPECT_EQ(key_of(result, "model.d_model").becomes, "model.hidden_size: 64");
  EXPECT_EQ(key_of(result, "model.rope").treatment, "mapped");
  EXPECT_EQ(key_of(result, "model.rope").becomes, "as repro has it");
  std::size_t last = 0;
  for (const ImportedKey& key : result.keys) {
    const auto at = static_cast<std::size_t>(find_olmo_key(key.key) - olmo_keys().data());
    EXPECT_GE(at, last) << key.key;
    last = at;
    EXPECT_FALSE(key.becomes.empty() && key.reason.empty()) << key.key;
  }
}

TEST(OlmoConfig, NoKeyStandsTwiceInTheTable) {
  for (const OlmoKey& key : olmo_keys()) {
    EXPECT_EQ(find_olmo_key(key.path), &key) << key.path;
    EXPECT_EQ(key.use == OlmoUse::mapped, key.reason.empty()) << key.path;
  }
}

}  // namespace
}  // namespace repro::imports

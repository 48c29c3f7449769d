#include "manifests/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "manifests/config_keys.h"
#include "tests/manifests/samples.h"

namespace repro::manifests {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr const char* kFrozenKeys = R"(data.holdout_every integer deciding =20
data.mask_documents boolean deciding =false
data.order text deciding =order
data.order_chunk integer deciding =1
data.repetition_max_count integer deciding =32
data.repetition_max_period integer deciding =0
data.repetition_min_period integer deciding =1
data.sequence_length integer deciding required
data.skip_batches ranges deciding =
data.source text running =
data.tokenizer text deciding =byte
eval.every integer deciding =0
eval.max_instances integer deciding =64
eval.tasks text deciding =
loss.denominator text deciding =targets
loss.z_loss decimal deciding =1e-05
model.family text deciding =olmo2
model.hidden_size integer deciding required
model.init text deciding =normal
model.init_cutoff decimal deciding =3
model.init_std decimal deciding =0.02
model.intermediate_size integer deciding required
model.norm text deciding =post
model.num_heads integer deciding required
model.num_kv_heads integer deciding =0
model.num_layers integer deciding required
model.qk_norm boolean deciding =true
model.rms_norm_eps decimal deciding =1e-06
model.rope_theta decimal deciding =5e+05
model.vocab_size integer deciding required
name text label =
native.dtype text deciding =fp32
optimizer.beta1 decimal deciding =0.9
optimizer.beta2 decimal deciding =0.95
optimizer.count_steps boolean deciding =true
optimizer.decay_embeddings boolean deciding =false
optimizer.decay_norms boolean deciding =true
optimizer.epsilon decimal deciding =1e-08
optimizer.learning_rate decimal deciding required
optimizer.name text deciding =adamw
optimizer.skip_sigma decimal deciding =6
optimizer.skip_window integer deciding =128
optimizer.weight_decay decimal deciding =0.1
profile text deciding =exact
run.checkpoint_every integer running =0
run.device text running =cpu
run.digest_every integer running =1
run.kernels text running =auto
run.micro_batch integer running =0
run.ranks integer running =1
run.recompute boolean running =false
run.threads integer running =0
schedule.final_fraction decimal deciding =0.1
schedule.name text deciding =cosine
schedule.start integer deciding =0
schedule.total_tokens integer deciding =0
schedule.warmup_steps integer deciding =0
schedule.warmup_tokens integer deciding =0
train.batch_size integer deciding required
train.clip_norm decimal deciding =1
train.grad_group integer deciding =0
train.gradient_unit integer deciding =32
train.seed integer deciding =0
train.steps integer deciding required
)";

// Adding, renaming or reclassing a key changes what people can write and what is hashed: it must be
// meant, and shows here.
TEST(Config, KeysAreFrozen) {
  const char* const classes[] = {"label", "deciding", "running"};
  const char* const types[] = {"text", "integer", "decimal", "boolean", "ranges"};
  std::string list;
  for (const ConfigKey& key : config_keys()) {
    list += key.path + " " + types[static_cast<int>(key.type)] + " " +
            classes[static_cast<int>(key.key_class)] + " " +
            (key.required ? "required" : "=" + key.default_value) + "\n";
  }
  EXPECT_EQ(list, kFrozenKeys);
}

TEST(Config, ParseInvertsEncode) {
  Config config = sample_config();
  EXPECT_EQ(parse_config(encode_config(config), "config"), config);
  config.profile = "native";
  config.data.skip_batches.clear();
  config.train.seed = std::numeric_limits<std::int64_t>::max();
  config.data.source = "/srv/t\xC3\xA9xt";
  EXPECT_EQ(parse_config(encode_config(config), "config"), config);
  config.native.dtype = "bf16";
  EXPECT_EQ(parse_config(encode_config(config), "config"), config);
}

// Digests of configs and derivations from before there was such a key hold.
TEST(Config, NativeDtypeStandsInTheBytesOnlyWhereItIsNotTheDefault) {
  Config config = sample_config();
  EXPECT_THAT(encode_config(config), Not(HasSubstr("\"native\"")));
  EXPECT_FALSE(deciding_keys(config).contains("native"));
  config.profile = "native";
  EXPECT_FALSE(deciding_keys(config).contains("native"));
  config.native.dtype = "bf16";
  EXPECT_THAT(encode_config(config), HasSubstr(R"("native":{"dtype":"bf16"})"));
  EXPECT_EQ(deciding_keys(config)["native"]["dtype"], "bf16");
}

TEST(Config, TheOrderStandsInTheBytesOnlyWhereItIsNotTheDefault) {
  Config config = sample_config();
  EXPECT_THAT(encode_config(config), Not(HasSubstr("order")));
  EXPECT_EQ(operators_of(config).at("order"), "1");
  config.data.order = "olmo_core_order";
  config.data.order_chunk = 2;
  EXPECT_THAT(encode_config(config),
              HasSubstr(R"("order":"olmo_core_order","order_chunk":2,"sequence_length")"));
  EXPECT_EQ(parse_config(encode_config(config), "config"), config);
  EXPECT_EQ(operators_of(config).at("olmo_core_order"), "1");
  EXPECT_FALSE(operators_of(config).contains("order"));
  std::string text = encode_config(config);
  text.replace(text.find(R"("order_chunk":2)"), 15, R"("order_chunk":1)");
  EXPECT_EQ(failure_of([&] { parse_config(text, "config"); }).code, "corruption");
}

TEST(Config, TheFilterHasAllItsKeysOrNone) {
  Config config = sample_config();
  EXPECT_FALSE(operators_of(config).contains("instance_filter"));
  config.data.repetition_max_count = 8;
  EXPECT_THAT(failure_of([&] { check_config(config); }).message,
              HasSubstr("data.repetition_max_period is 0"));
  config.data.repetition_max_period = 13;
  check_config(config);
  EXPECT_EQ(operators_of(config).at("instance_filter"), "1");
  EXPECT_EQ(parse_config(encode_config(config), "config"), config);
  config.data.repetition_min_period = 14;
  EXPECT_THAT(failure_of([&] { check_config(config); }).message,
              HasSubstr("data.repetition_min_period 14 is more than"));
}

TEST(Config, SkippingIsOfOneOptimizer) {
  Config config = sample_config();
  EXPECT_FALSE(operators_of(config).contains("skip_step_adamw"));
  config.optimizer.skip_window = 64;
  const auto failure = failure_of([&] { check_config(config); });
  EXPECT_THAT(failure.message, HasSubstr("do not go with optimizer.name adamw"));
  config.optimizer.name = "skip_step_adamw";
  check_config(config);
  EXPECT_EQ(operators_of(config).at("skip_step_adamw"), "1");
  EXPECT_EQ(operators_of(config).at("adamw"), "1");
  EXPECT_EQ(parse_config(encode_config(config), "config"), config);
}

TEST(Config, NotesStandInTheBytesOnlyWhereThereAreSome) {
  Config config = sample_config();
  const Json deciding = deciding_keys(config);
  EXPECT_THAT(encode_config(config), Not(HasSubstr("\"not")));
  config.notes = {{"data.paths", {"b", "a", "b"}}, {"compile", {"null"}}, {"tags", {}}};
  config.not_computed = {{"epoch", {"1"}}};
  const std::string bytes = encode_config(config);
  EXPECT_THAT(bytes, HasSubstr(R"("not_computed":{"epoch":["1"]},"notes":{"compile":["null"],)"));
  EXPECT_EQ(parse_config(bytes, "config"), config);
  EXPECT_EQ(deciding_keys(config), deciding);
  for (const auto& [from, to] :
       {std::pair(R"(["1"])", "\"1\""), std::pair(R"(["1"])", "[1]"),
        std::pair(R"({"epoch":["1"]})", "{}"), std::pair(R"(["1"])", R"(["\u001b"])")}) {
    std::string damaged = bytes;
    damaged.replace(damaged.find(from), std::string_view(from).size(), to);
    EXPECT_EQ(failure_of([&] { parse_config(damaged, "config"); }).code, "corruption") << to;
  }
  config.notes = {{"", {"x"}}};
  EXPECT_THAT(failure_of([&] { check_config(config); }).message, HasSubstr("notes has a name"));
  config.notes = {{"a", {"x\ny"}}};
  EXPECT_THAT(failure_of([&] { check_config(config); }).message, HasSubstr("notes.a is not"));
}

TEST(Config, DecimalsAreKeptToTheBit) {
  for (double value = 1e-30; value < 1; value *= 1.7320508075688772) {
    Config config = sample_config();
    config.optimizer.learning_rate = value;
    EXPECT_EQ(parse_config(encode_config(config), "config").optimizer.learning_rate, value);
  }
}

TEST(Config, ValueIsCanonicalJson) {
  const Config config = sample_config();
  EXPECT_EQ(config_value(config, "model.hidden_size").dump(), "16");
  EXPECT_EQ(config_value(config, "optimizer.learning_rate").dump(), "\"0.003\"");
  EXPECT_EQ(config_value(config, "optimizer.decay_norms").dump(), "true");
  EXPECT_EQ(config_value(config, "data.skip_batches").dump(), "[[3,5],[9,10]]");
  EXPECT_THAT(failure_of([&] { config_value(config, "model.hiden_size"); }).message,
              HasSubstr("unknown key model.hiden_size; did you mean hidden_size?"));
}

TEST(Config, DecidingKeysHoldNoRunningKeyAndNoLabel) {
  Config config = sample_config();
  const Json before = deciding_keys(config);
  config.name = "another";
  config.data.source = "/elsewhere";
  config.run.threads = 3;
  config.run.digest_every = 7;
  EXPECT_EQ(deciding_keys(config), before);
  EXPECT_FALSE(before.contains("run"));
  config.eval.every = 5;  // evaluations stand in the log
  EXPECT_NE(deciding_keys(config), before);
}

TEST(Config, SetTakesWhatAPersonWrites) {
  Config config = sample_config();
  set_config_value(config, "optimizer.learning_rate", "1e-6", "--set");
  EXPECT_EQ(config.optimizer.learning_rate, 1e-6);
  set_config_value(config, "optimizer.beta1", "-0", "--set");
  EXPECT_FALSE(std::signbit(config.optimizer.beta1));
  set_config_value(config, "optimizer.decay_norms", "false", "--set");
  EXPECT_FALSE(config.optimizer.decay_norms);
  set_config_value(config, "data.skip_batches", "1..2,2..7", "--set");
  EXPECT_EQ(config.data.skip_batches.size(), 2U);
  set_config_value(config, "data.skip_batches", "", "--set");
  EXPECT_TRUE(config.data.skip_batches.empty());
  set_config_value(config, "train.seed", "9223372036854775807", "--set");
  EXPECT_EQ(config.train.seed, std::numeric_limits<std::int64_t>::max());
}

struct Refusal {
  const char* key;
  const char* text;
  const char* message;
};
constexpr Refusal kRefusals[] = {
    {"model.hidden_size", "abc", "--set: model.hidden_size is \"abc\"; expected an integer in 2.."},
    {"model.hidden_size", "12.0", "expected an integer"},
    {"model.hidden_size", "1e3", "expected an integer"},
    {"model.hidden_size", "0x10", "expected an integer"},
    {"model.hidden_size", "010", "expected an integer"},
    {"model.hidden_size", "+8", "expected an integer"},
    {"model.hidden_size", " 8", "expected an integer"},
    {"model.hidden_size", "", "expected an integer"},
    {"model.hidden_size", "1_000", "expected an integer"},
    {"model.hidden_size", "-4", "expected an integer in 2.."},
    {"model.hidden_size", "99999999999999999999", "expected an integer"},
    {"train.seed", "9223372036854775808", "expected an integer in 0..9223372036854775807"},
    {"train.seed", "-1", "expected an integer in 0.."},
    {"train.gradient_unit", "49", "8..48"},
    {"train.gradient_unit", "7", "8..48"},
    {"data.sequence_length", "1", "2..1048576"},
    {"data.sequence_length", "1048577", "2..1048576"},
    {"model.intermediate_size", "8388609", "model.intermediate_size is \"8388609\"; expected"},
    {"model.hidden_size", "1048577", "model.hidden_size is \"1048577\"; expected an integer"},
    {"model.vocab_size", "4194305", "model.vocab_size is \"4194305\"; expected an integer"},
    {"train.grad_group", "16777217", "train.grad_group is \"16777217\"; expected an integer"},
    {"optimizer.beta2", "1", "expected a decimal number in 0..1, not 1"},
    {"optimizer.beta2", "-0.1", "expected a decimal number"},
    {"optimizer.learning_rate", "nan", "expected a decimal number"},
    {"optimizer.learning_rate", "inf", "expected a decimal number"},
    {"optimizer.learning_rate", "1e999", "expected a decimal number"},
    {"optimizer.learning_rate", "1e-400", "expected a decimal number"},
    {"optimizer.learning_rate", "1,5", "expected a decimal number"},
    {"optimizer.learning_rate", "0x1p-3", "expected a decimal number"},
    {"optimizer.decay_norms", "yes", "expected true or false"},
    {"optimizer.decay_norms", "True", "expected true or false"},
    {"optimizer.name", "adam", "did you mean adamw?"},
    {"profile", "exakt", "did you mean exact?"},
    {"native.dtype", "bf15", "did you mean bf16?"},
    {"data.order", "olmo-order", "did you mean olmo_order?"},
    {"data.order_chunk", "0", "expected an integer in 1.."},
    {"run.kernels", "avx3", "did you mean avx2?"},
    {"run.device", "gpu", "expected one of cpu|cuda"},
    {"run.ranks", "0", "expected an integer in 1.."},
    {"data.tokenizer", "bytes", "did you mean byte?"},
    {"data.skip_batches", "5..3", "expected ranges"},
    {"data.skip_batches", "1..4,3..6", "expected ranges"},
    {"data.skip_batches", "1..4,", "expected ranges"},
    {"data.skip_batches", "1-4", "expected ranges"},
    {"data.skip_batches", "-1..4", "expected ranges"},
    {"name", "a\x1b[31m", "not readable text"},
    {"name", "\xff\xfe", "not readable text"},
    {"learning_rate", "1", "unknown key learning_rate; did you mean optimizer.learning_rate?"},
    {"model", "1", "unknown key model"},
    {"\xff", "1", "unknown key not readable text"},
};

TEST(Config, SetRefusesWrongTypesRangesAndNames) {
  for (const Refusal& each : kRefusals) {
    Config config = sample_config();
    const Failure failure =
        failure_of([&] { set_config_value(config, each.key, each.text, "--set"); });
    EXPECT_EQ(failure.code, "invalid_argument") << each.key << "=" << each.text;
    EXPECT_THAT(failure.message, HasSubstr(each.message));
    EXPECT_THAT(failure.message, HasSubstr("--set: "));
    EXPECT_EQ(config, sample_config()) << "a refused value must change nothing";
  }
}

TEST(Config, RelationsBetweenKeysAreChecked) {
  struct Case {
    void (*damage)(Config&);
    const char* message;
  };
  const Case cases[] = {
      {[](Config& c) { c.model.num_heads = 3; },
       "model.num_heads 3 does not divide model.hidden_size"},
      {[](Config& c) { c.model.num_heads = 16; }, "the head width 1"},
      {[](Config& c) { c.model.num_kv_heads = 3; }, "model.num_kv_heads 3 does not divide"},
      {[](Config& c) { c.model.num_kv_heads = 8; }, "model.num_kv_heads 8 does not divide"},
      {[](Config& c) { c.model.num_kv_heads = 0; }, "model.num_kv_heads is 0"},
      {[](Config& c) { c.schedule.warmup_steps = 41; }, "schedule.warmup_steps 41 is more than"},
      {[](Config& c) { c.train.batch_size = 1 << 20; }, "tokens a step"},
      {[](Config& c) { c.data.holdout_every = 1; }, "holds out every instance"},
      {[](Config& c) { c.data.holdout_every = 0; }, "needs held-out text"},
      {[](Config& c) { c.native.dtype = "bf16"; },
       "native.dtype bf16 does not go with profile exact"},
      {[](Config& c) {
         c.data.order = "olmo_order";
         c.data.order_chunk = 2;
       },
       "data.order_chunk 2 does not go with data.order olmo_order"},
      {[](Config& c) { c.model.vocab_size = 0; }, "model.vocab_size is \"0\""},
      {[](Config& c) { c.train.steps = 0; }, "train.steps is \"0\""},
      {[](Config& c) { c.optimizer.beta1 = std::nan(""); }, "optimizer.beta1 is \"nan\""},
      {[](Config& c) {
         c.data.skip_batches = {{5, 5}};
       },
       "data.skip_batches is \"5..5\""},
      {[](Config& c) {
         c.data.skip_batches = {{5, 7}, {1, 2}};
       },
       "data.skip_batches"},
  };
  EXPECT_NO_THROW(check_config(sample_config()));
  for (const Case& each : cases) {
    Config config = sample_config();
    each.damage(config);
    const Failure failure = failure_of([&] { check_config(config); });
    EXPECT_EQ(failure.code, "invalid_argument") << each.message;
    EXPECT_THAT(failure.message, HasSubstr(each.message));
    EXPECT_FALSE(failure.message.empty());
  }
}

TEST(Config, RanksAreAcceptedHere) {
  Config config = sample_config();
  config.run.ranks = 3;  // whether this build has ranks is for the command to say
  EXPECT_NO_THROW(check_config(config));
}

TEST(Config, ParseRefusesWhatEncodeNeverWrites) {
  const Json sound = Json::parse(encode_config(sample_config()));
  struct Case {
    void (*damage)(Json&);
    const char* message;
  };
  const Case cases[] = {
      {[](Json& j) { j["model"].erase("hidden_size"); }, "\"hidden_size\" is missing"},
      {[](Json& j) { j["model"]["hiden_size"] = 1; }, "unknown key \"hiden_size\""},
      {[](Json& j) { j["extra"] = 1; }, "unknown key \"extra\""},
      {[](Json& j) { j["model"] = 1; }, "expected a JSON object"},
      {[](Json& j) { j["model"]["hidden_size"] = "16"; }, "not an integer"},
      {[](Json& j) { j["optimizer"]["learning_rate"] = 1; }, "not a string"},
      {[](Json& j) { j["optimizer"]["learning_rate"] = "0.0030"; }, "shortest form"},
      {[](Json& j) { j["optimizer"]["learning_rate"] = "nan"; }, "optimizer.learning_rate"},
      {[](Json& j) { j["optimizer"]["decay_norms"] = "true"; }, "not true or false"},
      {[](Json& j) {
         j["data"]["skip_batches"] = {{1, 2, 3}};
       },
       "pairs of integers"},
      {[](Json& j) {
         j["data"]["skip_batches"] = {{4, 2}};
       },
       "data.skip_batches"},
      {[](Json& j) { j["model"]["num_heads"] = 3; }, "does not divide"},
      {[](Json& j) { j["native"]["dtype"] = "bf16"; }, "does not go with profile exact"},
      {[](Json& j) { j["native"]["dtype"] = "fp32"; }, "no more than its default"},
      {[](Json& j) { j["native"] = Json::object(); }, "no more than its default"},
      {[](Json& j) { j["native"]["dtyp"] = "bf16"; }, "unknown key \"dtyp\""},
      {[](Json& j) { j["native"] = 1; }, "expected a JSON object"},
      {[](Json& j) { j["run"]["threads"] = -1; }, "run.threads"},
      {[](Json& j) { j["schema"] = "repro.config"; }, "its schema is not repro.config/1"},
  };
  for (const Case& each : cases) {
    Json json = sound;
    each.damage(json);
    const Failure failure = failure_of([&] { parse_config(json.dump(), "config 3f"); });
    EXPECT_EQ(failure.code, "corruption") << each.message;
    EXPECT_THAT(failure.message, HasSubstr(each.message));
    EXPECT_THAT(failure.message, HasSubstr("config 3f"));
  }
}

TEST(Config, NewerSchemaIsUnsupportedAndNamesBothVersions) {
  Json json = Json::parse(encode_config(sample_config()));
  json["schema"] = "repro.config/2";
  const Failure failure = failure_of([&] { parse_config(json.dump(), "config 3f"); });
  EXPECT_EQ(failure.code, "unsupported");
  EXPECT_THAT(failure.message, HasSubstr("repro.config/2"));
  EXPECT_THAT(failure.message, HasSubstr("repro.config/1"));
}

}  // namespace
}  // namespace repro::manifests

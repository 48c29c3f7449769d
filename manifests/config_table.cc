#include "manifests/config_table.h"

#include <algorithm>

#include "artifacts/base/number_text.h"

namespace repro::manifests {
namespace {

// A contraction of exact/1 has at most 2^24 terms, a softmax row 2^22 (docs/arithmetic.md).
constexpr std::int64_t kMaxTerms = std::int64_t{1} << 24;
constexpr std::int64_t kMaxRow = std::int64_t{1} << 22;
constexpr std::int64_t kMaxTokens = std::int64_t{1} << 52;  // exact in binary64
constexpr std::int64_t kMaxSteps = std::int64_t{1} << 40;
constexpr std::int64_t kMaxCount = std::int64_t{1} << 20;

template <auto Member>
Field top(Config& config) {
  return &(config.*Member);
}

template <auto Section, auto Member>
Field in(Config& config) {
  return &((config.*Section).*Member);
}

using FieldFunction = Field (*)(Config&);

KeyRow make_row(std::string path, FieldFunction field, std::string help) {
  Config defaults;
  const Field value = field(defaults);
  KeyRow row;
  row.key.path = std::move(path);
  row.key.type = static_cast<KeyType>(value.index());
  row.key.help = std::move(help);
  row.key.default_value = field_text(value);
  row.field = field;
  return row;
}

KeyRow integer(std::string path, FieldFunction field, std::int64_t low, std::int64_t high,
               std::string help) {
  KeyRow row = make_row(std::move(path), field, std::move(help));
  row.limits.low = low;
  row.limits.high = high;
  row.key.allowed = std::to_string(low) + ".." + std::to_string(high);
  return row;
}

KeyRow decimal(std::string path, FieldFunction field, double low, double high, std::string help) {
  KeyRow row = make_row(std::move(path), field, std::move(help));
  row.limits.decimal_low = low;
  row.limits.decimal_high = high;
  row.key.allowed = decimal_text(low) + ".." + decimal_text(high);
  return row;
}

// A fraction of [0, 1).
KeyRow fraction(std::string path, FieldFunction field, std::string help) {
  KeyRow row = decimal(std::move(path), field, 0, 1, std::move(help));
  row.limits.below_high = true;
  row.key.allowed += ", not 1";
  return row;
}

KeyRow boolean(std::string path, FieldFunction field, std::string help) {
  KeyRow row = make_row(std::move(path), field, std::move(help));
  row.key.allowed = "true|false";
  return row;
}

KeyRow one_of(std::string path, FieldFunction field, std::vector<std::string> names,
              std::string help) {
  KeyRow row = make_row(std::move(path), field, std::move(help));
  for (const std::string& name : names) {
    row.key.allowed += (row.key.allowed.empty() ? "" : "|") + name;
  }
  row.limits.names = std::move(names);
  return row;
}

KeyRow text(std::string path, FieldFunction field, std::string help) {
  KeyRow row = make_row(std::move(path), field, std::move(help));
  row.key.allowed = "text";
  return row;
}

KeyRow ranges(std::string path, FieldFunction field, std::string help) {
  KeyRow row = make_row(std::move(path), field, std::move(help));
  row.limits.high = kMaxSteps;
  row.key.allowed = "a..b,c..d ascending, disjoint";
  return row;
}

KeyRow required(KeyRow row) {
  row.key.required = true;
  row.key.default_value.clear();
  return row;
}

KeyRow running(KeyRow row) {
  row.key.key_class = KeyClass::running;
  return row;
}

KeyRow omitting_default(KeyRow row) {
  row.omits_default = true;
  return row;
}

KeyRow label(KeyRow row) {
  row.key.key_class = KeyClass::label;
  return row;
}

void add_model_rows(std::vector<KeyRow>& rows) {
  using M = ModelConfig;
  constexpr auto model = &Config::model;
  rows.push_back(one_of("model.family", in<model, &M::family>, {"olmo2"}, "architecture"));
  rows.push_back(required(integer("model.hidden_size", in<model, &M::hidden_size>, 2, kMaxCount,
                                  "width of the residual stream")));
  rows.push_back(required(
      integer("model.num_layers", in<model, &M::num_layers>, 1, 4096, "transformer blocks")));
  rows.push_back(required(integer("model.num_heads", in<model, &M::num_heads>, 1, 65536,
                                  "query heads; hidden_size / num_heads must be even")));
  rows.push_back(integer("model.num_kv_heads", in<model, &M::num_kv_heads>, 0, 65536,
                         "key and value heads, a divisor of num_heads; 0: num_heads"));
  // gate and up are one contraction over both outputs
  rows.push_back(required(integer("model.intermediate_size", in<model, &M::intermediate_size>, 1,
                                  kMaxTerms / 2, "width of one MLP branch (not of gate and up)")));
  rows.push_back(required(integer("model.vocab_size", in<model, &M::vocab_size>, 1, kMaxRow,
                                  "rows of the embedding; at least the tokenizer's ids")));
  rows.push_back(
      decimal("model.rope_theta", in<model, &M::rope_theta>, 1, 1e12, "base of the RoPE angles"));
  rows.push_back(decimal("model.rms_norm_eps", in<model, &M::rms_norm_eps>, 1e-30, 1,
                         "epsilon under the root of RMSNorm"));
  rows.push_back(decimal("model.init_std", in<model, &M::init_std>, 1e-30, 100,
                         "standard deviation of initial matrices"));
  rows.push_back(decimal("model.init_cutoff", in<model, &M::init_cutoff>, 0.01, 100,
                         "truncation of the initial normal, in standard deviations"));
  rows.push_back(omitting_default(one_of("model.norm", in<model, &M::norm>, {"post", "pre"},
                                         "RMSNorm of a branch's output, or of its input")));
  rows.push_back(omitting_default(
      boolean("model.qk_norm", in<model, &M::qk_norm>, "RMSNorm of queries and keys")));
  rows.push_back(omitting_default(one_of("model.init", in<model, &M::init>, {"normal", "mitchell"},
                                         "normal: init_std everywhere; mitchell: by width and "
                                         "depth")));
}

void add_data_rows(std::vector<KeyRow>& rows) {
  using D = DataConfig;
  constexpr auto data = &Config::data;
  rows.push_back(one_of("data.tokenizer", in<data, &D::tokenizer>, {"byte", "ids", "bpe"},
                        "byte: UTF-8 bytes; ids: data that is tokenised already; bpe: a dataset "
                        "that was added with a tokenizer.json"));
  rows.push_back(required(integer("data.sequence_length", in<data, &D::sequence_length>, 2,
                                  kMaxCount, "tokens a sequence")));
  rows.push_back(integer("data.holdout_every", in<data, &D::holdout_every>, 0, kMaxSteps,
                         "every k-th instance is held out for evaluation; 0: none"));
  rows.push_back(omitting_default(
      one_of("data.order", in<data, &D::order>, {"order", "olmo_order", "olmo_core_order"},
             "order of the samples; olmo_*: as OLMo's trainers shuffle")));
  rows.push_back(
      omitting_default(integer("data.order_chunk", in<data, &D::order_chunk>, 1, kMaxCount,
                               "olmo_core_order: so many sequences of a shard stay together")));
  rows.push_back(ranges("data.skip_batches", in<data, &D::skip_batches>,
                        "half-open ranges of batches of the order that are passed over"));
  rows.push_back(omitting_default(boolean("data.mask_documents", in<data, &D::mask_documents>,
                                          "attention stays within a document")));
  rows.push_back(omitting_default(
      integer("data.repetition_max_period", in<data, &D::repetition_max_period>, 0, 1024,
              "longest repeated span the loss filter looks for; 0: no filter")));
  rows.push_back(
      omitting_default(integer("data.repetition_min_period", in<data, &D::repetition_min_period>, 1,
                               1024, "shortest repeated span the loss filter looks for")));
  rows.push_back(omitting_default(
      integer("data.repetition_max_count", in<data, &D::repetition_max_count>, 3, kMaxCount,
              "a sequence with so many repeats of a span is left out of the loss")));
  rows.push_back(running(
      text("data.source", in<data, &D::source>, "file or folder used where train has no --data")));
}

void add_train_rows(std::vector<KeyRow>& rows) {
  using T = TrainConfig;
  constexpr auto train = &Config::train;
  rows.push_back(integer("train.seed", in<train, &T::seed>, 0, INT64_MAX,
                         "key of initialisation and data order"));
  rows.push_back(required(integer("train.steps", in<train, &T::steps>, 1, kMaxSteps,
                                  "horizon of the schedule, in updates")));
  rows.push_back(required(
      integer("train.batch_size", in<train, &T::batch_size>, 1, kMaxCount, "sequences a step")));
  rows.push_back(integer("train.grad_group", in<train, &T::grad_group>, 0, kMaxTerms,
                         "tokens of a gradient group; 0: one sequence"));
  rows.push_back(integer("train.gradient_unit", in<train, &T::gradient_unit>, 8, 48,
                         "u: gradients count in units of 2^-u"));
  rows.push_back(decimal("train.clip_norm", in<train, &T::clip_norm>, 0, 1e30,
                         "global gradient norm is clipped to this; 0: no clipping"));
  rows.push_back(decimal("loss.z_loss", in<&Config::loss, &LossConfig::z_loss>, 0, 1000,
                         "weight of the squared log-normaliser"));
  rows.push_back(
      omitting_default(one_of("loss.denominator", in<&Config::loss, &LossConfig::denominator>,
                              {"targets", "positions"}, "what a step's loss is divided by")));
}

void add_optimizer_rows(std::vector<KeyRow>& rows) {
  using O = OptimizerConfig;
  using S = ScheduleConfig;
  constexpr auto optimizer = &Config::optimizer;
  constexpr auto schedule = &Config::schedule;
  rows.push_back(one_of("optimizer.name", in<optimizer, &O::name>, {"adamw", "skip_step_adamw"},
                        "update rule"));
  rows.push_back(required(decimal("optimizer.learning_rate", in<optimizer, &O::learning_rate>, 0,
                                  1000, "peak learning rate")));
  rows.push_back(
      fraction("optimizer.beta1", in<optimizer, &O::beta1>, "decay of the first moment"));
  rows.push_back(
      fraction("optimizer.beta2", in<optimizer, &O::beta2>, "decay of the second moment"));
  rows.push_back(decimal("optimizer.epsilon", in<optimizer, &O::epsilon>, 1e-30, 1,
                         "added to the root of the second moment"));
  rows.push_back(decimal("optimizer.weight_decay", in<optimizer, &O::weight_decay>, 0, 1000,
                         "decoupled weight decay"));
  rows.push_back(boolean("optimizer.decay_embeddings", in<optimizer, &O::decay_embeddings>,
                         "weight decay of the embedding"));
  rows.push_back(boolean("optimizer.decay_norms", in<optimizer, &O::decay_norms>,
                         "weight decay of norm gains"));
  rows.push_back(omitting_default(
      integer("optimizer.skip_window", in<optimizer, &O::skip_window>, 2, 65536,
              "skip_step_adamw: so many losses and gradient norms are looked back on")));
  rows.push_back(omitting_default(
      decimal("optimizer.skip_sigma", in<optimizer, &O::skip_sigma>, 0, 1000,
              "skip_step_adamw: an update further from the mean, in deviations, is left out")));
  rows.push_back(omitting_default(
      boolean("optimizer.count_steps", in<optimizer, &O::count_steps>,
              "skip_step_adamw: false, and the bias correction stays that of the first step")));
  rows.push_back(one_of("schedule.name", in<schedule, &S::name>,
                        {"cosine", "linear", "constant", "olmo_cosine"},
                        "learning rate after the warm-up; olmo_cosine: in tokens, as OLMo's "
                        "trainer has it"));
  rows.push_back(integer("schedule.warmup_steps", in<schedule, &S::warmup_steps>, 0, kMaxSteps,
                         "updates of linear warm-up"));
  rows.push_back(omitting_default(integer("schedule.warmup_tokens", in<schedule, &S::warmup_tokens>,
                                          0, kMaxTokens, "olmo_cosine: tokens of linear warm-up")));
  rows.push_back(omitting_default(integer("schedule.total_tokens", in<schedule, &S::total_tokens>,
                                          0, kMaxTokens, "olmo_cosine: tokens until its end")));
  rows.push_back(decimal("schedule.final_fraction", in<schedule, &S::final_fraction>, 0, 1,
                         "last learning rate as a fraction of the peak"));
  rows.push_back(omitting_default(
      integer("schedule.start", in<schedule, &S::start>, 0, kMaxSteps,
              "updates done before the schedule begins, where a run goes on from another")));
}

void add_eval_and_run_rows(std::vector<KeyRow>& rows) {
  using E = EvalConfig;
  using R = RunConfig;
  constexpr auto eval = &Config::eval;
  constexpr auto run = &Config::run;
  rows.push_back(integer("eval.every", in<eval, &E::every>, 0, kMaxSteps,
                         "steps between evaluations on held-out text and tasks; 0: never"));
  rows.push_back(integer("eval.max_instances", in<eval, &E::max_instances>, 1, kMaxSteps,
                         "at most so many held-out instances, the first in order"));
  rows.push_back(omitting_default(
      text("eval.tasks", in<eval, &E::tasks>,
           "files of tasks to evaluate on (docs/eval.md), with spaces between them")));
  rows.push_back(
      running(integer("run.checkpoint_every", in<run, &R::checkpoint_every>, 0, kMaxSteps,
                      "steps between checkpoints; 0: at the end and on a signal")));
  rows.push_back(running(integer("run.digest_every", in<run, &R::digest_every>, 1, kMaxSteps,
                                 "roots stand in the log at every k-th step")));
  rows.push_back(running(
      integer("run.threads", in<run, &R::threads>, 0, 4096, "threads; 0: the usable cores")));
  rows.push_back(running(integer("run.micro_batch", in<run, &R::micro_batch>, 0, kMaxCount,
                                 "sequences computed at a time; 0: one")));
  rows.push_back(
      running(integer("run.ranks", in<run, &R::ranks>, 1, kMaxCount, "processes of the training")));
  rows.push_back(running(omitting_default(
      boolean("run.recompute", in<run, &R::recompute>,
              "keep of each layer only its input: less memory, a second forward"))));
  rows.push_back(running(one_of("run.kernels", in<run, &R::kernels>,
                                {"auto", "scalar", "avx2", "avx512", "amx", "neon", "fp64"},
                                "kernel path; auto: the fastest this machine has")));
  rows.push_back(
      running(one_of("run.device", in<run, &R::device>, {"cpu", "cuda"}, "where to compute")));
}

std::vector<KeyRow> make_rows() {
  std::vector<KeyRow> rows;
  rows.push_back(label(text("name", top<&Config::name>, "label of the recipe")));
  rows.push_back(one_of("profile", top<&Config::profile>, {"exact", "native"},
                        "arithmetic: exact/1, or the vendor's float kernels"));
  rows.push_back(omitting_default(
      one_of("native.dtype", in<&Config::native, &NativeConfig::dtype>, {"fp32", "bf16"},
             "operands of products and attention in the native profile")));
  add_model_rows(rows);
  add_data_rows(rows);
  add_train_rows(rows);
  add_optimizer_rows(rows);
  add_eval_and_run_rows(rows);
  std::sort(rows.begin(), rows.end(),
            [](const KeyRow& a, const KeyRow& b) { return a.key.path < b.key.path; });
  return rows;
}

}  // namespace

const std::vector<KeyRow>& key_rows() {
  static const std::vector<KeyRow> rows = make_rows();
  return rows;
}

const KeyRow* find_key_row(std::string_view path) {
  const auto& rows = key_rows();
  const auto found =
      std::lower_bound(rows.begin(), rows.end(), path,
                       [](const KeyRow& row, std::string_view p) { return row.key.path < p; });
  return found != rows.end() && found->key.path == path ? &*found : nullptr;
}

const std::vector<std::string>& key_sections() {
  static const std::vector<std::string> sections = [] {
    std::vector<std::string> names;
    for (const KeyRow& row : key_rows()) {
      const std::size_t dot = row.key.path.find('.');
      if (dot == std::string::npos) continue;
      std::string section = row.key.path.substr(0, dot);
      if (names.empty() || names.back() != section) names.push_back(std::move(section));
    }
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    return names;
  }();
  return sections;
}

bool is_key_section(std::string_view path) {
  const auto& sections = key_sections();
  return std::find(sections.begin(), sections.end(), path) != sections.end();
}

const std::vector<ConfigKey>& config_keys() {
  static const std::vector<ConfigKey> keys = [] {
    std::vector<ConfigKey> list;
    for (const KeyRow& row : key_rows()) list.push_back(row.key);
    return list;
  }();
  return keys;
}

}  // namespace repro::manifests

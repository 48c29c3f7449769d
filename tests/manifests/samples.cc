#include "tests/manifests/samples.h"

#include "artifacts/base/environment.h"
#include "artifacts/base/file_system.h"
#include "manifests/model_shape.h"

namespace repro::manifests {
namespace {

std::string source_path(std::string_view path) {
  return join_path(find_environment("REPRO_SOURCE_DIR").value_or("."), path);
}

StateTensor make_tensor(std::string name, std::string dtype, std::vector<std::int64_t> shape,
                        int byte) {
  StateTensor tensor;
  tensor.name = std::move(name);
  tensor.dtype = std::move(dtype);
  tensor.shape = std::move(shape);
  tensor.root = sample_digest(byte);
  tensor.digest = sample_digest(byte + 1);
  tensor.size = tensor.dtype == "int64" ? 8 : 4;
  for (const std::int64_t extent : tensor.shape) tensor.size *= extent;
  return tensor;
}

Segment make_segment(const Config& config, std::int64_t first_step) {
  Segment segment;
  segment.first_step = first_step;
  segment.content.deciding = deciding_keys(config);
  segment.content.dataset_root = dataset_root(sample_dataset());
  segment.content.initial = first_step == 0 ? "init" : sample_digest(0x42).hex();
  segment.content.first_step = first_step;
  segment.content.operators = operators_of(config);
  segment.derivation = derivation_digest(segment.content);
  segment.config = sha256(encode_config(config));
  segment.dataset = sha256(encode_dataset(sample_dataset()));
  return segment;
}

}  // namespace

Digest sample_digest(int byte) {
  Digest digest;
  digest.bytes.fill(static_cast<std::uint8_t>(byte));
  return digest;
}

Config sample_config() {
  Config config;
  config.name = "sample";
  config.model.hidden_size = 16;
  config.model.num_layers = 2;
  config.model.num_heads = 4;
  config.model.num_kv_heads = 2;
  config.model.intermediate_size = 24;
  config.model.vocab_size = 258;
  config.data.sequence_length = 32;
  config.data.skip_batches = {{3, 5}, {9, 10}};
  config.train.seed = 7;
  config.train.steps = 40;
  config.train.batch_size = 2;
  config.optimizer.learning_rate = 0.003;
  config.schedule.warmup_steps = 4;
  config.eval.every = 10;
  config.run.checkpoint_every = 20;
  return config;
}

ImportedLog sample_imported_log() {
  return {"csv", sample_digest(0x71), 9000, sample_digest(0x72), 40, 2, 1, 3};
}

std::string sample_yaml() {
  return R"(# a comment
name: sample
model:
  hidden_size: 16
  num_layers: 2
  num_heads: 4
  num_kv_heads: 2
  intermediate_size: 24
  vocab_size: 258
data:
  sequence_length: 32
  skip_batches: [[3, 5], [9, 10]]
train: {seed: 7, steps: 40, batch_size: 2}
optimizer:
  learning_rate: "3e-3"
schedule:
  warmup_steps: 4
eval:
  every: 10
run:
  checkpoint_every: 20
)";
}

Dataset sample_dataset() {
  Dataset dataset;
  dataset.vocab_size = 258;
  dataset.shards = {{sample_digest(0x11), 5000, sample_digest(0x12), 3},
                    {sample_digest(0x13), 120, sample_digest(0x14), 1}};
  dataset.name = "licences";
  dataset.sources = {{"a/GPL-3", sample_digest(0x15), 4990, 3},
                     {"b.txt", sample_digest(0x16), 118, 1}};
  dataset.skipped = {"a/GPL: symlink"};
  dataset.unigram_entropy = "3.0912";
  dataset.created = "2026-11-25T03:09:33Z";
  return dataset;
}

Dataset sample_bpe_dataset() {
  Dataset dataset = sample_dataset();
  dataset.tokenizer = "bpe/1";
  dataset.tokenizer_file = sample_digest(0x17);
  dataset.end_of_text = 256;
  return dataset;
}

Dataset sample_mixture() {
  Dataset dataset = sample_dataset();
  dataset.unigram_entropy = "";
  dataset.licence = "Apache-2.0 AND CC0-1.0";
  dataset.parts = {{"prose", sample_digest(0x18), 5000, 2500, "CC0-1.0"},
                   {"code", sample_digest(0x19), 120, 90000, "Apache-2.0"}};
  return dataset;
}

Evaluation sample_evaluation() {
  constexpr std::int64_t kNat = std::int64_t{1} << 30;
  Evaluation evaluation;
  evaluation.model = sample_digest(0x43);
  evaluation.task = sample_digest(0x1A);
  evaluation.tokenizer = "byte/1";
  evaluation.positions = 136;
  evaluation.items = {{{{-2 * kNat, 4, 4, 0}, {-7 * kNat, 4, 4, 0}}, 0},
                      {{{-3 * kNat, 4, 4, 0}, {-3 * kNat, 4, 4, 9}}, 1}};
  return evaluation;
}

Model sample_model() {
  Model model;
  model.name = "soup";
  model.created = "2026-11-28T10:00:00Z";
  model.model = sample_config().model;
  model.positions = 32;
  model.tokenizer = "bpe/1";
  model.tokenizer_file = sample_digest(0x74);
  model.end_of_text = 256;
  model.state = sample_digest(0x71);
  model.model_root = sample_digest(0x72);
  model.state_root = sample_digest(0x73);
  model.origin.operation = "merge/1";
  model.origin.settings = {{"formula", "exact"}};
  model.origin.parents = {
      {"a@40", sample_digest(0x70).hex(), "", 40, sample_digest(0x75), sample_digest(0x76)},
      {"base", "", sample_digest(0x79).hex(), 0, sample_digest(0x77), sample_digest(0x78)}};
  model.origin.files = {{"model.safetensors", sample_digest(0x7a), 4096}};
  return model;
}

State sample_state() {
  State state;
  state.step = 20;
  state.derivation = sample_digest(0x21);
  state.tensors = {make_tensor("exp_avg/model.norm.weight", "float32", {16}, 0x31),
                   make_tensor("model.embed_tokens.weight", "float32", {258, 16}, 0x33),
                   make_tensor("model.norm.weight", "float32", {16}, 0x35),
                   make_tensor("trainer/step", "int64", {1}, 0x37)};
  state.model_root = compute_model_root(state);
  state.state_root = compute_state_root(state);
  return state;
}

Run sample_run() {
  Run run;
  Config config = sample_config();
  run.segments.push_back(make_segment(config, 0));
  config.optimizer.learning_rate = 0.001;
  run.segments.push_back(make_segment(config, 20));
  run.segments.back().reason = "loss spike,\nlower the rate";
  run.segments.back().parent_state = sample_digest(0x41).hex();
  run.nonce = "00c0ffee";
  run.id = make_run_id(run.segments.front().derivation, run.nonce);
  run.name = "first";
  run.recipe = "sample";
  run.created = "2026-11-25T03:09:33Z";
  run.status = RunStatus::interrupted;
  run.step = 40;
  run.until = 60;
  run.states = {{20, sample_digest(0x41), sample_digest(0x43), sample_digest(0x42)},
                {40, sample_digest(0x44), sample_digest(0x46), sample_digest(0x45)}};
  run.log = {{{sample_digest(0x51), 9000, 22}, {sample_digest(0x52), 8000, 21}},
             sample_digest(0x53).hex(),
             43};
  run.telemetry = {{{sample_digest(0x54), 700, 4}}, sample_digest(0x55).hex(), 4};
  run.code.recipe_commit = "0123456789abcdef0123456789abcdef01234567";
  run.code.recipe_diff = sample_digest(0x61).hex();
  run.code.submodules = {{"third_party/data", "89abcdef0123456789abcdef0123456789abcdef"}};
  run.code.repro_version = "0.1.0";
  run.code.repro_commit = "76543210";
  run.code.build_id = "5f3a";
  return run;
}

RunSpec sample_spec() {
  RunSpec spec;
  spec.command = SpecCommand::replay;
  spec.store = "/home/ada/project/.repro";
  spec.run = sample_run();
  spec.published = sample_digest(0x71);
  spec.first = 5;
  spec.last = 9;
  spec.running.threads = 3;
  spec.running.recompute = true;
  spec.running.kernels = "scalar";
  return spec;
}

std::string read_source(std::string_view path) {
  return system_file_system().read_file(source_path(path));
}

std::string doc_block(std::string_view document, std::string_view name, std::string_view expected) {
  std::string text = read_source(document);
  const std::string mark = "<!-- " + std::string(name) + " -->\n```";
  const std::size_t begin = text.find(mark);
  if (begin == std::string::npos) return "no block " + std::string(name);
  const std::size_t first = text.find('\n', begin + mark.size()) + 1;
  const std::size_t last = text.find("\n```", first - 1) + 1;
  if (find_environment("REPRO_UPDATE_DOCS")) {
    text.replace(first, last - first, std::string(expected));
    system_file_system().write_file_atomically(source_path(document), text);
    return std::string(expected);
  }
  return text.substr(first, last - first);
}

}  // namespace repro::manifests

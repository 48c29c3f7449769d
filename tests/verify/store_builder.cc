#include "tests/verify/store_builder.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <nlohmann/json.hpp>
#include <span>

#include "artifacts/base/merkle.h"
#include "artifacts/base/number_text.h"
#include "logs/run_log.h"

namespace repro::verify_test {
namespace {

constexpr std::int64_t kRows = 4;
constexpr std::int64_t kColumns = 8;
constexpr const char* kWeights[] = {"lm_head.weight", "model.norm.weight"};

template <class T>
std::string bytes_of(const std::vector<T>& values) {
  const auto bytes = std::as_bytes(std::span(values));
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Closes a chain into pieces, as a writer does at checkpoints.
class LogBuilder {
 public:
  explicit LogBuilder(std::string genesis) : chain_(std::move(genesis)) {}
  void add(const Json& event) { open_ += chain_.append(event); }
  void close() {
    if (!open_.empty()) pieces_.push_back(std::move(open_));
    open_.clear();
    head_ = chain_.head();
  }
  const std::vector<std::string>& pieces() const { return pieces_; }
  const std::string& open() const { return open_; }
  const std::string& head() const { return head_; }

 private:
  logs::Chain chain_;
  std::string open_;
  std::string head_;
  std::vector<std::string> pieces_;
};

Json telemetry_of(std::int64_t step) {
  return {{"type", "step"},
          {"step", step},
          {"seconds", decimal_text(0.25 * static_cast<double>(step % 3 + 1))},
          {"tokens_per_second", "128"}};
}

}  // namespace

std::vector<float> built_weights(const std::string& tensor, const RunPlan& plan,
                                 std::int64_t step) {
  std::vector<float> values(kRows * kColumns);
  const float rate = std::stof(plan.learning_rate);
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<float>(tensor.size()) + static_cast<float>(i) * 0.125F -
                rate * static_cast<float>(step);
  }
  if (plan.differs_from > 0 && step >= plan.differs_from) {
    values[5] = std::bit_cast<float>(std::bit_cast<std::uint32_t>(values[5]) + 1);
  }
  return values;
}

StoreBuilder::StoreBuilder(const std::string& folder)
    : store_(artifacts::Store::init(system_file_system(), folder)) {}

Digest StoreBuilder::add_dataset(const std::string& name, std::int64_t num_tokens) {
  std::vector<std::uint16_t> tokens;
  for (std::int64_t i = 0; i < num_tokens; ++i) {
    tokens.push_back(static_cast<std::uint16_t>((i * 7) % 250));
  }
  const std::vector<std::uint64_t> ends = {static_cast<std::uint64_t>(num_tokens) / 3,
                                           static_cast<std::uint64_t>(num_tokens)};
  manifests::Dataset dataset;
  dataset.vocab_size = 257;
  dataset.name = name;
  dataset.unigram_entropy = "4.5";
  dataset.created = "2026-11-25T00:00:00Z";
  manifests::Shard shard;
  shard.tokens = store_.put(std::string_view(bytes_of(tokens))).digest;
  shard.num_tokens = num_tokens;
  shard.documents = store_.put(std::string_view(bytes_of(ends))).digest;
  shard.num_documents = 2;
  dataset.shards = {shard};
  const Digest manifest = store_.put(std::string_view(manifests::encode_dataset(dataset))).digest;
  store_.set_ref({"datasets", name, manifest});
  return manifest;
}

manifests::Config StoreBuilder::make_config(const RunPlan& plan) {
  manifests::Config config;
  config.name = "tiny";
  config.model.hidden_size = 8;
  config.model.num_layers = 1;
  config.model.num_heads = 2;
  config.model.num_kv_heads = 2;
  config.model.intermediate_size = 16;
  config.model.vocab_size = 257;
  config.data.sequence_length = 16;
  config.train.steps = 100;
  config.train.batch_size = 2;
  config.optimizer.learning_rate = *find_number(plan.learning_rate);
  config.run.threads = plan.threads;
  manifests::check_config(config);
  return config;
}

manifests::Segment StoreBuilder::make_segment(const RunPlan& plan) {
  const auto ref = store_.find_ref("datasets", "corpus");
  manifests::Segment segment;
  segment.dataset = ref ? ref->target : add_dataset("corpus");
  const manifests::Config config = make_config(plan);
  segment.config = store_.put(std::string_view(manifests::encode_config(config))).digest;
  segment.content.deciding = manifests::deciding_keys(config);
  segment.content.dataset_root =
      manifests::dataset_root(manifests::parse_dataset(store_.get(segment.dataset), "dataset"));
  segment.content.initial = "init";
  segment.content.operators = manifests::operators_of(config);
  segment.derivation = manifests::derivation_digest(segment.content);
  return segment;
}

manifests::State StoreBuilder::make_state(const manifests::Segment& segment, const RunPlan& plan,
                                          std::int64_t step, bool stored) {
  manifests::State state;
  state.step = step;
  state.derivation = segment.derivation;
  const auto add = [&](const std::string& name, const std::string& dtype,
                       const std::vector<std::int64_t>& shape, const std::string& bytes) {
    manifests::StateTensor tensor{name, dtype, shape, tensor_root(as_bytes(bytes)), {}, 0};
    tensor.digest = stored ? store_.put(std::string_view(bytes)).digest : sha256(bytes);
    tensor.size = static_cast<std::int64_t>(bytes.size());
    state.tensors.push_back(tensor);
  };
  for (const std::string name : kWeights) {
    std::vector<float> moment = built_weights(name, plan, step);
    for (float& value : moment) value *= 0.5F;
    add("exp_avg/" + name, "float32", {kRows, kColumns}, bytes_of(moment));
  }
  for (const std::string name : kWeights) {
    add(name, "float32", {kRows, kColumns}, bytes_of(built_weights(name, plan, step)));
  }
  add("trainer/step", "int64", {1}, bytes_of(std::vector<std::int64_t>{step}));
  state.model_root = manifests::compute_model_root(state);
  state.state_root = manifests::compute_state_root(state);
  return state;
}

manifests::LogSummary StoreBuilder::put_log(const std::vector<std::string>& pieces) {
  manifests::LogSummary summary;
  for (const std::string& piece : pieces) {
    const auto lines = static_cast<std::int64_t>(std::count(piece.begin(), piece.end(), '\n'));
    summary.pieces.push_back({store_.put(std::string_view(piece)).digest,
                              static_cast<std::int64_t>(piece.size()), lines});
    summary.lines += lines;
  }
  return summary;
}

BuiltRun StoreBuilder::add_run(const RunPlan& plan) {
  BuiltRun built;
  manifests::Run& run = built.run;
  run.segments = {make_segment(plan)};
  const manifests::Segment& segment = run.segments.front();
  run.name = plan.name;
  run.recipe = "tiny";
  run.created = "2026-11-25T00:00:00Z";
  run.status = plan.status;
  run.step = plan.steps;
  run.until = plan.steps + plan.tail_steps;
  run.nonce = plan.nonce;
  run.id = manifests::make_run_id(segment.derivation, plan.nonce);
  LogBuilder log(logs::genesis(logs::kLogSchema, segment.derivation.hex()));
  LogBuilder telemetry(logs::genesis(logs::kTelemetrySchema, run.id));
  const manifests::State first = make_state(segment, plan, 0, false);
  log.add(logs::encode_segment({0, segment.derivation, first.model_root, first.state_root}));
  for (std::int64_t step = 1; step <= plan.steps + plan.tail_steps; ++step) {
    const bool stored =
        step <= plan.steps && (step % plan.checkpoint_every == 0 || step == plan.steps);
    const manifests::State state = make_state(segment, plan, step, stored);
    logs::StepEvent event;
    event.step = step;
    event.tokens = 32;
    event.loss_sum =
        (std::int64_t{1} << 34) / step + (plan.differs_from > 0 && step > plan.differs_from);
    event.z_loss_sum = 17;
    event.grad_norm = 1.5;
    event.learning_rate = std::stof(plan.learning_rate);
    event.batch = sha256("batch " + std::to_string(step));
    event.model_root = state.model_root;
    event.state_root = state.state_root;
    event.skipped = step == plan.skipped;
    log.add(logs::encode_step(event));
    if (plan.telemetry) telemetry.add(telemetry_of(step));
    if (!stored) continue;
    const auto manifest = store_.put(std::string_view(manifests::encode_state(state)));
    run.states.push_back({step, manifest.digest, state.model_root, state.state_root});
    log.close();
    telemetry.close();
  }
  run.log = put_log(log.pieces());
  run.log.head = log.head();
  run.telemetry = put_log(telemetry.pieces());
  run.telemetry.head = plan.telemetry ? telemetry.head() : "";
  built.manifest = store_.put(std::string_view(manifests::encode_run(run))).digest;
  store_.set_ref({"runs", run.id, built.manifest});
  for (const std::string& piece : log.pieces()) built.log += piece;
  built.tail = log.open();
  const auto lock = store_.lock_run(run.id);  // makes the folder, as training does
  const auto write = [&](const std::string& name, const std::string& text) {
    system_file_system()
        .open(join_path(store_.run_folder(run.id), name), OpenMode::write)
        ->write(as_bytes(text));
  };
  write("log-tail.jsonl", log.open());
  write("telemetry-tail.jsonl", telemetry.open());
  return built;
}

void StoreBuilder::set_tag(const std::string& name, const Digest& target) {
  store_.set_ref({"tags", name, target});
}

}  // namespace repro::verify_test

#include "train/engine/trainer.h"

#include <algorithm>
#include <cmath>

#include "artifacts/base/error.h"
#include "train/data/order.h"
#include "train/engine/backends.h"
#include "train/engine/task_evaluation.h"
#include "train/optim/schedule.h"
#include "train/optim/skip_step.h"

namespace repro::train {
struct Trainer::Data {
  TokenStream stream;
  SampleOrder order;
  const artifacts::Store& store;
  std::optional<TaskEvaluation> tasks;  // read when they are needed
  bool is_complete = false;             // all shards were seen to be there

  Data(const manifests::Config& config, const artifacts::Store& from,
       const manifests::Dataset& dataset, const Machine& machine)
      : stream(from, dataset, machine.catalogue),
        order(plan_order(config, dataset), machine.orders),
        store(from) {}
};

Trainer::Trainer(const manifests::Config& config, const artifacts::Store& store,
                 const manifests::Dataset& dataset, const Machine& machine)
    : config_(config), machine_(machine), parameters_(config.model) {
  configure(store, dataset);
}

Trainer::~Trainer() = default;

void Trainer::configure(const artifacts::Store& store, const manifests::Dataset& dataset) {
  data_ = std::make_unique<Data>(config_, store, dataset, machine_);
  backend_.reset();  // first: a device need not hold two states
  backend_ = make_backend(config_, machine_, parameters_);
}

void Trainer::initialize() {
  parameters_.initialize(config_.model, static_cast<std::uint64_t>(config_.train.seed),
                         *machine_.parallel);
  cursor_ = {};
  backend_->refresh();
}

void Trainer::load(const artifacts::Store& store, const Digest& state_manifest) {
  cursor_ = load_state(store, state_manifest, parameters_, *machine_.parallel);
  backend_->refresh();
}

void Trainer::reconfigure(const manifests::Config& config, const artifacts::Store& store,
                          const manifests::Dataset& dataset) {
  backend_->fetch();
  config_ = config;
  configure(store, dataset);
  backend_->refresh();
}

const Parameters& Trainer::parameters() {
  backend_->fetch();
  return parameters_;
}

bool Trainer::leaves_parameters_alone() const { return backend_->leaves_parameters_alone(); }

std::string_view Trainer::kernels() const { return backend_->kernels(); }

std::int64_t Trainer::micro_batch() const {
  if (machine_.micro_batch > 0) return machine_.micro_batch;
  return std::max<std::int64_t>(1, backend_->micro_batch_tokens() / config_.data.sequence_length);
}

std::vector<RowRange> gradient_groups(std::int64_t sequences, std::int64_t length,
                                      std::int64_t group_tokens) {
  std::vector<RowRange> groups;
  const std::int64_t tokens = group_tokens == 0 ? length : group_tokens;
  if (tokens < length) {
    for (std::int64_t s = 0; s < sequences; ++s) {
      for (std::int64_t begin = 0; begin < length; begin += tokens) {
        groups.push_back({s * length + begin, s * length + std::min(length, begin + tokens)});
      }
    }
    return groups;
  }
  const std::int64_t whole = tokens / length;
  for (std::int64_t s = 0; s < sequences; s += whole) {
    groups.push_back({s * length, std::min(sequences, s + whole) * length});
  }
  return groups;
}

// The same sequences, each followed by masked positions, which join its last gradient group.
MicroBatch Trainer::padded(const MicroBatch& micro) {
  const std::int64_t padding = machine_.padding;
  if (padding == 0) return micro;
  REPRO_CHECK(config_.profile == "exact");
  MicroBatch result = micro;
  result.length = micro.length + padding;
  result.padding = padding;
  padded_ids_.clear();
  padded_begins_.clear();
  for (std::int64_t s = 0; s < micro.sequences; ++s) {
    const auto ids = micro.ids.subspan(static_cast<std::size_t>(s * micro.length),
                                       static_cast<std::size_t>(micro.length));
    padded_ids_.insert(padded_ids_.end(), ids.begin(), ids.end());
    padded_ids_.insert(padded_ids_.end(), static_cast<std::size_t>(padding), ids.front());
    if (micro.begins.empty()) continue;
    const auto begins = micro.begins.subspan(static_cast<std::size_t>(s * micro.length),
                                             static_cast<std::size_t>(micro.length));
    padded_begins_.insert(padded_begins_.end(), begins.begin(), begins.end());
    padded_begins_.insert(padded_begins_.end(), static_cast<std::size_t>(padding), begins.back());
  }
  result.ids = padded_ids_;
  result.begins = padded_begins_;
  for (RowRange& group : result.groups) {
    group.begin += group.begin / micro.length * padding;
    group.end += group.end / micro.length * padding;
  }
  return result;
}

// A micro-batch is a run of whole sequences that ends where a gradient group ends. Targets alone
// give a loss, so a sequence without loss gives no gradient.
LossSums Trainer::accumulate(const Batch& batch) {
  const auto sequences = static_cast<std::int64_t>(batch.samples.size());
  const std::int64_t length = batch.sequence_length;
  const std::vector<RowRange> groups = gradient_groups(sequences, length, config_.train.grad_group);
  const std::vector<bool> repetitive = batch.repetitive(RepetitionLimits::of(config_.data));
  LossSums sums;
  std::int64_t begin = 0;
  MicroBatch micro;
  for (const RowRange& group : groups) {
    micro.groups.push_back({group.begin - begin, group.end - begin});
    const bool last = group.end == sequences * length;
    const bool whole = group.end % length == 0;
    if (!last && !(whole && group.end - begin >= micro_batch() * length)) continue;
    micro.ids =
        std::span(batch.tokens)
            .subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(group.end - begin));
    micro.sequences = (group.end - begin) / length;
    micro.length = length;
    if (!batch.begins.empty()) {
      micro.begins =
          std::span(batch.begins).subspan(static_cast<std::size_t>(begin), micro.ids.size());
    }
    if (!repetitive.empty()) {
      const auto first = repetitive.begin() + begin / length;
      micro.without_loss.assign(first, first + micro.sequences);
    }
    sums += backend_->accumulate(padded(micro));
    micro.groups.clear();
    begin = group.end;
  }
  return sums;
}

// Before the first batch: a shard that is missing is said at once, not where the order comes to it.
void Trainer::check_data() {
  if (data_->is_complete) return;
  const auto missing = data_->stream.find_missing();
  if (!missing.empty()) {
    throw Error(Code::not_found, describe_missing(data_->stream.dataset(), missing),
                "put the files where they were, or add the data again; plans and the order of "
                "samples need no tokens");
  }
  data_->is_complete = true;
}

Batch Trainer::next_batch(std::int64_t index) {
  const TraceSpan span(machine_.parallel->trace(), "batch");
  check_data();
  Batch batch = read_batch(data_->stream, data_->order, index);
  for (const Sample& sample : batch.samples) add_begins(sample.first_token, batch.begins);
  return batch;
}

// Appends the documents of one sequence, where attention is to know them.
void Trainer::add_begins(std::int64_t first_token, std::vector<std::int32_t>& begins) {
  if (!config_.data.mask_documents) return;
  const std::vector<std::int32_t> row =
      document_begins(data_->stream, first_token, config_.data.sequence_length);
  begins.insert(begins.end(), row.begin(), row.end());
}

// Update `number`, or what skip_step_adamw makes of it: whether it was left out.
bool Trainer::update(std::int64_t number, const LossSums& sums, double norm) {
  const std::int64_t divisor = loss_divisor(config_, sums.targets);
  StepHistory& history = cursor_.history;
  bool skipped = false;
  if (config_.optimizer.name != "skip_step_adamw") {
    history = {};
  } else if (sums.targets > 0) {  // without a target there is no loss to compare or remember
    const double total = std::ldexp(static_cast<double>(sums.cross_entropy), -30);
    const float loss = history_value(total / static_cast<double>(divisor));
    const float size = history_value(norm);
    skipped = skips_update(config_.optimizer, history, loss, size);
    remember_step(config_.optimizer, loss, size, skipped, history);
  }
  if (!skipped) {
    backend_->update(update_constants(config_, number, divisor, history.skipped), norm);
  }
  return skipped;
}

logs::StepEvent Trainer::step(bool with_roots) {
  const std::int64_t index = data_->order.next_batch(cursor_.batch);
  const Batch batch = next_batch(index);
  const std::int64_t number = cursor_.step + 1;
  backend_->begin_step(number);
  const LossSums sums = accumulate(batch);
  logs::StepEvent event;
  event.step = number;
  event.tokens = sums.targets;
  event.loss_sum = sums.cross_entropy;
  event.z_loss_sum = sums.z_loss;
  event.learning_rate = static_cast<float>(learning_rate(config_, number));
  event.batch = batch.digest;
  event.grad_norm = backend_->gradient_norm(loss_divisor(config_, sums.targets));
  event.skipped = update(number, sums, event.grad_norm);
  cursor_.step = number;
  cursor_.batch = index + 1;
  if (with_roots) {
    const Roots roots = this->roots();
    event.model_root = roots.model;
    event.state_root = roots.state;
  }
  return event;
}

Roots Trainer::roots() {
  std::vector<std::vector<Digest>> leaves = backend_->leaves();
  if (leaves.empty()) return compute_roots(parameters(), cursor_, *machine_.parallel);
  const TraceSpan span(machine_.parallel->trace(), "roots");
  return compute_roots(parameters_, std::move(leaves), cursor_);
}

bool Trainer::evaluation_due() const {
  if (config_.eval.every == 0) return false;
  return cursor_.step % config_.eval.every == 0 || cursor_.step == config_.last_step();
}

void Trainer::prepare_evaluations() {
  if (!data_->tasks) data_->tasks.emplace(config_, data_->store, data_->stream.dataset());
}

std::vector<logs::EvaluationEvent> Trainer::evaluations(Peaks* peaks,
                                                        const std::function<void()>& poll) {
  std::vector<logs::EvaluationEvent> events;
  if (!evaluation_due()) return events;
  if (data_->order.num_held_out() > 0) events.emplace_back(evaluate(peaks));
  prepare_evaluations();
  if (data_->tasks->empty()) return events;
  const TraceSpan span(machine_.parallel->trace(), "tasks");
  for (logs::TaskEvent& event :
       data_->tasks->run(config_, machine_, parameters(), cursor_.step, poll)) {
    events.emplace_back(std::move(event));
  }
  return events;
}

logs::EvalEvent Trainer::evaluate(Peaks* peaks) {
  const std::int64_t instances = std::min(config_.eval.max_instances, data_->order.num_held_out());
  const std::int64_t length = config_.data.sequence_length;
  LossSums sums;
  for (std::int64_t begin = 0; begin < instances; begin += micro_batch()) {
    const std::int64_t end = std::min(instances, begin + micro_batch());
    std::vector<std::uint32_t> ids;
    std::vector<std::int32_t> begins;
    for (std::int64_t i = begin; i < end; ++i) {
      add_begins(data_->order.first_token(data_->order.held_out_instance(i)), begins);
      const std::vector<std::uint32_t> row = read_held_out(data_->stream, data_->order, i);
      ids.insert(ids.end(), row.begin(), row.end());
    }
    MicroBatch micro;
    micro.ids = ids;
    micro.begins = begins;
    micro.sequences = end - begin;
    micro.length = length;
    sums += backend_->evaluate(padded(micro), peaks);
  }
  logs::EvalEvent event;
  event.step = cursor_.step;
  event.tokens = sums.targets;
  event.loss_sum = sums.cross_entropy;
  event.correct = sums.correct;
  return event;
}

}  // namespace repro::train

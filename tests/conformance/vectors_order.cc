// Golden vectors of docs/order.md and of docs/formats.md, "Roots".
#include <algorithm>

#include "artifacts/base/merkle.h"
#include "manifests/state.h"
#include "tests/conformance/vector_file.h"
#include "tests/conformance/vector_inputs.h"
#include "train/data/order.h"
#include "train/data/repetition.h"
#include "train/data/token_file.h"

namespace repro::train {
namespace {

// --- order ---------------------------------------------------------------------------------------

OrderSpec order_spec(const Json& in) {
  OrderSpec spec;
  spec.shard_tokens = {get_one<std::int64_t>(in, "num_tokens")};
  spec.dataset_root = parse_digest(in.at("root").get<std::string>(), "root");
  spec.seed = get_one<std::int64_t>(in, "seed");
  spec.sequence_length = get_one<std::int64_t>(in, "sequence_length");
  spec.holdout_every = get_one<std::int64_t>(in, "holdout_every");
  spec.batch_size = get_one<std::int64_t>(in, "batch_size");
  const auto ends = get<std::int64_t>(in, "skip_batches");
  for (std::size_t i = 0; i + 1 < ends.size(); i += 2) {
    spec.skip_batches.emplace_back(ends[i], ends[i + 1]);
  }
  return spec;
}

Json order_of(const Context&, const Json& in) {
  const SampleOrder order(order_spec(in));
  auto cursor = get_one<std::int64_t>(in, "cursor");
  const auto updates = get_one<std::int64_t>(in, "updates");
  std::vector<std::int64_t> batches, epochs, instances, first_tokens, held_out;
  for (std::int64_t update = 0; update < updates; ++update) {
    batches.push_back(order.next_batch(cursor));
    cursor = batches.back() + 1;
    for (const Sample& sample : order.batch(batches.back())) {
      epochs.push_back(sample.epoch);
      instances.push_back(sample.instance);
      first_tokens.push_back(sample.first_token);
    }
  }
  for (std::int64_t i = 0; i < std::min<std::int64_t>(8, order.num_held_out()); ++i) {
    held_out.push_back(order.held_out_instance(i));
  }
  const Shape shape = {updates, order.spec().batch_size};
  return {{"batches", integers(batches)},
          {"epochs", integers(epochs, shape)},
          {"instances", integers(instances, shape)},
          {"first_tokens", integers(first_tokens, shape)},
          {"cursor", scalar(cursor)},
          {"held_out", integers(held_out)}};
}

Json olmo_order_of(const Context&, const Json& in) {
  OrderSpec spec;
  spec.name = in.at("order").get<std::string>();
  spec.chunk = get_one<std::int64_t>(in, "chunk");
  spec.shard_tokens = get<std::int64_t>(in, "shard_tokens");
  spec.seed = get_one<std::int64_t>(in, "seed");
  spec.sequence_length = get_one<std::int64_t>(in, "sequence_length");
  spec.holdout_every = get_one<std::int64_t>(in, "holdout_every");
  spec.batch_size = get_one<std::int64_t>(in, "batch_size");
  const SampleOrder order(spec);
  const auto batches = get<std::int64_t>(in, "batches");
  std::vector<std::int64_t> epochs, instances, first_tokens;
  for (const std::int64_t batch : batches) {
    for (const Sample& sample : order.batch(batch)) {
      epochs.push_back(sample.epoch);
      instances.push_back(sample.instance);
      first_tokens.push_back(sample.first_token);
    }
  }
  const Shape shape = {static_cast<std::int64_t>(batches.size()), spec.batch_size};
  return {{"epochs", integers(epochs, shape)},
          {"instances", integers(instances, shape)},
          {"first_tokens", integers(first_tokens, shape)}};
}

Json digest_of_batch(const Context&, const Json& in) {
  return {{"digest", token_digest(get<std::uint32_t>(in, "ids")).hex()}};
}

Json repetitive(const Context&, const Json& in) {
  const RepetitionLimits limits = {get_one<std::int64_t>(in, "min_period"),
                                   get_one<std::int64_t>(in, "max_period"),
                                   get_one<std::int64_t>(in, "max_count")};
  const bool found = is_repetitive(get<std::uint32_t>(in, "ids"), limits);
  return {{"repetitive", scalar(std::int64_t{found ? 1 : 0})}};
}

// `count` times the ids 0 ... period - 1 after three others, and `rest` more of them.
void add_repetition(std::vector<Case>& cases, std::uint32_t period, std::uint32_t count,
                    std::uint32_t rest, const RepetitionLimits& limits) {
  std::vector<std::uint32_t> ids = {70, 71, 72};
  for (std::uint32_t i = 0; i < period * count + rest; ++i) ids.push_back(i % period);
  ids.insert(ids.end(), {73, 73, 74});
  const std::string name = std::to_string(count) + " times " + std::to_string(period) + " and " +
                           std::to_string(rest) + ", limits " + std::to_string(limits.min_period) +
                           ", " + std::to_string(limits.max_period) + ", " +
                           std::to_string(limits.max_count);
  cases.push_back({"repetitive",
                   name,
                   {{"ids", integers(ids)},
                    {"min_period", scalar(limits.min_period)},
                    {"max_period", scalar(limits.max_period)},
                    {"max_count", scalar(limits.max_count)}}});
}

void add_repetition_cases(std::vector<Case>& cases) {
  const RepetitionLimits released;
  for (const std::uint32_t period : {1U, 4U, 13U, 14U}) {
    add_repetition(cases, period, 31, period - 1, released);
    add_repetition(cases, period, 32, 0, released);
  }
  add_repetition(cases, 1, 64, 0, {2, 13, 32});  // also 32 times a period of two
  add_repetition(cases, 1, 63, 0, {2, 13, 32});
  add_repetition(cases, 5, 3, 0, {1, 1024, 3});  // a third of 21 ids
  add_repetition(cases, 6, 3, 0, {1, 1024, 3});
  add_repetition(cases, 7, 3, 0, {1, 7, 3});
  add_repetition(cases, 7, 3, 0, {8, 9, 3});
  add_repetition(cases, 2, 40, 0, {1, 0, 3});  // no filter
}

Json order_in(std::int64_t num_tokens, std::int64_t seed, std::int64_t sequence_length,
              std::int64_t holdout_every, std::int64_t batch_size) {
  return {{"num_tokens", scalar(num_tokens)},
          {"root", sha256("a dataset").hex()},
          {"seed", scalar(seed)},
          {"sequence_length", scalar(sequence_length)},
          {"holdout_every", scalar(holdout_every)},
          {"batch_size", scalar(batch_size)},
          {"skip_batches", integers(std::vector<std::int64_t>{}, {0, 2})},
          {"cursor", scalar(std::int64_t{0})},
          {"updates", scalar(std::int64_t{6})}};
}

Json olmo_order_in(const char* order, std::int64_t chunk, std::int64_t seed,
                   const std::vector<std::int64_t>& batches) {
  return {{"order", order},
          {"chunk", scalar(chunk)},
          {"shard_tokens", integers(std::vector<std::int64_t>{1234, 7, 80, 4099, 1234, 88})},
          {"seed", scalar(seed)},
          {"sequence_length", scalar(std::int64_t{8})},
          {"holdout_every", scalar(std::int64_t{0})},
          {"batch_size", scalar(std::int64_t{6})},
          {"batches", integers(batches)}};
}

void add_olmo_cases(std::vector<Case>& cases) {
  const std::vector<std::int64_t> batches = {0, 1, 139, 140, 141, 300};
  cases.push_back({"olmo_order", "1B, 7B, 13B", olmo_order_in("olmo_order", 1, 6198, batches)});
  cases.push_back({"olmo_order", "32B", olmo_order_in("olmo_core_order", 2, 34521, batches)});
  cases.push_back({"olmo_order", "no chunks", olmo_order_in("olmo_core_order", 1, 42, batches)});
  cases.push_back({"olmo_order", "a seed of two words",
                   olmo_order_in("olmo_order", 1, std::int64_t{3} << 40, batches)});
  Json in = olmo_order_in("olmo_core_order", 4, 7, batches);
  in["holdout_every"] = scalar(std::int64_t{20});
  cases.push_back({"olmo_order", "held out and in chunks", in});
}

std::vector<Case> order_cases() {
  std::vector<Case> cases;
  add_olmo_cases(cases);
  cases.push_back({"order", "three epochs", order_in(103, 1, 10, 4, 3)});
  cases.push_back({"order", "nothing held out", order_in(103, 1, 10, 0, 4)});
  cases.push_back({"order", "another seed", order_in(103, 2, 10, 4, 3)});
  cases.push_back({"order", "a batch longer than an epoch", order_in(47, 7, 10, 2, 5)});
  cases.push_back({"order", "one instance", order_in(12, 7, 10, 0, 2)});
  cases.push_back({"order", "large", order_in(std::int64_t{1} << 45, INT64_MAX, 4096, 20, 4)});
  Json in = order_in(300283, 1, 136, 20, 4);
  in["skip_batches"] = integers(std::vector<std::int64_t>{1001, 1003, 1004, 1005}, {2, 2});
  in["cursor"] = scalar(std::int64_t{1000});
  cases.push_back({"order", "skipped batches, later epochs", in});
  cases.push_back({"batch_digest", "no ids", {{"ids", integers(std::vector<std::uint32_t>{})}}});
  cases.push_back({"batch_digest",
                   "of every size",
                   {{"ids", integers(std::vector<std::uint32_t>{0, 255, 256, 65536, 4194303})}}});
  add_repetition_cases(cases);
  return cases;
}

// --- roots ---------------------------------------------------------------------------------------

Json root_of_tensor(const Context&, const Json& in) {
  std::string bytes;
  const auto length = get_one<std::int64_t>(in, "length");
  for (std::int64_t i = 0; i < length; ++i) {
    bytes += static_cast<char>((167 * i + 13 * (i / 256) + 5) % 256);
  }
  return {{"root", tensor_root(as_bytes(bytes)).hex()}};
}

manifests::StateTensor state_tensor(const std::string& name, const Json& in) {
  manifests::StateTensor tensor;
  tensor.name = name;
  tensor.shape = shape_of(in, name);
  if (in.at(name).at("dtype") == "f32") {
    tensor.dtype = "float32";
    const auto values = get_floats(in, name);
    tensor.root = tensor_root(std::as_bytes(std::span(values)));
  } else {
    tensor.dtype = "int64";
    const auto values = get<std::int64_t>(in, name);
    tensor.root = tensor_root(std::as_bytes(std::span(values)));
  }
  return tensor;
}

Json roots_of_state(const Context&, const Json& in) {
  manifests::State state;
  for (const auto& item : in.items()) state.tensors.push_back(state_tensor(item.key(), in));
  return {{"model_root", manifests::compute_model_root(state).hex()},
          {"state_root", manifests::compute_state_root(state).hex()}};
}

std::vector<Case> root_cases() {
  std::vector<Case> cases;
  for (const std::int64_t length :
       {0, 1, 65535, 65536, 65537, 131072, 131073, 196608, 458752, 500000}) {
    cases.push_back(
        {"tensor_root", std::to_string(length) + " bytes", {{"length", scalar(length)}}});
  }
  Inputs inputs("roots");
  Json in;
  for (const char* name :
       {"lm_head.weight", "model.norm.weight", "model.layers.10.x", "model.layers.9.x", "Z",
        "model-x", "model.layers.1.mlp.up_proj.weight"}) {
    const Shape shape = {2, 1 + inputs.below(4)};
    for (const char* prefix : {"", "exp_avg/", "exp_avg_sq/"}) {
      in[prefix + std::string(name)] = floats(inputs.floats(Kind::zeros, 2 * shape[1]), shape);
    }
  }
  in["trainer/step"] = integers(std::vector<std::int64_t>{3});
  in["trainer/batch"] = integers(std::vector<std::int64_t>{(std::int64_t{1} << 40) + 1});
  cases.push_back({"state_roots", "names in bytewise order", in});
  cases.push_back({"state_roots", "one weight", {{"w", floats({0.0F, -0.0F})}}});
  cases.push_back({"state_roots", "an empty weight", {{"w", floats({}, {0, 3})}}});
  return cases;
}

}  // namespace

Group order_group() {
  return {"order",
          {{"order", order_of},
           {"olmo_order", olmo_order_of},
           {"batch_digest", digest_of_batch},
           {"repetitive", repetitive}},
          order_cases};
}

Group root_group() {
  return {"roots", {{"tensor_root", root_of_tensor}, {"state_roots", roots_of_state}}, root_cases};
}

}  // namespace repro::train

// Times exact products and training steps on a device: one JSON object a line on standard output.
//
//   device_bench [--emulated] [gemm N | train SHAPE MICRO_BATCH MICRO_BATCHES | roots SHAPE |
//                              plan SHAPE MICRO_BATCH] ...
//
// "top_s" counts 2 * n^3 operations of a float product over wall time, quantisation of the left
// operand (or of both) and its split included. "model_tflop_s" is flops_per_token times tokens over
// the time of a whole step. SHAPE: 1b (the shape of OLMo 2 1B), 190m, tiny.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "artifacts/base/error.h"
#include "artifacts/base/number_text.h"
#include "manifests/model_shape.h"
#include "tests/train/device/emulated_device.h"
#include "train/device/attention_memory.h"
#include "train/device/linear.h"
#include "train/device/load_cuda.h"
#include "train/models/olmo2_device.h"
#include "train/models/olmo2_layers.h"
#include "train/optim/schedule.h"

namespace repro::train {
namespace {

using MakeDevice = std::function<std::unique_ptr<Device>()>;

double seconds_of(const std::function<void()>& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

// The best of several runs: other programs only ever make a run slower.
double best_seconds(int runs, const std::function<void()>& work) {
  work();
  double best = seconds_of(work);
  for (int i = 1; i < runs; ++i) best = std::min(best, seconds_of(work));
  return best;
}

std::vector<float> normal_values(std::int64_t count) {
  std::mt19937_64 random(1);
  std::normal_distribution<float> normal;
  std::vector<float> values(static_cast<std::size_t>(std::min<std::int64_t>(count, 1 << 20)));
  for (float& value : values) value = normal(random);
  std::vector<float> all;
  while (static_cast<std::int64_t>(all.size()) < count) {
    all.insert(all.end(), values.begin(), values.end());
  }
  all.resize(static_cast<std::size_t>(count));
  return all;
}

void bench_gemm(Device& device, std::int64_t n) {
  DeviceContext context(device, std::int64_t{4} << 30);
  DeviceArray<float> x(device);
  DeviceArray<float> y(device, n * n);
  x.upload(normal_values(n * n));
  DeviceArray<std::int16_t> digits(device);
  DeviceWeight weight(device);
  DeviceQuantized quantized(device);
  const auto prepare = [&] { prepare_weight(context, "w", x.data(), n, n, 0, digits, weight); };
  const auto multiply = [&] { linear(context, "x", x.data(), n, weight, quantized, y.data()); };
  prepare();
  const double left = best_seconds(5, [&] {
    multiply();
    device.wait();
  });
  const double both = best_seconds(5, [&] {
    prepare();
    multiply();
    device.wait();
  });
  context.faults.check();
  const double operations =
      2.0 * static_cast<double>(n) * static_cast<double>(n) * static_cast<double>(n) * 1e-12;
  std::printf(
      "{\"bench\": \"gemm\", \"n\": %lld, \"seconds\": %s, \"top_s\": %s, "
      "\"top_s_both_quantised\": %s}\n",
      static_cast<long long>(n), decimal_text(left).c_str(),
      decimal_text(operations / left).c_str(), decimal_text(operations / both).c_str());
}

manifests::Config shape_of(const std::string& name) {
  manifests::Config config;
  manifests::ModelConfig& model = config.model;
  if (name == "1b") {  // 2 OLMo 2 Furious, arXiv 2501.00656; the released config.json
    model.hidden_size = 2048;
    model.num_layers = 16;
    model.num_heads = model.num_kv_heads = 16;
    model.intermediate_size = 8192;
    model.vocab_size = 100352;
    config.data.sequence_length = 4096;
  } else if (name == "190m") {
    model.hidden_size = 768;
    model.num_layers = 12;
    model.num_heads = model.num_kv_heads = 12;
    model.intermediate_size = 3072;
    model.vocab_size = 100352;
    config.data.sequence_length = 1024;
  } else if (name == "tiny") {
    model.hidden_size = 32;
    model.num_layers = 2;
    model.num_heads = model.num_kv_heads = 2;
    model.intermediate_size = 64;
    model.vocab_size = 259;
    config.data.sequence_length = 64;
  } else {
    throw Error(Code::invalid_argument, "no shape \"" + name + "\": 1b, 190m, tiny");
  }
  config.train.batch_size = 1;
  config.train.steps = 100;
  config.optimizer.learning_rate = 1e-4;
  return config;
}

// A model with its state on the device.
struct Model {
  manifests::Config config;
  Parameters parameters;
  std::unique_ptr<Backend> backend;

  Model(const std::string& shape, std::int64_t batch_size, const MakeDevice& make_device)
      : config(shape_of(shape)), parameters(config.model) {
    config.train.batch_size = batch_size;
    Parallel parallel(static_cast<int>(std::max(1U, std::thread::hardware_concurrency())));
    parameters.initialize(config.model, 1, parallel);
    backend = make_device_olmo2(config, make_device(), parameters);
    backend->refresh();
  }
};

struct Tokens {
  std::vector<std::uint32_t> ids;
  MicroBatch batch;

  Tokens(const manifests::Config& config, std::int64_t sequences) {
    std::mt19937 random(1);
    const std::int64_t length = config.data.sequence_length;
    for (std::int64_t i = 0; i < sequences * length; ++i) {
      ids.push_back(static_cast<std::uint32_t>(
          random() % static_cast<std::uint32_t>(config.model.vocab_size)));
    }
    batch.ids = ids;
    batch.sequences = sequences;
    batch.length = length;
    for (std::int64_t s = 0; s < sequences; ++s) {
      batch.groups.push_back({s * length, (s + 1) * length});
    }
  }
};

void bench_training(const MakeDevice& make_device, const std::string& shape,
                    std::int64_t micro_batch, std::int64_t micro_batches) {
  Model model(shape, micro_batch * micro_batches, make_device);
  const Tokens tokens(model.config, micro_batch);
  std::int64_t step = 0;
  double accumulating = 0;
  const auto one_step = [&] {
    model.backend->begin_step(++step);
    std::int64_t targets = 0;
    accumulating = seconds_of([&] {
      for (std::int64_t i = 0; i < micro_batches; ++i) {
        targets += model.backend->accumulate(tokens.batch).targets;
      }
    });
    model.backend->update(update_constants(model.config, step, targets),
                          model.backend->gradient_norm(targets));
  };
  const double seconds = best_seconds(2, one_step);
  const auto count = static_cast<double>(tokens.ids.size()) * static_cast<double>(micro_batches);
  const double flops =
      manifests::flops_per_token(model.config.model, model.config.data.sequence_length) * count;
  std::printf(
      "{\"bench\": \"train\", \"shape\": \"%s\", \"micro_batch\": %lld, \"tokens\": %s, "
      "\"seconds\": %s, \"update_seconds\": %s, \"tokens_s\": %s, \"model_tflop_s\": %s, "
      "\"device_bytes\": %lld}\n",
      shape.c_str(), static_cast<long long>(micro_batch), decimal_text(count).c_str(),
      decimal_text(seconds).c_str(), decimal_text(seconds - accumulating).c_str(),
      decimal_text(count / seconds).c_str(), decimal_text(flops / seconds * 1e-12).c_str(),
      static_cast<long long>(device_bytes(model.config, model.parameters, tokens.batch)));
}

// What training would hold; needs no device.
void print_plan(const std::string& shape, std::int64_t micro_batch) {
  const manifests::Config config = shape_of(shape);
  Parameters layout(config.model);
  const Tokens tokens(config, micro_batch);
  const AttentionShape attention =
      step_shape(config.model, micro_batch, config.data.sequence_length).attention;
  std::printf(
      "{\"plan\": \"%s\", \"micro_batch\": %lld, \"parameters\": %lld, "
      "\"attention_bytes\": %lld, \"device_bytes\": %lld}\n",
      shape.c_str(), static_cast<long long>(micro_batch),
      static_cast<long long>(manifests::parameter_count(config.model)),
      static_cast<long long>(attention_bytes(attention, DeviceTiles().queries)),
      static_cast<long long>(device_bytes(config, layout, tokens.batch)));
}

void bench_roots(const MakeDevice& make_device, const std::string& shape) {
  Model model(shape, 1, make_device);
  const double seconds = best_seconds(3, [&] {
    if (model.backend->leaves().empty()) throw Error(Code::internal, "no leaves on the device");
  });
  std::printf("{\"bench\": \"roots\", \"shape\": \"%s\", \"bytes\": %lld, \"seconds\": %s}\n",
              shape.c_str(),
              static_cast<long long>(manifests::checkpoint_bytes(model.config.model)),
              decimal_text(seconds).c_str());
}

std::int64_t number(const std::vector<std::string>& words, std::size_t index) {
  const auto value = index < words.size() ? find_integer(words[index]) : std::nullopt;
  if (!value || *value < 1) throw Error(Code::invalid_argument, "expected a number from 1");
  return *value;
}

void run(std::vector<std::string> words) {
  MakeDevice make_device = make_cuda_device;
  if (!words.empty() && words.front() == "--emulated") {
    make_device = [] { return std::make_unique<EmulatedDevice>(); };
    words.erase(words.begin());
  }
  const auto word = [&](std::size_t i) { return i < words.size() ? words[i] : std::string(); };
  for (std::size_t i = 0; i < words.size();) {
    if (words[i] == "gemm") {
      bench_gemm(*make_device(), number(words, i + 1));
      i += 2;
    } else if (words[i] == "train") {
      bench_training(make_device, word(i + 1), number(words, i + 2), number(words, i + 3));
      i += 4;
    } else if (words[i] == "plan") {
      print_plan(word(i + 1), number(words, i + 2));
      i += 3;
    } else if (words[i] == "roots") {
      bench_roots(make_device, word(i + 1));
      i += 2;
    } else {
      throw Error(Code::invalid_argument, "gemm, train, roots or plan, not \"" + words[i] + "\"");
    }
    std::fflush(stdout);
  }
}

}  // namespace
}  // namespace repro::train

int main(int argc, char** argv) {
  try {
    repro::train::run({argv + 1, argv + argc});
  } catch (const repro::Error& error) {
    std::fprintf(stderr, "device_bench: %s\n", error.what());
    return error.code() == repro::Code::environment ? 5 : 2;
  }
}

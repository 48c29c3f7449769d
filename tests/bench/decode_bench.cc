// Times inference at the shape of olmo2-17m: one JSON object per path and batch on standard output.
//
//   decode_bench [--threads N] [--runs R] [path ...]
//
// Prefill: 256 tokens of each sequence at once. Decode: then 64 tokens, one by one, each drawn at
// temperature 1 with its log-probability, as `repro generate` does. Tokens a second, of all
// sequences together; the best of R runs, because other programs only ever make a run slower.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "manifests/recipe.h"
#include "train/eval/sampling.h"
#include "train/kernels/paths.h"
#include "train/models/olmo2_decoder.h"

namespace repro::train {
namespace {

constexpr std::size_t kPrompt = 256;
constexpr std::size_t kNew = 64;

struct Rates {
  double prefill = 0;
  double decode = 0;
};

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

class Sequences {
 public:
  Sequences(LanguageModel& model, const RowKernels& rows, std::size_t count)
      : model_(model), rows_(rows), tokens_(count) {
    for (std::size_t i = 0; i < count; ++i) {
      handles_.push_back(model.open(kPrompt + kNew));
      for (std::size_t t = 0; t < kPrompt; ++t) {
        tokens_[i].push_back(static_cast<std::uint32_t>((t * 97 + i * 31) % 8192));
      }
    }
  }
  ~Sequences() {
    for (const std::int64_t handle : handles_) model_.close(handle);
  }
  Sequences(const Sequences&) = delete;
  Sequences& operator=(const Sequences&) = delete;

  // Gives all sequences their tokens and draws the next ones.
  void step() {
    std::vector<LanguageModel::Extension> batch;
    for (std::size_t i = 0; i < tokens_.size(); ++i) {
      batch.push_back({handles_[i], tokens_[i], LanguageModel::LogitsOf::last});
    }
    std::vector<std::uint32_t> drawn(tokens_.size());
    std::vector<float> log_probabilities(tokens_.size());
    model_.extend(batch, [&](std::size_t item, std::int64_t position, std::span<float> logits) {
      const std::uint64_t word = sampling_word(1, item, static_cast<std::uint64_t>(position) + 1);
      drawn[item] = choose_token(logits, {}, word);
      log_probabilities[item] = log_probability(rows_, logits, drawn[item]);
    });
    for (std::size_t i = 0; i < tokens_.size(); ++i) tokens_[i] = {drawn[i]};
  }

 private:
  LanguageModel& model_;
  const RowKernels& rows_;
  std::vector<std::int64_t> handles_;
  std::vector<std::vector<std::uint32_t>> tokens_;  // not yet seen
};

Rates best_rates(LanguageModel& model, const RowKernels& rows, std::size_t batch, int runs) {
  Rates best;
  const auto count = static_cast<double>(batch);
  for (int run = 0; run < runs; ++run) {
    Sequences sequences(model, rows, batch);
    auto start = std::chrono::steady_clock::now();
    sequences.step();
    best.prefill = std::max(best.prefill, count * kPrompt / seconds_since(start));
    start = std::chrono::steady_clock::now();
    for (std::size_t i = 1; i < kNew; ++i) sequences.step();
    best.decode = std::max(best.decode, count * (kNew - 1) / seconds_since(start));
  }
  return best;
}

int bench(int threads, int runs, const std::vector<std::string_view>& names) {
  const manifests::BuiltinRecipe* recipe = manifests::find_builtin_recipe("olmo2-17m");
  const manifests::RecipeLayer layer{"recipe.yaml", std::string(recipe->yaml)};
  const manifests::Config config = manifests::resolve_recipe({&layer, 1}, {});
  Parallel parallel(threads);
  Parameters parameters(config.model);
  parameters.initialize(config.model, 1, parallel);
  for (const KernelPath& path : available_paths()) {
    const bool wanted =
        names.empty() || std::find(names.begin(), names.end(), path.name) != names.end();
    if (!wanted) continue;
    const auto model = make_exact_olmo2_decoder(config, path, parallel, parameters);
    for (const std::size_t batch : {std::size_t{1}, std::size_t{8}}) {
      const Rates rates = best_rates(*model, *path.rows, batch, runs);
      std::printf(
          "{\"bench\":\"decode\",\"path\":\"%s\",\"threads\":%d,\"batch\":%zu,"
          "\"prefill_tokens_per_second\":%.1f,\"decode_tokens_per_second\":%.1f}\n",
          std::string(path.name).c_str(), threads, batch, rates.prefill, rates.decode);
      std::fflush(stdout);
    }
  }
  return 0;
}

}  // namespace
}  // namespace repro::train

int main(int argc, char** argv) {
  int threads = 2;
  int runs = 5;
  std::vector<std::string_view> names;
  for (int i = 1; i < argc; ++i) {
    const std::string_view arg = argv[i];
    if ((arg == "--threads" || arg == "--runs") && i + 1 < argc) {
      (arg == "--threads" ? threads : runs) = std::max(1, std::atoi(argv[++i]));
    } else {
      names.push_back(arg);
    }
  }
  return repro::train::bench(threads, runs, names);
}

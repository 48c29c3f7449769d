// The promise: the bits of a run are a function of recipe and data alone. Every built-in recipe's
// smoke size reaches its golden root on every thread count, kernel path and micro-batch, with and
// without padding and recomputed activations, straight and after stop-and-resume: every thread
// count x path x micro-batch for the first recipe, a pairwise covering array of all six for the
// others. REPRO_ONE_PER_PATH: a
// variant for each kernel path, for machines that are emulated.
#include <gtest/gtest.h>

#include <cstdio>
#include <nlohmann/json.hpp>
#include <set>
#include <tuple>

#include "artifacts/base/environment.h"
#include "artifacts/base/file_system.h"
#include "artifacts/base/json.h"
#include "manifests/dataset.h"
#include "manifests/recipe.h"
#include "tests/conformance/golden_roots.h"
#include "tests/conformance/smoke_run.h"
#include "tests/support/temporary_folder.h"
#include "train/kernels/paths.h"

namespace repro::train {
namespace {

const std::string kFullProductRecipe = "olmo2-tiny";
const std::vector<int> kThreads = {1, 2, 3, 7};
const std::vector<std::int64_t> kMicroBatches = {1, 2, 4};
const std::vector<std::int64_t> kPaddings = {0, 5};

std::vector<std::string> kernel_names() {
  std::vector<std::string> names;
  for (const KernelPath& path : available_paths()) names.emplace_back(path.name);
  return names;
}

// Resume points differ from variant to variant but are fixed: a test must be repeatable.
std::int64_t resume_point(std::size_t variant, std::int64_t steps) {
  return 1 + static_cast<std::int64_t>(variant * 37 + 11) % (steps - 1);
}

std::vector<Variant> full_product(std::int64_t steps) {
  std::vector<Variant> variants;
  const std::size_t per_thread_count = kernel_names().size() * kMicroBatches.size();
  for (int threads : kThreads) {
    for (const std::string& kernels : kernel_names()) {
      for (std::int64_t micro_batch : kMicroBatches) {
        Variant variant;
        variant.threads = threads;
        variant.kernels = kernels;
        variant.micro_batch = micro_batch;
        // Each path and micro-batch meets every combination of the two among the thread counts.
        const std::size_t mixed = variants.size() + variants.size() / per_thread_count;
        if (mixed % 2 == 1) variant.resume_at = resume_point(variants.size(), steps);
        variant.padding = kPaddings[mixed / 2 % kPaddings.size()];
        variant.recompute = mixed / 4 % 2 == 1;
        variants.push_back(variant);
      }
    }
  }
  return variants;
}

// Greedy: each row is the variant that covers most pairs of values not covered yet.
std::vector<Variant> pairwise(std::int64_t steps) {
  using Pair = std::tuple<int, std::string, int, std::string>;
  const auto pairs = [](const Variant& v) {
    const std::vector<std::string> values = {std::to_string(v.threads),
                                             v.kernels,
                                             std::to_string(v.micro_batch),
                                             std::to_string(v.padding),
                                             v.resume_at == 0 ? "straight" : "resumed",
                                             v.recompute ? "recomputed" : "kept"};
    std::set<Pair> set;
    for (int a = 0; a < 6; ++a) {
      for (int b = a + 1; b < 6; ++b) {
        set.insert(
            {a, values[static_cast<std::size_t>(a)], b, values[static_cast<std::size_t>(b)]});
      }
    }
    return set;
  };
  std::vector<Variant> candidates;
  for (const Variant& variant : full_product(steps)) {
    for (const std::int64_t padding : kPaddings) {
      for (int choice = 0; choice < 4; ++choice) {
        candidates.push_back(variant);
        candidates.back().padding = padding;
        candidates.back().recompute = choice / 2 == 1;
        candidates.back().resume_at = choice % 2 == 1 ? resume_point(candidates.size(), steps) : 0;
      }
    }
  }
  std::set<Pair> open;
  for (const Variant& variant : candidates) open.merge(pairs(variant));
  std::vector<Variant> chosen;
  while (!open.empty()) {
    const Variant* best = nullptr;
    std::size_t best_count = 0;
    for (const Variant& variant : candidates) {
      std::size_t count = 0;
      for (const Pair& pair : pairs(variant)) count += open.count(pair);
      if (count > best_count) {
        best = &variant;
        best_count = count;
      }
    }
    for (const Pair& pair : pairs(*best)) open.erase(pair);
    chosen.push_back(*best);
  }
  return chosen;
}

std::vector<Variant> one_per_path(std::int64_t steps) {
  std::vector<Variant> variants;
  for (const std::string& kernels : kernel_names()) {
    const std::size_t i = variants.size();
    Variant& variant = variants.emplace_back();
    variant.threads = kThreads[i % kThreads.size()];
    variant.kernels = kernels;
    variant.micro_batch = kMicroBatches[i % kMicroBatches.size()];
    variant.padding = kPaddings[i % kPaddings.size()];
    variant.recompute = i % 2 == 1;
    variant.resume_at = i == 1 ? resume_point(i, steps) : 0;
  }
  return variants;
}

class RecipeConformance : public testing::TestWithParam<std::string> {};

TEST_P(RecipeConformance, EveryVariantReachesTheGoldenRoot) {
  const std::string recipe = GetParam();
  const support::TemporaryFolder folder;
  artifacts::Store store = artifacts::Store::init(system_file_system(), folder.path() + "/.repro");
  const SmokeInputs inputs = smoke_inputs(recipe, store);
  const std::int64_t steps = inputs.config.train.steps;
  const std::string path = golden_path(recipe);
  if (find_environment("REPRO_WRITE_GOLDEN")) {
    const SmokeResult result = run_smoke(inputs, store, {});
    system_file_system().write_file_atomically(path, golden_of(inputs, result).dump(2) + "\n");
  }
  const Json golden = parse_json(system_file_system().read_file(path), path);
  const std::vector<Variant> variants = find_environment("REPRO_ONE_PER_PATH") ? one_per_path(steps)
                                        : recipe == kFullProductRecipe         ? full_product(steps)
                                                                               : pairwise(steps);
  for (const Variant& variant : variants) {
    const SmokeResult result = run_smoke(inputs, store, variant);
    ASSERT_EQ(golden_of(inputs, result), golden) << recipe << ": " << variant.text();
    EXPECT_LT(result.last_loss, result.first_loss);
  }
  std::printf("%s: %zu variants, one root %s\n", recipe.c_str(), variants.size(),
              golden.at("state").get<std::string>().c_str());
}

INSTANTIATE_TEST_SUITE_P(Recipes, RecipeConformance, testing::ValuesIn(recipe_names()),
                         [](const auto& recipe) { return test_name(recipe.param); });

}  // namespace
}  // namespace repro::train

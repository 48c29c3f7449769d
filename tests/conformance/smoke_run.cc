#include "tests/conformance/smoke_run.h"

#include <memory>
#include <nlohmann/json.hpp>
#include <vector>

#include "artifacts/base/clock.h"
#include "artifacts/base/digest.h"
#include "artifacts/base/error.h"
#include "artifacts/index/catalogue.h"
#include "logs/run_log.h"
#include "manifests/recipe_base.h"
#include "train/data/ingest.h"
#include "train/engine/trainer.h"

namespace repro::train {

namespace {

const char* name_of(Where where) { return where == Where::cpu ? "cpu" : "cuda"; }

manifests::Config config_on(const SmokeInputs& inputs, const Variant& variant, Where where) {
  manifests::Config config = inputs.config;
  config.run.device = name_of(where);
  config.run.recompute = variant.recompute;
  return config;
}

}  // namespace

std::string Variant::text() const {
  return "threads " + std::to_string(threads) + ", kernels " + kernels + ", micro-batch " +
         std::to_string(micro_batch) + ", padding " + std::to_string(padding) +
         (recompute ? ", recompute" : "") + ", resume at " + std::to_string(resume_at) +
         ", device " + name_of(begin) + " then " + name_of(end);
}

SmokeInputs smoke_inputs(const std::string& recipe, artifacts::Store& store,
                         const std::vector<manifests::Override>& overrides) {
  const manifests::BuiltinRecipe* builtin = manifests::find_builtin_recipe(recipe);
  REPRO_CHECK(builtin != nullptr);
  const auto layers = manifests::recipe_layers(manifests::found_builtin(*builtin), true,
                                               manifests::find_builtin_base);
  SmokeInputs inputs;
  inputs.config = manifests::resolve_recipe(layers, overrides);
  IngestSpec spec;
  spec.name = recipe;
  spec.paths = {inputs.config.data.source};
  spec.tokenizer = inputs.config.data.tokenizer;
  auto catalogue = artifacts::Catalogue::open(join_path(store.folder(), "index/catalogue.sqlite"));
  inputs.dataset = ingest(store, catalogue, system_clock(), spec).dataset;
  return inputs;
}

manifests::Dataset ingest_texts(const std::vector<std::string>& texts, artifacts::Store& store) {
  std::string all;
  for (const std::string& text : texts) all += text + '\0';
  const std::string folder = store.folder() + "-texts-" + sha256(all).short_hex();
  system_file_system().make_directories(folder);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const std::string number = std::to_string(1000 + i);
    system_file_system().write_file_atomically(join_path(folder, number), texts[i]);
  }
  IngestSpec spec;
  spec.name = "texts";
  spec.paths = {folder};
  spec.tokenizer = "byte";
  auto catalogue = artifacts::Catalogue::open(join_path(store.folder(), "index/catalogue.sqlite"));
  return ingest(store, catalogue, system_clock(), spec).dataset;
}

SmokeResult run_smoke(const SmokeInputs& inputs, artifacts::Store& store, const Variant& variant) {
  Parallel parallel(variant.threads);
  const Machine machine{&parallel, variant.kernels, variant.micro_batch, variant.padding,
                        variant.make_device};
  auto trainer = std::make_unique<Trainer>(config_on(inputs, variant, variant.begin), store,
                                           inputs.dataset, machine);
  trainer->initialize();
  logs::Chain chain(logs::genesis(logs::kLogSchema, "smoke"));
  SmokeResult result;
  while (trainer->cursor().step < inputs.config.train.steps) {
    const logs::StepEvent step = trainer->step(trainer->cursor().step % 10 == 9);
    chain.append(logs::encode_step(step));
    if (step.step == 1) result.first_loss = step.loss_sum;
    result.last_loss = step.loss_sum;
    for (const auto& event : trainer->evaluations()) chain.append(logs::encode_evaluation(event));
    if (step.step != variant.resume_at) continue;
    const SavedState saved =
        save_state(store, trainer->parameters(), trainer->cursor(), Digest{}, parallel);
    trainer = std::make_unique<Trainer>(config_on(inputs, variant, variant.end), store,
                                        inputs.dataset, machine);
    trainer->load(store, saved.manifest);
  }
  result.roots = trainer->roots();
  REPRO_CHECK(compute_roots(trainer->parameters(), trainer->cursor(), parallel).state ==
              result.roots.state);
  result.log_head = chain.head();
  return result;
}

}  // namespace repro::train

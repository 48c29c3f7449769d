// The golden runs of the conformance kit: the first steps of a recipe's smoke size, as it is and in
// the other forms of the model, with everything that another program needs to compute them
// (tests/golden/exact1/README.md, "Runs"). REPRO_WRITE_GOLDEN=1 writes the files anew.
#include <gtest/gtest.h>

#include <map>

#include "artifacts/base/environment.h"
#include "artifacts/base/file_system.h"
#include "artifacts/base/merkle.h"
#include "tests/conformance/smoke_run.h"
#include "tests/conformance/vector_file.h"
#include "tests/support/temporary_folder.h"
#include "train/data/batch.h"
#include "train/data/builtin.h"
#include "train/engine/trainer.h"
#include "train/eval/generate.h"
#include "train/eval/score.h"
#include "train/models/olmo2_decoder.h"

namespace repro::train {
namespace {

const std::string kRecipe = "olmo2-tiny";

struct RunFile {
  std::string name;
  std::int64_t steps = 0;
  std::int64_t prose_bytes = 0;  // of the data, where it is not `texts`
  std::vector<manifests::Override> overrides;
  std::vector<std::string> texts = {};
  bool infers = true;

  SmokeInputs inputs(artifacts::Store& store) const {
    SmokeInputs inputs = smoke_inputs(kRecipe, store, overrides);
    if (!texts.empty()) inputs.dataset = ingest_texts(texts, store);
    return inputs;
  }
  std::vector<std::string> documents() const {
    return texts.empty() ? make_prose(prose_bytes) : texts;
  }
};

// The last has sequences without loss, all positions as divisor, and updates that are skipped.
std::vector<RunFile> run_files() {
  const std::vector<std::string> prose = make_prose(kDefaultTextBytes);
  return {{"run-olmo2-tiny.json", 5, kDefaultTextBytes, {}},
          {"run-olmo2-tiny-forms.json",
           3,
           40'000,
           {{"data.source", "builtin:prose:40000"},
            {"model.norm", "pre"},
            {"model.qk_norm", "false"},
            {"model.init", "mitchell"},
            {"model.num_kv_heads", "1"}}},
          {"run-olmo2-tiny-masked.json",
           2,
           40'000,
           {{"data.source", "builtin:prose:40000"}, {"data.mask_documents", "true"}}},
          {"run-olmo2-skip.json",
           10,
           0,
           {{"data.sequence_length", "48"},
            {"data.repetition_max_period", "3"},
            {"data.repetition_max_count", "10"},
            {"loss.denominator", "positions"},
            {"optimizer.name", "skip_step_adamw"},
            {"optimizer.skip_window", "4"},
            {"optimizer.skip_sigma", "0.5"},
            {"train.grad_group", "96"}},
           {prose.at(0).substr(0, 900), std::string(300, 'a'), prose.at(1).substr(0, 900)},
           false}};
}

Json tensor_roots(const Parameters& parameters) {
  Json roots;
  const auto add = [&](const std::string& name, const Buffer<float>& buffer,
                       const Parameter& tensor) {
    const auto values = buffer.span().subspan(static_cast<std::size_t>(tensor.offset),
                                              static_cast<std::size_t>(tensor.count));
    roots[name] = tensor_root(std::as_bytes(values)).hex();
  };
  for (const Parameter& tensor : parameters.tensors) {
    add(tensor.name, parameters.weights, tensor);
    add("exp_avg/" + tensor.name, parameters.exp_avg, tensor);
    add("exp_avg_sq/" + tensor.name, parameters.exp_avg_sq, tensor);
  }
  return roots;
}

Json state_json(Trainer& trainer) {
  const Roots roots = compute_roots(trainer.parameters(), trainer.cursor(), trainer.parallel());
  return {{"model_root", roots.model.hex()},
          {"state_root", roots.state.hex()},
          {"tensors", tensor_roots(trainer.parameters())}};
}

Json step_json(Trainer& trainer, TokenStream& stream, const SampleOrder& order) {
  const Batch batch = read_batch(stream, order, order.next_batch(trainer.cursor().batch));
  const logs::StepEvent event = trainer.step(true);
  Json json = state_json(trainer);
  EXPECT_EQ(json.at("model_root"), event.model_root->hex());
  EXPECT_EQ(json.at("state_root"), event.state_root->hex());
  EXPECT_EQ(batch.digest, event.batch);
  json["step"] = event.step;
  json["batch"] = batch.index;
  json["samples"] = Json::array();
  for (const Sample& sample : batch.samples) {
    json["samples"].push_back({sample.index, sample.epoch, sample.instance, sample.first_token});
  }
  json["batch_digest"] = event.batch.hex();
  json["tokens"] = event.tokens;
  if (event.skipped) json["skipped"] = true;
  json["loss_sum"] = event.loss_sum;
  json["z_loss_sum"] = event.z_loss_sum;
  json["grad_norm"] = double_scalar(event.grad_norm);
  json["learning_rate"] = float_scalar(event.learning_rate);
  return json;
}

// The beginning of a document; and a prompt that leaves 11 positions, on both sides of the end of a
// block of attention (128).
GenerationRequest generation_request(const std::vector<std::string>& documents,
                                     std::int64_t positions) {
  GenerationRequest request;
  request.prompts = {{256}, {}};
  for (std::int64_t i = 0; i < positions - 11; ++i) {
    request.prompts[1].push_back(
        static_cast<unsigned char>(documents.at(0).at(static_cast<std::size_t>(i))));
  }
  request.samples = 2;
  request.max_tokens = 12;
  request.rule = make_sampling_rule("0.8", 40, "0.9");
  request.rule.candidates = 257;
  request.seed = 5;
  request.end = 256;
  return request;
}

Json sequence_json(const GeneratedSequence& sequence) {
  return {{"prompt", sequence.prompt},
          {"sample", sequence.sample},
          {"tokens", sequence.tokens},
          {"log_probabilities", floats(sequence.log_probabilities)},
          {"stop", stop_reason_name(sequence.stop)}};
}

// What the model of the last step draws, and what it says of what it drew.
Json inference_json(Trainer& trainer, const std::vector<std::string>& documents,
                    const Variant& variant) {
  const manifests::Config& config = trainer.config();
  const KernelPath path = choose_path(variant.kernels);
  const auto model =
      make_exact_olmo2_decoder(config, path, trainer.parallel(), trainer.parameters());
  GenerationRequest request = generation_request(documents, config.data.sequence_length);
  request.batch = variant.micro_batch;
  Json json = {{"prompts", request.prompts},
               {"samples", request.samples},
               {"max_tokens", request.max_tokens},
               {"temperature", double_scalar(0.8)},
               {"top_k", request.rule.top_k},
               {"top_p", double_scalar(0.9)},
               {"candidates", request.rule.candidates},
               {"seed", request.seed},
               {"end", *request.end},
               {"sequences", Json::array()},
               {"scores", Json::array()}};
  std::vector<TokenIds> texts;
  generate(
      *model, *path.rows, request,
      [&](const GeneratedSequence& sequence) {
        json["sequences"].push_back(sequence_json(sequence));
        texts.push_back(request.prompts.at(static_cast<std::size_t>(sequence.prompt)));
        texts.back().insert(texts.back().end(), sequence.tokens.begin(), sequence.tokens.end());
      },
      [] {});
  score(
      *model, *path.rows, texts, variant.micro_batch,
      [&](const ScoredText& text) { json["scores"].push_back(text.units); }, [] {});
  return json;
}

Json run_json(const RunFile& file, const SmokeInputs& inputs, const artifacts::Store& store,
              const Variant& variant) {
  Parallel parallel(variant.threads);
  Trainer trainer(inputs.config, store, inputs.dataset,
                  {&parallel, variant.kernels, variant.micro_batch, variant.padding});
  trainer.initialize();
  TokenStream stream(store, inputs.dataset);
  const SampleOrder order(plan_order(inputs.config, inputs.dataset));
  Json json = {{"schema", "repro.vectors-run/1"},
               {"recipe", kRecipe},
               {"config", manifests::deciding_keys(inputs.config)},
               {"dataset",
                {{"content", manifests::dataset_content(inputs.dataset)},
                 {"root", manifests::dataset_root(inputs.dataset).hex()}}},
               {"documents", file.documents()},
               {"initial", state_json(trainer)},
               {"steps", Json::array()}};
  for (std::int64_t i = 0; i < file.steps; ++i) {
    json["steps"].push_back(step_json(trainer, stream, order));
  }
  if (file.infers) json["inference"] = inference_json(trainer, json["documents"], variant);
  return json;
}

class VectorRun : public testing::TestWithParam<RunFile> {};

TEST_P(VectorRun, EveryVariantReachesTheGoldenStates) {
  const RunFile& file = GetParam();
  const support::TemporaryFolder folder;
  artifacts::Store store = artifacts::Store::init(system_file_system(), folder.path() + "/.repro");
  const SmokeInputs inputs = file.inputs(store);
  const std::string path = golden_file(file.name);
  if (find_environment("REPRO_WRITE_GOLDEN")) {
    const std::string text = run_json(file, inputs, store, {1, "scalar", 1, 0}).dump(1) + "\n";
    system_file_system().write_file_atomically(path, text);
  }
  const Json golden = parse_json(system_file_system().read_file(path), path);
  std::vector<Variant> variants = {{2, "auto", 2, 0}, {1, "auto", 4, 5}};
  for (const KernelPath& kernels : available_paths()) {
    variants.push_back({1, std::string(kernels.name), 1, 0});
  }
  for (const Variant& variant : variants) {
    EXPECT_TRUE(run_json(file, inputs, store, variant) == golden) << variant.text();
  }
}

// What the second file is for happens in it.
TEST(VectorRunFile, StepsWithoutSomeTargetsAndWithoutUpdatesAreInTheKit) {
  const std::string path = golden_file("run-olmo2-skip.json");
  const Json golden = parse_json(system_file_system().read_file(path), path);
  std::size_t skipped = 0;
  std::size_t filtered = 0;
  for (const Json& step : golden.at("steps")) {
    skipped += step.contains("skipped") ? 1 : 0;
    filtered += step.at("tokens") < 4 * 47 ? 1 : 0;
  }
  EXPECT_GT(skipped, 0U);
  EXPECT_LT(skipped, golden.at("steps").size() - 4);
  EXPECT_GT(filtered, 1U);
}

// The ids that the documents stand for are those of the dataset that is trained on.
TEST_P(VectorRun, DocumentsAreTheDataset) {
  const RunFile& file = GetParam();
  const support::TemporaryFolder folder;
  artifacts::Store store = artifacts::Store::init(system_file_system(), folder.path() + "/.repro");
  TokenStream stream(store, file.inputs(store).dataset);
  const std::string path = golden_file(file.name);
  std::vector<std::uint32_t> expected;
  const Json golden = parse_json(system_file_system().read_file(path), path);
  for (const Json& document : golden.at("documents")) {
    for (const char c : document.get<std::string>()) {
      expected.push_back(static_cast<unsigned char>(c));
    }
    expected.push_back(256);
  }
  ASSERT_EQ(stream.num_tokens(), static_cast<std::int64_t>(expected.size()));
  std::vector<std::uint32_t> ids(expected.size());
  stream.read(0, ids);
  EXPECT_EQ(ids, expected);
}

INSTANTIATE_TEST_SUITE_P(Files, VectorRun, testing::ValuesIn(run_files()));

}  // namespace
}  // namespace repro::train

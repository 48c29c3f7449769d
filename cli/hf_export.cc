#include "cli/hf_export.h"

#include <fmt/format.h>

#include <map>
#include <utility>
#include <vector>

#include "artifacts/base/error.h"
#include "artifacts/tensor/convert.h"
#include "artifacts/tensor/safetensors.h"
#include "cli/hf_settings.h"
#include "cli/new_run.h"
#include "cli/weights.h"
#include "imports/hf_index.h"
#include "verify/verify.h"

namespace repro::cli {
namespace {

HfFacts facts_of_segment(const artifacts::Store& store, const manifests::Segment& segment) {
  const manifests::Config config = load_config(store, segment);
  const manifests::Dataset dataset = load_dataset(store, segment.dataset);
  HfFacts facts;
  facts.config.model = config.model;
  facts.config.positions = config.data.sequence_length;
  facts.config.end_of_text = facts.config.padding = end_of_text(dataset);
  if (dataset.tokenizer_file) facts.tokenizer = store.get(*dataset.tokenizer_file);
  return facts;
}

HfFacts facts_of_model(const artifacts::Store& store, const manifests::Model& model) {
  HfFacts facts;
  facts.config.model = model.model;
  facts.config.positions = model.positions;
  facts.config.end_of_text = model.end_of_text;
  read_hf_settings(model.origin.settings, facts.config, facts.dtype);
  if (model.tokenizer_file) facts.tokenizer = store.get(*model.tokenizer_file);
  return facts;
}

const manifests::Segment* find_segment(const manifests::Run& run, const Digest& derivation) {
  for (const manifests::Segment& segment : run.segments) {
    if (segment.derivation == derivation) return &segment;
  }
  return nullptr;
}

class WeightWriter {
 public:
  WeightWriter(DraftFolder& draft, const StateSource& source, std::string dtype)
      : draft_(draft), source_(source), dtype_(std::move(dtype)) {
    for (const manifests::StateTensor& tensor : source.state().tensors) {
      if (manifests::is_weight(tensor.name)) tensors_[tensor.name] = &tensor;
    }
  }

  std::vector<imports::SizedTensor> sizes() const {
    std::vector<imports::SizedTensor> sizes;
    for (const auto& [name, tensor] : tensors_) {
      const auto bytes = static_cast<std::uint64_t>(tensor->size);
      sizes.push_back({name, dtype_ == "float32" ? bytes : bytes / 2});
    }
    return sizes;
  }

  void write(const std::string& path, const std::vector<std::string>& names) {
    std::vector<artifacts::TensorToWrite> tensors;
    for (const std::string& name : names) {
      tensors.push_back({name, dtype_, tensors_.at(name)->shape});
    }
    const auto file = draft_.create(path);
    artifacts::write_safetensors(*file, std::move(tensors), {{"format", "pt"}},
                                 [&](const std::string& name, const artifacts::TensorSink& sink) {
                                   fill(*tensors_.at(name), sink);
                                 });
    file->sync();
  }

  std::uint64_t rounded() const { return rounded_; }

 private:
  void fill(const manifests::StateTensor& tensor, const artifacts::TensorSink& sink) {
    if (dtype_ == "float32") return source_.store().read(tensor.digest, sink);
    // Pieces end where the store likes, also within a number.
    std::vector<std::byte> left;
    std::vector<std::byte> converted;
    source_.store().read(tensor.digest, [&](std::span<const std::byte> piece) {
      left.insert(left.end(), piece.begin(), piece.end());
      const std::size_t whole = left.size() / sizeof(float) * sizeof(float);
      converted.clear();
      rounded_ += artifacts::round_to_bfloat16(std::span(left).first(whole), converted);
      left.erase(left.begin(), left.begin() + static_cast<std::ptrdiff_t>(whole));
      sink(converted);
    });
  }

  DraftFolder& draft_;
  const StateSource& source_;
  std::string dtype_;
  std::map<std::string, const manifests::StateTensor*> tensors_;
  std::uint64_t rounded_ = 0;
};

}  // namespace

HfFacts find_hf_facts(Context& context, const Resolved& resolved, const manifests::State& state) {
  const artifacts::Store& store = context.store();
  if (resolved.model) return facts_of_model(store, resolved.model->model);
  std::vector<manifests::Run> runs;
  if (resolved.run) {
    runs.push_back(*resolved.run);
  } else {
    for (LoadedRun& loaded : load_runs(context)) runs.push_back(std::move(loaded.run));
  }
  for (const manifests::Run& run : runs) {
    const manifests::Segment* segment = find_segment(run, state.derivation);
    if (segment == nullptr && resolved.run) segment = &run.segments.front();
    if (segment != nullptr) return facts_of_segment(store, *segment);
  }
  for (const artifacts::Ref& ref : store.list_refs("models")) {
    const manifests::Model model = load_model(store, ref.target);
    if (model.state_root == state.state_root) return facts_of_model(store, model);
  }
  throw Error(Code::not_found,
              "no run or model of the store has this state, so its shape is not known",
              "write RUN@STEP or the name of a model, or take checkout's --format safetensors");
}

HfWritten write_hf_files(DraftFolder& draft, const std::string& prefix, const StateSource& source,
                         const HfFacts& facts, const HfOptions& options) {
  const auto path = [&](std::string_view name) { return prefix + std::string(name); };
  draft.write(path("config.json"), imports::encode_hf_config(facts.config, options.dtype));
  draft.write(path("generation_config.json"), imports::encode_hf_generation_config(facts.config));
  if (!facts.tokenizer.empty()) draft.write(path("tokenizer.json"), facts.tokenizer);
  WeightWriter writer(draft, source, options.dtype);
  const imports::HfPlan plan = imports::plan_hf_files(writer.sizes(), options.shard_bytes);
  for (const imports::HfPlan::File& file : plan.files) writer.write(path(file.name), file.tensors);
  if (!plan.index.empty()) draft.write(path(imports::kHfIndexName), plan.index);
  if (options.dtype == "float32") {
    draft.write(path(verify::kStateFile), manifests::encode_state(source.state()));
  }
  return {static_cast<std::int64_t>(plan.files.size()), writer.rounded()};
}

}  // namespace repro::cli

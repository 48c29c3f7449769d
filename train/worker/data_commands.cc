#include <cstring>
#include <nlohmann/json.hpp>
#include <string>

#include "artifacts/base/clock.h"
#include "artifacts/base/error.h"
#include "artifacts/index/catalogue.h"
#include "train/data/batch.h"
#include "train/data/ingest.h"
#include "train/data/olmo_order.h"
#include "train/data/stored_tokenizer.h"
#include "train/device/load_cuda.h"
#include "train/engine/backends.h"
#include "train/engine/run_source.h"
#include "train/worker/commands.h"
#include "train/worker/events.h"

namespace repro::train {

artifacts::Catalogue open_catalogue(const manifests::RunSpec& spec) {
  return artifacts::Catalogue::open(join_path(spec.store, "index/catalogue.sqlite"));
}

void run_data_add(const manifests::RunSpec& spec) {
  artifacts::Store store = artifacts::Store::open(system_file_system(), spec.store);
  artifacts::Catalogue catalogue = open_catalogue(spec);
  IngestSpec ingest_spec;
  ingest_spec.name = spec.name;
  ingest_spec.paths = spec.paths;
  ingest_spec.tokenizer = spec.tokenizer;
  ingest_spec.intake = parse_intake(spec.intake);
  if (spec.end_of_text) ingest_spec.end_of_text = static_cast<std::uint32_t>(*spec.end_of_text);
  const Ingested result = ingest(store, catalogue, system_clock(), ingest_spec);
  for (const std::string& note : result.notes) emit({{"type", "note"}, {"message", note}});
  emit({{"type", "dataset"},
        {"name", result.dataset.name},
        {"manifest", result.manifest.hex()},
        {"root", result.root.hex()},
        {"tokens", result.dataset.num_tokens()},
        {"documents", result.dataset.num_documents()},
        {"bytes", result.bytes},
        {"sources", result.dataset.sources.size()},
        {"skipped", result.dataset.skipped},
        {"unigram_entropy", result.dataset.unigram_entropy}});
}

namespace {

// The batch cursor of the newest stored state at or before `step`, and that step.
Cursor stored_cursor(const artifacts::Store& store, const manifests::Run& run, std::int64_t step) {
  const manifests::StoredState* nearest = manifests::nearest_state(run, step);
  std::string manifest = run.segments.front().parent_state;
  if (nearest != nullptr) manifest = nearest->manifest.hex();
  if (manifest.empty()) return {};
  const std::string what = "state " + manifest.substr(0, 12);
  const manifests::State state =
      manifests::parse_state(store.get(parse_digest(manifest, what)), what);
  Cursor cursor;
  cursor.step = state.step;
  for (const manifests::StateTensor& tensor : state.tensors) {
    if (tensor.name != "trainer/batch") continue;
    const std::string bytes = store.get(tensor.digest, sizeof(cursor.batch));
    REPRO_CHECK(bytes.size() == sizeof(cursor.batch));
    std::memcpy(&cursor.batch, bytes.data(), bytes.size());
  }
  return cursor;
}

// The samples of a batch follow from the manifest alone; their tokens may not be here.
void emit_batch(const artifacts::Store& store, const manifests::RunSpec& spec,
                const SegmentInputs& inputs, const SampleOrder& order, std::int64_t index) {
  const manifests::Dataset& dataset = inputs.dataset;
  artifacts::Catalogue catalogue = open_catalogue(spec);
  TokenStream stream(store, dataset, &catalogue);
  Json samples = describe_samples(stream, order, index);
  Json digest = nullptr;
  const auto missing = stream.find_missing();
  if (missing.empty()) {
    const Batch batch = read_batch(stream, order, index);
    const auto tokenizer = spec.show_text ? open_tokenizer(store, dataset) : nullptr;
    describe_tokens(samples, batch, RepetitionLimits::of(inputs.config.data), tokenizer.get());
    digest = batch.digest.hex();
  } else {
    emit({{"type", "note"}, {"message", describe_missing(dataset, missing)}});
  }
  emit({{"type", "batch"},
        {"step", spec.last},
        {"batch", index},
        {"digest", std::move(digest)},
        {"samples", std::move(samples)}});
}

}  // namespace

void run_batch(const manifests::RunSpec& spec) {
  const artifacts::Store store = artifacts::Store::open(system_file_system(), spec.store);
  const OrderCache orders(store, nullptr);
  const manifests::Run& run = spec.run;
  if (spec.last <= run.segments.front().first_step) {
    throw Error(
        Code::invalid_argument,
        "step " + std::to_string(spec.last) + " is no update of the run, so it has no batch",
        "updates begin at step " + std::to_string(run.segments.front().first_step + 1));
  }
  Cursor cursor = stored_cursor(store, run, spec.last - 1);
  while (true) {
    const SegmentInputs inputs =
        load_segment(store, manifests::segment_of(run, cursor.step + 1), spec.running);
    const SampleOrder order(plan_order(inputs.config, inputs.dataset), &orders);
    const std::int64_t index = order.next_batch(cursor.batch);
    ++cursor.step;
    cursor.batch = index + 1;
    if (cursor.step < spec.last) continue;
    emit_batch(store, spec, inputs, order, index);
    return;
  }
}

void run_indices(const manifests::RunSpec& spec) {
  const std::string& path = spec.paths.at(0);
  const auto mapping = system_file_system().map(path);
  const auto bytes = mapping->bytes();
  const manifests::IndicesRequest& request = *spec.indices;
  const std::size_t count = bytes.size() / sizeof(std::uint32_t);
  if (count == 0 || bytes.size() % sizeof(std::uint32_t) != 0 ||
      static_cast<std::int64_t>(count) > request.least) {
    throw Error(Code::conflict, path + " changed while it was read");
  }
  const IndicesMatch match = match_indices(
      {reinterpret_cast<const std::uint32_t*>(bytes.data()), count},
      static_cast<std::uint64_t>(request.seed), request.least, request.most, check_stop);
  emit({{"type", "indices"},
        {"instances", match.instances},
        {"place", match.place ? Json(*match.place) : Json()},
        {"wanted", match.wanted},
        {"found", match.found}});
}

namespace {

Json describe_cuda() {
  try {
    const auto device = make_cuda_device();
    return {{"name", device->name()}, {"versions", device->versions()}};
  } catch (const Error& error) {  // why there is none is what a probe is to find
    return {{"problem", error.message()}, {"hint", error.hint()}};
  }
}

}  // namespace

void run_probe(const manifests::RunSpec& spec) {
  Json kernels = Json::array();
  for (const KernelPath& path : available_paths()) kernels.push_back(path.name);
  Json profiles = {"exact"};
  if (native_available()) profiles.push_back("native");
  // Asking LibTorch costs loading it, so it is asked only by name.
  Json held = Json::object();
  if (spec.name == "native") {
    held = held_constant("native", spec.running, thread_count(spec.running));
  }
  // So does a GPU.
  Json devices = {"cpu"};
  Json cuda = nullptr;
  if (spec.running.device == "cuda") cuda = describe_cuda();
  if (cuda.contains("name")) devices.push_back("cuda");
  emit({{"type", "probe"},
        {"kernels", kernels},
        {"profiles", profiles},
        {"devices", devices},
        {"cuda", cuda},
        {"ranks", 1},
        {"blas", native_available()},
        {"held_constant", held}});
}

}  // namespace repro::train

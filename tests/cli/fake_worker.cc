// A stand-in for repro-train, so that the command line is tested without arithmetic: the same
// protocol (docs/worker.md), the same publications, but the weights of a step are a hash of the
// segments and the step.
//
//   FAKE_WORKER_STOP_AT=n   a signal arrives while step n is made
//   FAKE_WORKER_FAIL=mode   kill: dies by SIGKILL; chatter: writes what is no event; error: error
//   event;
//                           silent: status 9 without an error event; noise: other weights than
//                           usual
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "artifacts/base/environment.h"
#include "artifacts/base/error.h"
#include "artifacts/base/number_text.h"
#include "artifacts/store/store.h"
#include "logs/run_log.h"
#include "manifests/dataset.h"
#include "manifests/run.h"
#include "manifests/run_spec.h"
#include "manifests/state.h"

namespace repro {
namespace {

using manifests::Run;
using manifests::RunSpec;

void emit(const Json& event) {
  std::puts(event.dump().c_str());
  std::fflush(stdout);
}

std::string mode() { return find_environment("FAKE_WORKER_FAIL").value_or(""); }

manifests::StateTensor put_tensor(artifacts::Store& store, const std::string& name,
                                  const std::string& dtype, std::int64_t count,
                                  const std::string& bytes) {
  manifests::StateTensor tensor;
  tensor.name = name;
  tensor.dtype = dtype;
  tensor.shape = {count};
  tensor.size = static_cast<std::int64_t>(bytes.size());
  tensor.digest = store.put(std::string_view(bytes)).digest;
  tensor.root = tensor_root(as_bytes(bytes));
  return tensor;
}

std::string counter(std::int64_t value) {
  std::string bytes(sizeof(value), '\0');
  std::memcpy(bytes.data(), &value, sizeof(value));
  return bytes;
}

// Four small floats that depend on all segments up to `step`.
std::string weights(const Run& run, std::int64_t step, std::string_view salt) {
  std::string seed = std::string(salt) + run.segments.front().parent_state + mode();
  for (const manifests::Segment& segment : run.segments) {
    if (segment.first_step <= step) seed += segment.derivation.hex();
  }
  const Digest digest = sha256(seed + std::to_string(step));
  std::string bytes;
  for (std::size_t i = 0; i < 4; ++i) {
    const float value = static_cast<float>(digest.bytes.at(i)) / 256.0F;
    bytes.append(reinterpret_cast<const char*>(&value), sizeof(value));
  }
  return bytes;
}

manifests::State make_state(artifacts::Store& store, const Run& run, std::int64_t step) {
  manifests::State state;
  state.step = step;
  state.derivation = manifests::segment_at(run, step).derivation;
  const std::string name = "model.norm.weight";
  state.tensors = {
      put_tensor(store, "exp_avg/" + name, "float32", 4, weights(run, step, "first")),
      put_tensor(store, "exp_avg_sq/" + name, "float32", 4, weights(run, step, "second")),
      put_tensor(store, name, "float32", 4, weights(run, step, "weight")),
      put_tensor(store, "trainer/batch", "int64", 1, counter(step)),
      put_tensor(store, "trainer/step", "int64", 1, counter(step))};
  state.model_root = manifests::compute_model_root(state);
  state.state_root = manifests::compute_state_root(state);
  return state;
}

manifests::StoredState put_state(artifacts::Store& store, const Run& run, std::int64_t step) {
  const manifests::State state = make_state(store, run, step);
  const Digest manifest = store.put(std::string_view(manifests::encode_state(state))).digest;
  return {step, manifest, state.model_root, state.state_root};
}

Json state_event(const char* type, const manifests::StoredState& state) {
  return {{"type", type},
          {"step", state.step},
          {"manifest", state.manifest.hex()},
          {"state", state.state_root.hex()},
          {"model", state.model_root.hex()}};
}

class FakeTraining {
 public:
  explicit FakeTraining(const RunSpec& spec)
      : spec_(spec),
        run_(spec.run),
        store_(artifacts::Store::open(system_file_system(), spec.store)),
        lock_(store_.lock_run(run_.id)),
        published_(spec.published),
        chain_(run_.log.lines == 0
                   ? logs::genesis(logs::kLogSchema, run_.segments.front().derivation.hex())
                   : run_.log.head) {}

  void run() {
    const auto stop =
        find_integer(find_environment("FAKE_WORKER_STOP_AT").value_or("")).value_or(-1);
    publish(manifests::RunStatus::running);
    emit({{"type", "start"},
          {"run", run_.id},
          {"step", run_.step},
          {"until", spec_.until},
          {"threads", 1},
          {"kernels", "fake"},
          {"parameters", 4},
          {"micro_batch", 1}});
    std::int64_t step = run_.step;
    begin_segments(step);
    if (mode() == "kill") std::raise(SIGKILL);
    while (step < spec_.until && step != stop) {
      one_step(++step);
      const std::int64_t every = spec_.running.checkpoint_every;
      if (every > 0 && step % every == 0 && step < spec_.until) {
        checkpoint(step, manifests::RunStatus::running);
      }
    }
    const bool finished = step >= spec_.until;
    checkpoint(step, finished ? manifests::RunStatus::finished : manifests::RunStatus::interrupted);
    if (spec_.profile) emit(profile_event());
    emit({{"type", "done"},
          {"run", run_.id},
          {"step", step},
          {"status", manifests::run_status_name(run_.status)},
          {"state", run_.states.back().state_root.hex()},
          {"model", run_.states.back().model_root.hex()}});
    if (!finished) throw Error(Code::cancelled, "interrupted", "continue with `repro resume`");
  }

 private:
  Json profile_event() const {
    const Json gemm = {{"name", "gemm"}, {"calls", 8},   {"seconds", 0.016},
                       {"share", 0.8},   {"busy", 0.97}, {"operations", 3200000000}};
    return {{"type", "profile"},
            {"path", spec_.profile->path.empty() ? "trace.json" : spec_.profile->path},
            {"first", spec_.profile->first},
            {"last", spec_.profile->last},
            {"steps", 4},
            {"seconds", 0.02},
            {"threads", 2},
            {"spans", 100},
            {"dropped", mode() == "noise" ? 7 : 0},
            {"operations", {gemm}}};
  }

  void begin_segments(std::int64_t step) {
    for (const manifests::Segment& segment : run_.segments) {
      if (segment.first_step != step) continue;
      const manifests::State state = make_state(store_, run_, step);
      pending_ += chain_.append(
          logs::encode_segment({step, segment.derivation, state.model_root, state.state_root}));
      ++lines_;
    }
  }

  void one_step(std::int64_t step) {
    const manifests::State state = make_state(store_, run_, step);
    logs::StepEvent event;
    event.step = step;
    event.tokens = 16;
    event.loss_sum = (std::int64_t{16} << 30) / step;
    event.grad_norm = 0.5;
    event.learning_rate = 0.001F;
    event.batch = sha256("batch " + std::to_string(step));
    if (step % spec_.running.digest_every == 0) {
      event.model_root = state.model_root;
      event.state_root = state.state_root;
    }
    event.skipped = step == 8;
    pending_ += chain_.append(logs::encode_step(event));
    ++lines_;
    Json told = {
        {"type", "step"},   {"step", step},           {"loss", 1.0 / static_cast<double>(step)},
        {"grad_norm", 0.5}, {"learning_rate", 0.001}, {"tokens_per_second", 1000.0},
        {"seconds", 0.016}};
    if (event.skipped) told["skipped"] = true;
    emit(told);
    if (step % 4 != 0) return;
    pending_ += chain_.append(logs::encode_eval({step, 16, std::int64_t{8} << 30, 4}));
    ++lines_;
    emit({{"type", "eval"}, {"step", step}, {"loss", 0.5}, {"accuracy", 0.25}, {"tokens", 16}});
  }

  void checkpoint(std::int64_t step, manifests::RunStatus status) {
    if (lines_ > 0) {
      const auto piece = store_.put(std::string_view(pending_));
      run_.log.pieces.push_back({piece.digest, static_cast<std::int64_t>(piece.size), lines_});
      run_.log.head = chain_.head();
      run_.log.lines += lines_;
      pending_.clear();
      lines_ = 0;
    }
    if (run_.states.empty() || run_.states.back().step != step) {
      run_.states.push_back(put_state(store_, run_, step));
      run_.step = step;
    }
    publish(status);
    emit(state_event("checkpoint", run_.states.back()));
  }

  void publish(manifests::RunStatus status) {
    run_.status = status;
    const Digest manifest = store_.put(std::string_view(manifests::encode_run(run_))).digest;
    store_.set_ref({"runs", run_.id, manifest}, published_);
    published_ = manifest;
  }

  const RunSpec& spec_;
  Run run_;
  artifacts::Store store_;
  std::unique_ptr<FileLock> lock_;
  std::optional<Digest> published_;
  logs::Chain chain_;
  std::string pending_;
  std::int64_t lines_ = 0;
};

std::string read_sources(const std::string& path, manifests::Dataset& dataset) {
  FileSystem& files = system_file_system();
  if (path.starts_with("builtin:")) return path;
  const auto status = files.find_status(path);
  if (!status) throw Error(Code::not_found, "there is no file " + path);
  std::vector<std::string> names = {path};
  if (status->kind == FileKind::directory) {
    names.clear();
    for (const std::string& name : files.list(path)) names.push_back(join_path(path, name));
  }
  std::string bytes;
  for (const std::string& name : names) {
    const std::string text = files.read_file(name);
    dataset.sources.push_back(
        {base_name(name), sha256(text), static_cast<std::int64_t>(text.size()), 1});
    bytes += text;
  }
  return bytes;
}

void add_data(const RunSpec& spec) {
  artifacts::Store store = artifacts::Store::open(system_file_system(), spec.store);
  manifests::Dataset dataset;
  dataset.name = spec.name;
  dataset.vocab_size = 257;
  dataset.unigram_entropy = "2.5";
  std::string tokens;
  for (const std::string& path : spec.paths) {
    for (const char c : read_sources(path, dataset)) tokens += std::string{c, '\0'};
  }
  const auto count = static_cast<std::int64_t>(tokens.size() / 2);
  dataset.shards = {{store.put(std::string_view(tokens)).digest, count,
                     store.put(std::string_view(counter(count))).digest, 1}};
  const auto old = store.find_ref("datasets", spec.name);
  const Digest manifest = store.put(std::string_view(manifests::encode_dataset(dataset))).digest;
  store.set_ref({"datasets", spec.name, manifest}, old ? std::optional(old->target) : std::nullopt);
  emit({{"type", "dataset"},
        {"name", spec.name},
        {"manifest", manifest.hex()},
        {"root", manifests::dataset_root(dataset).hex()},
        {"tokens", count},
        {"documents", 1},
        {"bytes", count},
        {"sources", dataset.sources.size()},
        {"skipped", Json::array()},
        {"unigram_entropy", "2.5"}});
}

void materialise(const RunSpec& spec) {
  artifacts::Store output = artifacts::Store::init(system_file_system(), spec.output);
  emit({{"type", "progress"}, {"step", spec.last}, {"last", spec.last}});
  emit(state_event("state", put_state(output, spec.run, spec.last)));
}

Json model_event(const RunSpec& spec) {
  const bool native = spec.inference->profile == "native";
  return {{"type", "model"},
          {"run", spec.model ? Json() : Json(spec.run.id)},
          {"step", spec.model ? Json() : Json(spec.last)},
          {"model", sha256("model").hex()},
          {"parameters", 4},
          {"positions", 136},
          {"profile", native ? "native" : "exact"},
          {"held_constant", native ? Json{{"libtorch", "2.9"}, {"threads", "2"}} : Json::object()},
          {"tokenizer", "byte/1"}};
}

// Says back what it was asked; a text that begins with '!' gets bytes that are no text.
void generate(const RunSpec& spec) {
  const manifests::InferenceRequest& request = *spec.inference;
  emit(model_event(spec));
  for (std::size_t prompt = 0; prompt < request.texts.size(); ++prompt) {
    for (std::int64_t sample = 0; sample < request.samples; ++sample) {
      Json event = {{"type", "generated"},
                    {"prompt", prompt},
                    {"sample", sample},
                    {"ids", request.texts[prompt].ids},
                    {"log_probabilities", {-1.5}},
                    {"log_likelihood", -1.5},
                    {"log_likelihood_units", -1610612736},
                    {"stop", "max_tokens"}};
      if (request.texts[prompt].bytes.starts_with("!")) {
        event["bytes"] = "1b5bff0a61";
      } else {
        event["text"] = " and so on, temperature '" + request.temperature + "', top-k " +
                        std::to_string(request.top_k) + ", top-p '" + request.top_p + "', seed " +
                        std::to_string(request.seed) + ", at most " +
                        std::to_string(request.max_tokens) + ", batch " +
                        std::to_string(request.batch);
      }
      emit(event);
    }
  }
}

// A text behind a context is a nat unlikelier for each 'z', and costs half a nat a byte.
void score(const RunSpec& spec) {
  emit(model_event(spec));
  for (std::size_t number = 0; number < spec.inference->texts.size(); ++number) {
    const manifests::ModelText& text = spec.inference->texts[number];
    Json event = {
        {"type", "scored"}, {"number", number},       {"tokens", 2},
        {"dropped", 0},     {"log_likelihood", -2.0}, {"log_likelihood_units", -2147483648}};
    if (text.context) {
      const auto z = std::count(text.bytes.begin(), text.bytes.end(), 'z');
      const auto size = static_cast<std::int64_t>(text.bytes.size());
      event["tokens"] = size;
      event["dropped"] = text.context->size() > 100 ? 7 : 0;
      event["log_likelihood_units"] = -(2 * z + size) * (std::int64_t{1} << 29);
      event["log_likelihood"] = -static_cast<double>(2 * z + size) / 2;
    }
    if (spec.inference->each_token) {
      event["ids"] = {104, 105, 106};
      event["log_probabilities"] = {-0.5, -1.5};
    }
    emit(event);
  }
}

// FAKE_WORKER_GPU names the one that it has.
void probe(const RunSpec& spec) {
  Json event = {{"type", "probe"},    {"kernels", {"scalar"}}, {"profiles", {"exact"}},
                {"devices", {"cpu"}}, {"cuda", nullptr},       {"ranks", 1},
                {"blas", false}};
  if (spec.running.device == "cuda") {
    if (const auto gpu = find_environment("FAKE_WORKER_GPU")) {
      event["devices"].push_back("cuda");
      event["cuda"] = {{"name", *gpu}, {"versions", {{"device", "H200"}, {"driver", "580.65.06"}}}};
    } else {
      event["cuda"] = {{"problem", "--device cuda: there is no driver"}, {"hint", "install it"}};
    }
  }
  emit(event);
}

void run(const RunSpec& spec) {
  switch (spec.command) {
    case manifests::SpecCommand::train:
      return FakeTraining(spec).run();
    case manifests::SpecCommand::data_add:
      return add_data(spec);
    case manifests::SpecCommand::materialise:
      return materialise(spec);
    case manifests::SpecCommand::batch:
      return emit({{"type", "batch"},
                   {"step", spec.last},
                   {"batch", spec.last - 1},
                   {"digest", sha256("batch").hex()},
                   {"samples",
                    {{{"index", 0},
                      {"epoch", 0},
                      {"instance", 3},
                      {"first_token", 48},
                      {"digest", sha256("sample").hex()},
                      {"documents", Json::array()},
                      {"text", spec.show_text ? "hello" : ""}}}}});
    case manifests::SpecCommand::generate:
      return generate(spec);
    case manifests::SpecCommand::score:
      return score(spec);
    case manifests::SpecCommand::indices:  // every order begins with 7
      return emit({{"type", "indices"},
                   {"instances", spec.indices->most},
                   {"place", 0},
                   {"wanted", 7},
                   {"found", 1}});
    case manifests::SpecCommand::probe:
      return probe(spec);
    case manifests::SpecCommand::replay:
      throw Error(Code::unsupported, "the stand-in replays nothing");
  }
}

int fake_main(const char* spec_path) {
  if (mode() == "chatter") return std::puts("this is no event") > 0 ? 0 : 1;
  if (mode() == "silent") return 9;
  try {
    if (mode() == "error") throw Error(Code::corruption, "object 12ab is damaged", "run fsck");
    emit({{"type", "note"}, {"message", "the stand-in is at work"}});
    run(manifests::parse_run_spec(system_file_system().read_file(spec_path), spec_path));
    return 0;
  } catch (const Error& error) {
    emit({{"type", "error"},
          {"code", code_name(error.code())},
          {"message", error.what()},
          {"hint", error.hint()}});
    return exit_code(error.code());
  }
}

}  // namespace
}  // namespace repro

int main(int argc, char** argv) { return argc == 2 ? repro::fake_main(argv[1]) : 2; }

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "artifacts/base/error.h"
#include "cli/findings.h"
#include "cli/logged_root.h"
#include "cli/mixture.h"
#include "cli/show.h"
#include "manifests/schema.h"

namespace repro::cli {
namespace {

constexpr std::uint64_t kMaxShownBytes = std::uint64_t{1} << 20;
constexpr std::size_t kMaxSources = 20;

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string text;
  for (const std::int64_t size : shape) text += (text.empty() ? "" : ", ") + std::to_string(size);
  return "[" + text + "]";
}

Json tensor_records(const manifests::State& state) {
  Json tensors = Json::array();
  for (const manifests::StateTensor& tensor : state.tensors) {
    tensors.push_back({{"name", tensor.name},
                       {"dtype", tensor.dtype},
                       {"shape", tensor.shape},
                       {"size", tensor.size},
                       {"digest", tensor.digest.hex()},
                       {"root", tensor.root.hex()}});
  }
  return tensors;
}

Json state_json(const std::optional<std::string>& run, std::int64_t step, bool stored) {
  Json object = {{"step", step}, {"stored", stored}};
  object["run"] = run ? Json(*run) : Json();
  return object;
}

Json root_json(const std::optional<Digest>& root) {
  return {{"digest", root ? Json(root->hex()) : Json()}};
}

}  // namespace

void show_state(Io& io, const manifests::State& state, const std::optional<Resolved>& of_run) {
  const bool known = of_run && of_run->run;
  if (known) io.line("run         " + of_run->run->id);
  io.line(fmt::format("step        {}", state.step));
  io.line("state       " + state.state_root.hex());
  io.line("model       " + state.model_root.hex());
  io.line("derivation  " + state.derivation.hex());
  std::vector<std::vector<std::string>> rows = {{"TENSOR", "DTYPE", "SHAPE", "BYTES", "ROOT"}};
  std::int64_t bytes = 0;
  for (const manifests::StateTensor& tensor : state.tensors) {
    rows.push_back({tensor.name, tensor.dtype, shape_text(tensor.shape), count_text(tensor.size),
                    tensor.root.short_hex()});
    bytes += tensor.size;
  }
  io.table(rows);
  io.line(fmt::format("{} tensors, {}", state.tensors.size(),
                      bytes_text(static_cast<std::uint64_t>(bytes))));
  if (!io.json()) return;
  Json object = state_json(known ? std::optional(of_run->run->id) : std::nullopt, state.step, true);
  object["manifest"] = sha256(manifests::encode_state(state)).hex();
  object["derivation"] = state.derivation.hex();
  object["state"] = root_json(state.state_root);
  object["model"] = root_json(state.model_root);
  object["tensors"] = tensor_records(state);
  io.emit("state", object);
}

void show_logged_state(Context& context, const Resolved& resolved) {
  Io& io = context.io();
  const manifests::Run& run = *resolved.run;
  const auto [state_root, model_root] = find_logged_roots(context.store(), run, *resolved.step);
  io.line("run    " + run.id);
  io.line(fmt::format("step   {} (not stored; `repro checkout {}` re-derives it)", *resolved.step,
                      resolved.text));
  if (state_root) io.line("state  " + state_root->hex());
  if (model_root) io.line("model  " + model_root->hex());
  Json object = state_json(run.id, *resolved.step, false);
  object["state"] = root_json(state_root);
  object["model"] = root_json(model_root);
  io.emit("state", object);
}

void show_dataset(Io& io, const manifests::Dataset& dataset, const std::string& manifest) {
  const std::string root = manifests::dataset_root(dataset).hex();
  io.line("dataset    " + dataset.name);
  io.line("root       " + root);
  io.line(fmt::format("tokenizer  {}, {} ids as {}", dataset.tokenizer,
                      count_text(dataset.vocab_size), dataset.dtype));
  if (dataset.tokenizer_file) io.line("           of " + dataset.tokenizer_file->hex());
  io.line(fmt::format("tokens     {} in {} documents, {} shards", count_text(dataset.num_tokens()),
                      count_text(dataset.num_documents()), dataset.shards.size()));
  if (!dataset.unigram_entropy.empty()) {
    io.line(fmt::format("entropy    {} nats a token (unigram)", dataset.unigram_entropy));
  }
  io.line("licence    " + (dataset.licence.empty() ? "none recorded" : dataset.licence));
  io.line("created    " + dataset.created);
  print_parts(io, dataset);
  std::vector<std::vector<std::string>> rows = {{"SOURCE", "BYTES", "DOCUMENTS", "DIGEST"}};
  for (std::size_t i = 0; i < std::min(dataset.sources.size(), kMaxSources); ++i) {
    const auto& source = dataset.sources[i];
    rows.push_back({source.path, count_text(source.size), count_text(source.documents),
                    source.digest.short_hex()});
  }
  io.table(rows);
  if (dataset.sources.size() > kMaxSources) {
    io.line(fmt::format("and {} more (--json lists all)", dataset.sources.size() - kMaxSources));
  }
  for (const std::string& skipped : dataset.skipped) io.line("passed over " + skipped);
  if (!io.json()) return;
  Json sources = Json::array();
  for (const auto& source : dataset.sources) {
    sources.push_back({{"path", source.path},
                       {"digest", source.digest.hex()},
                       {"size", source.size},
                       {"documents", source.documents}});
  }
  Json shards = Json::array();
  for (const auto& shard : dataset.shards) {
    shards.push_back({{"tokens", shard.tokens.hex()},
                      {"num_tokens", shard.num_tokens},
                      {"documents", shard.documents.hex()},
                      {"num_documents", shard.num_documents}});
  }
  const auto& file = dataset.tokenizer_file;
  io.emit("dataset", {{"name", dataset.name},
                      {"digest", root},
                      {"manifest", manifest},
                      {"tokenizer", dataset.tokenizer},
                      {"tokenizer_file", file ? Json(file->hex()) : Json()},
                      {"dtype", dataset.dtype},
                      {"vocab_size", dataset.vocab_size},
                      {"tokens", dataset.num_tokens()},
                      {"documents", dataset.num_documents()},
                      {"unigram_entropy", dataset.unigram_entropy},
                      {"licence", dataset.licence},
                      {"parts", part_records(dataset)},
                      {"created", dataset.created},
                      {"shards", shards},
                      {"sources", sources},
                      {"skipped", dataset.skipped}});
}

void show_object(Context& context, const Digest& digest) {
  Io& io = context.io();
  const artifacts::Store& store = context.store();
  const std::uint64_t size = store.size_of(digest);
  io.line("object  " + digest.hex());
  io.line(fmt::format("size    {} bytes", count_text(static_cast<std::int64_t>(size))));
  Json object = {{"digest", digest.hex()}, {"size", size}, {"content", nullptr}};
  const std::string bytes = size <= kMaxShownBytes ? store.get(digest) : "";
  const auto schema = manifests::find_schema(bytes);
  object["content_schema"] = schema ? Json(*schema) : Json();
  if (schema) {
    object["content"] = parse_json(bytes, "object " + digest.short_hex());
    io.line("schema  " + *schema);
    io.line(object["content"].dump(2));
  } else {
    store.read(digest, [](std::span<const std::byte>) {});
    io.line("sound   its bytes match its name; `repro cat` writes them");
  }
  io.emit("object", object);
}

}  // namespace repro::cli

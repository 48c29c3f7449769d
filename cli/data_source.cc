#include "cli/data_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>
#include <optional>

#include "artifacts/base/error.h"
#include "cli/resolve.h"
#include "cli/worker.h"

namespace repro::cli {
namespace {

constexpr std::size_t kMaxNameBytes = 100;

bool is_builtin(const std::string& data) { return data.starts_with("builtin:"); }

LoadedDataset load(Context& context, const Digest& manifest) {
  return {manifest, load_dataset(context.store(), manifest)};
}

void print_dataset(Io& io, const LoadedDataset& loaded) {
  const manifests::Dataset& dataset = loaded.dataset;
  io.note(fmt::format("dataset {}: {}", dataset.name, dataset_text(dataset)));
  for (const std::string& skipped : dataset.skipped) io.note("  passed over: " + skipped);
}

LoadedDataset add_sources(Context& context, const std::vector<std::string>& sources,
                          const std::string& tokenizer) {
  manifests::RunSpec spec;
  spec.paths = sources;
  for (const std::string& source : sources) {
    spec.name += (spec.name.empty() ? "" : "-and-") + dataset_name_of(source);
  }
  spec.name.resize(std::min(spec.name.size(), kMaxNameBytes));
  spec.tokenizer = tokenizer;
  spec.intake = "copy";
  return add_dataset(context, spec);
}

}  // namespace

std::string dataset_name_of(const std::string& path) {
  std::string name = is_builtin(path) ? path : base_name(absolute_path(path));
  for (char& c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte > 127 || (!std::isalnum(byte) && c != '.' && c != '_')) c = '-';
  }
  const std::size_t first = name.find_first_not_of(".-");
  name.erase(0, std::min(first, name.size()));
  return name.empty() ? "data" : name.substr(0, kMaxNameBytes);
}

std::optional<LoadedDataset> find_dataset(Context& context, const std::string& data) {
  if (is_builtin(data) || data.find('/') != std::string::npos) {
    const auto ref = context.store().find_ref("datasets", dataset_name_of(data));
    return ref ? std::optional(load(context, ref->target)) : std::nullopt;
  }
  const auto ref = context.store().find_ref("datasets", data);
  if (ref) return load(context, ref->target);
  if (context.files().exists(data)) return std::nullopt;
  const Resolved resolved = resolve(context, data);
  if (resolved.noun != Noun::dataset) {
    throw Error(Code::invalid_argument,
                fmt::format("'{}' is a {}, not a dataset", data, noun_name(resolved.noun)),
                "`repro status` lists the datasets; --data takes a folder too");
  }
  return load(context, resolved.digest);
}

std::string dataset_text(const manifests::Dataset& dataset) {
  std::string text = fmt::format("{} in {}", plural_text(dataset.num_tokens(), "token"),
                                 plural_text(dataset.num_documents(), "document"));
  if (!dataset.unigram_entropy.empty()) {
    text += fmt::format(", unigram entropy {} nats a token", dataset.unigram_entropy);
  }
  return text + (dataset.licence.empty() ? "" : ", " + dataset.licence);
}

LoadedDataset publish_dataset(Context& context, manifests::Dataset dataset) {
  constexpr const char* kKind = "datasets";
  artifacts::Store& store = context.store();
  const auto old = store.find_ref(kKind, dataset.name);
  if (old) {
    LoadedDataset known = load(context, old->target);
    dataset.created = known.dataset.created;
    if (known.dataset == dataset) return known;
    const Digest before = manifests::dataset_root(known.dataset);
    const Digest now = manifests::dataset_root(dataset);
    if (before != now) {
      context.io().note(fmt::format("dataset {} was {} and is now {}", dataset.name,
                                    before.short_hex(), now.short_hex()));
    }
  }
  dataset.created = utc_text(context.clock().now_ns());
  const Digest manifest = store.put(manifests::encode_dataset(dataset)).digest;
  store.set_ref({kKind, dataset.name, manifest}, old ? std::optional(old->target) : std::nullopt);
  return {manifest, std::move(dataset)};
}

LoadedDataset add_dataset(Context& context, manifests::RunSpec spec, const std::string& licence) {
  spec.command = manifests::SpecCommand::data_add;
  spec.store = context.store().folder();
  std::optional<LoadedDataset> added;
  Json record;
  run_worker(context, spec, [&](const Json& event) {
    if (json_string(event, "type", "event of the worker") != "dataset") return;
    const std::string manifest = json_string(event, "manifest", "event of the worker");
    added = load(context, parse_digest(manifest, "event of the worker"));
    record = event;
  });
  if (!added) throw Error(Code::internal, "the worker added no dataset and did not say why");
  if (!licence.empty()) {
    added->dataset.licence = licence;
    added = publish_dataset(context, std::move(added->dataset));
  }
  record["manifest"] = added->manifest.hex();
  record["licence"] = added->dataset.licence;
  print_dataset(context.io(), *added);
  context.io().emit("dataset", record);
  return *added;
}

LoadedDataset require_dataset(Context& context, const std::string& data,
                              const std::string& tokenizer) {
  if (data.empty()) {
    throw Error(Code::invalid_argument, "the recipe names no data (data.source)",
                "give --data FOLDER or --data NAME of a dataset");
  }
  const bool names_files = is_builtin(data) || data.find('/') != std::string::npos;
  if (!names_files) {
    if (auto found = find_dataset(context, data)) return *std::move(found);
  }
  if (!is_builtin(data) && !context.files().exists(data)) {
    throw Error(Code::not_found, "there is no data at " + data,
                "give --data FOLDER or --data NAME of a dataset");
  }
  return add_sources(context, {data}, tokenizer);
}

LoadedDataset require_dataset(Context& context, const std::vector<std::string>& sources,
                              const std::string& tokenizer) {
  if (sources.size() == 1) return require_dataset(context, sources.front(), tokenizer);
  for (const std::string& source : sources) {
    if (is_builtin(source) || context.files().exists(source)) continue;
    throw Error(Code::not_found, "there is no file or folder " + source,
                "several sources are files, folders and built-in ones; `repro data mix` puts "
                "datasets together");
  }
  return add_sources(context, sources, tokenizer);
}

}  // namespace repro::cli

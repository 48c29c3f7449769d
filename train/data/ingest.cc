#include "train/data/ingest.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <utility>

#include "artifacts/base/error.h"
#include "artifacts/base/json.h"
#include "train/data/builtin.h"
#include "train/data/documents.h"
#include "train/data/shard_writer.h"
#include "train/data/sources.h"
#include "train/data/token_file.h"
#include "train/tokenizer/tokenizer.h"

namespace repro::train {
namespace {

using artifacts::Catalogue;
using artifacts::Intake;
using artifacts::Store;
using manifests::Dataset;

// Kind of the catalogue's entries that lead from unchanged sources to a manifest; a new number when
// the same sources would give another dataset.
constexpr const char* kCacheKind = "ingest/2";
constexpr std::string_view kRefKind = "datasets";

bool is_builtin(const SourceFile& file) {
  return is_generated_text(file.kind) || file.kind == SourceKind::builtin_ids;
}

// A tokenizer and the file that it was read from, where it has one.
struct ChosenTokenizer {
  std::unique_ptr<Tokenizer> tokenizer;
  std::string file;
};

ChosenTokenizer named_tokenizer(FileSystem& files, const std::string& name) {
  constexpr std::uint64_t kMaxTokenizerBytes = std::uint64_t{1} << 28;
  if (!name.ends_with(".json")) return {make_tokenizer(name), ""};
  std::string file = files.read_file(name, kMaxTokenizerBytes);
  return {make_tokenizer("bpe", file, name), std::move(file)};
}

ChosenTokenizer choose_tokenizer(FileSystem& files, const IngestSpec& spec,
                                 const SourceList& sources) {
  const auto ids = std::find_if(sources.files.begin(), sources.files.end(),
                                [](const SourceFile& file) { return holds_ids(file.kind); });
  const auto text = std::find_if(sources.files.begin(), sources.files.end(),
                                 [](const SourceFile& file) { return !holds_ids(file.kind); });
  const bool has_ids = ids != sources.files.end();
  const bool has_text = text != sources.files.end();
  if (has_ids && has_text) {
    throw Error(Code::invalid_argument,
                fmt::format("{} holds token ids and {} text; a dataset has one or the other",
                            ids->path, text->path),
                "add them as two datasets");
  }
  auto chosen =
      named_tokenizer(files, !spec.tokenizer.empty() ? spec.tokenizer : (has_ids ? "ids" : "byte"));
  const bool takes_ids = chosen.tokenizer->name_and_version() == "ids/1";
  // A tokenizer.json beside token files tells what their ids stand for.
  if (takes_ids == has_ids || (has_ids && !chosen.file.empty())) return chosen;
  throw Error(
      Code::invalid_argument,
      takes_ids ? text->path + " is text, and the tokenizer ids takes files of token ids only"
                : fmt::format("{} holds token ids already; the tokenizer {} is for text", ids->path,
                              chosen.tokenizer->name_and_version()),
      takes_ids ? "choose the tokenizer byte, or a tokenizer.json"
                : "choose the tokenizer ids, or give the tokenizer.json that they were made with");
}

// Turns sources into shards and the manifest's content and notes.
class Ingestion {
 public:
  Ingestion(Store& store, Catalogue& catalogue, Clock& clock, const IngestSpec& spec)
      : store_(store), catalogue_(catalogue), clock_(clock), spec_(spec) {}

  Dataset run() {
    sources_ = find_sources(store_.files(), spec_.paths);
    ChosenTokenizer chosen = choose_tokenizer(store_.files(), spec_, sources_);
    tokenizer_ = std::move(chosen.tokenizer);
    describe_tokenizer(chosen.file);
    check_end_of_text();
    if (auto known = find_known()) return std::move(*known);
    dataset_.skipped = sources_.skipped;
    const int width = choose_width();
    ShardWriter writer(store_, width);
    for (const SourceFile& file : sources_.files) take(file, writer);
    finish(writer, width);
    if (dataset_.tokenizer_file) store_.put(std::string_view(chosen.file));
    return std::move(dataset_);
  }

  // Lets the next call recognise the same sources.
  void remember(const Digest& manifest) {
    if (const auto key = find_key()) catalogue_.remember_text(kCacheKind, *key, manifest.hex());
  }

 private:
  void describe_tokenizer(const std::string& file) {
    dataset_.tokenizer = tokenizer_->name_and_version();
    if (file.empty()) return;
    dataset_.tokenizer_file = sha256(file);
    dataset_.end_of_text = tokenizer_->end_of_text();
  }

  // All sources are token files, or none is.
  bool has_ids() const { return !sources_.files.empty() && holds_ids(sources_.files[0].kind); }

  void check_end_of_text() const {
    if (!spec_.end_of_text) return;
    if (!has_ids()) {
      throw Error(Code::invalid_argument,
                  "an end-of-text id was given, but " + sources_.files.front().path + " is text",
                  "it goes with files of token ids; leave --end-of-text out");
    }
    const auto own = tokenizer_->end_of_text();
    if (!own || *own == *spec_.end_of_text) return;
    throw Error(Code::invalid_argument,
                fmt::format("the end-of-text id is said to be {}, but that of {} is {}",
                            *spec_.end_of_text, spec_.tokenizer, *own),
                "leave --end-of-text out, or --tokenizer");
  }

  // What ends a document in token files; nullopt: the end of the file.
  std::optional<std::uint32_t> end_in_files() const {
    return spec_.end_of_text ? spec_.end_of_text : tokenizer_->end_of_text();
  }

  void check_vocabulary(std::int64_t least) const {
    if (least <= tokenizer_->vocab_size()) return;
    throw Error(Code::invalid_argument,
                fmt::format("the files hold the id {}, but the vocabulary of {} has {}", least - 1,
                            spec_.tokenizer, tokenizer_->vocab_size()),
                "give the tokenizer.json that they were made with, or the tokenizer ids");
  }

  int choose_width() {
    if (!has_ids()) return tokenizer_->vocab_size() <= 65536 ? 2 : 4;
    const SourceFile* first = nullptr;
    int width = 0;
    for (const SourceFile& file : sources_.files) {
      const int own = width_of(file);
      if (first == nullptr) {
        first = &file;
        width = own;
      }
      if (own == width) continue;
      throw Error(
          Code::invalid_argument,
          fmt::format("{} holds ids of {} bytes and {} of {}", first->path, width, file.path, own),
          "the token files of a dataset are all uint16 or all uint32");
    }
    return width;
  }

  int width_of(const SourceFile& file) {
    if (file.kind == SourceKind::builtin_ids) return file.vocab <= 65536 ? 2 : 4;
    const TokenLayout layout = read_token_layout(store_.files(), file);
    if (spec_.intake != Intake::copy && layout.offset != 0) refuse_intake(file, "has a header");
    return layout.width;
  }

  [[noreturn]] static void refuse_intake(const SourceFile& file, const char* why) {
    throw Error(
        Code::invalid_argument,
        fmt::format("{} {}, so it cannot be taken in place or as a reflink", file.path, why),
        "copy it, or give bare token ids (*.u16, *.u32)");
  }

  void take(const SourceFile& file, ShardWriter& writer) {
    ReadFile result;
    if (file.kind == SourceKind::builtin_ids) {
      result = take_builtin_ids(file, writer);
    } else if (holds_ids(file.kind)) {
      result = take_token_file(file, writer);
    } else {
      result = take_text(file, writer);
    }
    if (!is_builtin(file)) {
      catalogue_.remember_file(absolute_path(file.path), file.status, result.digest,
                               clock_.now_ns());
    }
    if (result.empty_documents != 0) {
      dataset_.skipped.push_back(
          file.kind == SourceKind::jsonl
              ? fmt::format("{}: {} lines with an empty text", file.name, result.empty_documents)
              : file.name + ": empty");
    }
    if (result.documents == 0) return;
    dataset_.sources.push_back({.path = file.name,
                                .digest = result.digest,
                                .size = result.size,
                                .documents = result.documents});
  }

  ReadFile take_text(const SourceFile& file, ShardWriter& writer) {
    if (spec_.intake != Intake::copy) refuse_intake(file, "is text and has to be tokenised");
    return read_documents(store_.files(), file, [&](std::string_view text) {
      tokenizer_->encode(text,
                         [&](std::span<const std::uint32_t> ids) { writer.add(ids, file.path); });
      if (const auto end = tokenizer_->end_of_text()) writer.add(std::span(&*end, 1), file.path);
      writer.end_document();
    });
  }

  ReadFile take_builtin_ids(const SourceFile& file, ShardWriter& writer) {
    if (spec_.intake != Intake::copy) refuse_intake(file, "is generated");
    const std::vector<std::uint32_t> ids = make_ids(file.vocab, file.count);
    writer.add(ids, file.path);
    writer.end_document();
    writer.cut();
    least_vocab_ = std::max(least_vocab_, file.vocab);
    return {.digest = token_digest(ids),
            .size = static_cast<std::int64_t>(ids.size() * sizeof(std::uint32_t)),
            .documents = 1,
            .empty_documents = 0};
  }

  ReadFile take_token_file(const SourceFile& file, ShardWriter& writer) {
    const TokenLayout layout = read_token_layout(store_.files(), file);
    ReadFile result{.digest = {},
                    .size = static_cast<std::int64_t>(file.status.size),
                    .documents = 0,
                    .empty_documents = 0};
    const std::int64_t documents = writer.num_documents();
    if (layout.offset == 0) {
      const auto object = store_.put_file(file.path, spec_.intake);
      if (object.size != file.status.size) fail_changed(file);
      writer.take_shard(object, file.path, end_in_files());
      result.digest = object.digest;
    } else {
      const std::string bytes = store_.files().read_file(file.path);
      if (bytes.size() != file.status.size) fail_changed(file);
      result.digest = sha256(bytes);
      const auto payload = as_bytes(bytes).subspan(layout.offset);
      writer.take_shard(store_.put(payload), file.path, end_in_files());
    }
    result.documents = writer.num_documents() - documents;
    return result;
  }

  [[noreturn]] static void fail_changed(const SourceFile& file) {
    throw Error(Code::conflict, file.path + " changed while it was read",
                "run the command again when nothing writes to it");
  }

  void finish(ShardWriter& writer, int width) {
    dataset_.shards = writer.finish();
    if (dataset_.shards.empty()) {
      throw Error(Code::invalid_argument,
                  fmt::format("no text in {}: every file is empty", fmt::join(spec_.paths, ", ")));
    }
    dataset_.dtype = width == 2 ? "uint16" : "uint32";
    const std::int64_t least = std::max(writer.counts().vocab_size(), least_vocab_);
    if (tokenizer_->vocab_size() != 0) check_vocabulary(least);
    dataset_.vocab_size = tokenizer_->vocab_size() != 0 ? tokenizer_->vocab_size() : least;
    dataset_.unigram_entropy = fmt::format("{:.6f}", writer.counts().entropy());
  }

  // Digest of what was found and how it is to be taken; nullopt where a file is not in the stat
  // cache.
  std::optional<Digest> find_key() {
    Json files = Json::array();
    for (const SourceFile& file : sources_.files) {
      if (is_builtin(file)) return std::nullopt;
      const auto digest = catalogue_.find_file(absolute_path(file.path), file.status);
      if (!digest) return std::nullopt;
      files.push_back({file.name, digest->hex()});
    }
    Json key = {{"files", files},
                {"intake", static_cast<int>(spec_.intake)},
                {"skipped", sources_.skipped},
                {"tokenizer", tokenizer_->name_and_version()}};
    if (dataset_.tokenizer_file) key["tokenizer_file"] = dataset_.tokenizer_file->hex();
    if (spec_.end_of_text) key["end_of_text"] = *spec_.end_of_text;
    return sha256(encode_json(key));
  }

  // The dataset that these very sources gave before. The catalogue may say anything, so the
  // manifest is read and its shards must be there.
  std::optional<Dataset> find_known() {
    const auto key = find_key();
    const auto text = key ? catalogue_.find_text(kCacheKind, *key) : std::nullopt;
    const auto digest = text ? find_digest(*text) : std::nullopt;
    if (!digest || !store_.contains(*digest)) return std::nullopt;
    Dataset known = manifests::parse_dataset(store_.get(*digest), "dataset " + digest->hex());
    if (known.tokenizer_file && !store_.contains(*known.tokenizer_file)) return std::nullopt;
    for (const manifests::Shard& shard : known.shards) {
      if (!store_.contains(shard.tokens) || !store_.contains(shard.documents)) return std::nullopt;
    }
    return known;
  }

  Store& store_;
  Catalogue& catalogue_;
  Clock& clock_;
  const IngestSpec& spec_;
  SourceList sources_;
  std::unique_ptr<Tokenizer> tokenizer_;
  Dataset dataset_;
  std::int64_t least_vocab_ = 0;
};

void publish(Store& store, Ingested& result) {
  const std::string& name = result.dataset.name;
  const auto old = store.find_ref(kRefKind, name);
  if (old) {
    const Dataset known = manifests::parse_dataset(store.get(old->target), "dataset " + name);
    const Digest known_root = manifests::dataset_root(known);
    if (known_root == result.root) {
      result.dataset = known;
      result.manifest = old->target;
      result.notes.push_back(fmt::format("dataset {} is unchanged", name));
      return;
    }
    result.notes.push_back(fmt::format("dataset {} was {} and is now {}", name,
                                       known_root.short_hex(), result.root.short_hex()));
  }
  result.manifest = store.put(manifests::encode_dataset(result.dataset)).digest;
  store.set_ref({.kind = std::string(kRefKind), .name = name, .target = result.manifest},
                old ? std::optional(old->target) : std::nullopt);
}

}  // namespace

Ingested ingest(Store& store, Catalogue& catalogue, Clock& clock, const IngestSpec& spec) {
  if (!spec.name.empty()) artifacts::check_name(spec.name, "dataset name");
  Ingestion ingestion(store, catalogue, clock, spec);
  Ingested result;
  result.dataset = ingestion.run();
  result.root = manifests::dataset_root(result.dataset);
  result.dataset.name = spec.name.empty() ? "data-" + result.root.short_hex() : spec.name;
  result.dataset.created = utc_text(clock.now_ns());
  if (result.dataset.tokenizer_file && !result.dataset.end_of_text) {
    result.notes.push_back(spec.tokenizer +
                           " has no token that ends a text, so none ends the documents");
  }
  publish(store, result);
  ingestion.remember(result.manifest);
  for (const auto& source : result.dataset.sources) result.bytes += source.size;
  return result;
}

Intake parse_intake(std::string_view text) {
  if (text.empty() || text == "copy") return Intake::copy;
  if (text == "reflink") return Intake::reflink;
  if (text == "in_place") return Intake::in_place;
  throw Error(Code::invalid_argument,
              fmt::format("unknown intake \"{}\": copy, reflink or in_place", text));
}

}  // namespace repro::train

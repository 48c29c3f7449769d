#include "cli/resolve.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <tuple>

#include "artifacts/base/error.h"
#include "artifacts/base/number_text.h"
#include "artifacts/base/spelling.h"
#include "manifests/recipe.h"
#include "manifests/schema.h"

namespace repro::cli {
namespace {

constexpr std::size_t kMinPrefix = 4;
constexpr std::size_t kMaxCandidates = 10;
// Larger objects are tensors or token shards, not manifests.
constexpr std::uint64_t kMaxManifestBytes = std::uint64_t{64} << 20;

bool is_hex(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

Resolved of_run(LoadedRun loaded, std::string_view text) {
  Resolved resolved;
  resolved.noun = Noun::run;
  resolved.text = text;
  resolved.digest = loaded.manifest;
  resolved.run = std::move(loaded.run);
  return resolved;
}

Resolved of_model(LoadedModel loaded, std::string_view text) {
  Resolved resolved;
  resolved.noun = Noun::model;
  resolved.text = text;
  resolved.digest = loaded.manifest;
  resolved.model = std::move(loaded);
  return resolved;
}

Resolved of_object(const artifacts::Store& store, const Digest& digest, std::string_view text) {
  Resolved resolved;
  resolved.text = text;
  resolved.digest = digest;
  if (store.size_of(digest) > kMaxManifestBytes) return resolved;
  const auto schema = manifests::find_schema(store.get(digest));
  if (schema == manifests::kRunSchema) return of_run({digest, load_run(store, digest)}, text);
  if (schema == manifests::kModelSchema) return of_model({digest, load_model(store, digest)}, text);
  if (schema == manifests::kStateSchema) resolved.noun = Noun::state;
  if (schema == manifests::kDatasetSchema) resolved.noun = Noun::dataset;
  return resolved;
}

[[noreturn]] void fail_ambiguous(std::string_view text, std::vector<std::string> candidates) {
  std::sort(candidates.begin(), candidates.end());
  std::string list;
  for (std::size_t i = 0; i < std::min(candidates.size(), kMaxCandidates); ++i) {
    list += (i == 0 ? "" : ", ") + candidates[i];
  }
  if (candidates.size() > kMaxCandidates) {
    list += fmt::format(" and {} more", candidates.size() - kMaxCandidates);
  }
  throw Error(Code::invalid_argument,
              fmt::format("'{}' is ambiguous: {} names begin with it", text, candidates.size()),
              "give more digits of one of " + list);
}

class Resolver {
 public:
  Resolver(Context& context, std::string_view text) : context_(context), text_(text) {}

  Resolved resolve() {
    const bool path_like = text_.find('/') != std::string_view::npos;
    if (path_like && exists()) return path();
    if (context_.has_store()) {
      if (auto found = find_in_store()) return *std::move(found);
    }
    if (exists()) return path();
    if (manifests::find_builtin_recipe(text_) != nullptr) {
      Resolved resolved;
      resolved.noun = Noun::recipe;
      resolved.text = text_;
      resolved.name = text_;
      return resolved;
    }
    fail_unknown();
  }

 private:
  bool exists() { return !text_.empty() && context_.files().exists(std::string(text_)); }

  Resolved path() {
    Resolved resolved;
    resolved.noun = Noun::path;
    resolved.text = text_;
    resolved.path = text_;
    return resolved;
  }

  std::optional<Resolved> find_in_store() {
    if (text_ == "last" || text_.starts_with("last~")) return nth_newest();
    const auto at = text_.rfind('@');
    if (at != std::string_view::npos && at > 0) return state_at(at);
    if (auto found = find_full_digest()) return found;
    if (auto found = find_name()) return found;
    if (text_.size() >= kMinPrefix && text_.size() < 2 * Digest::kSize && is_hex(text_)) {
      return find_prefix();
    }
    return std::nullopt;
  }

  Resolved nth_newest() {
    std::int64_t back = 0;
    if (text_ != "last") {
      const auto number = find_integer(text_.substr(std::string_view("last~").size()));
      if (!number || *number < 0) {
        throw Error(Code::invalid_argument, fmt::format("'{}' is no name of a run", text_),
                    "write last, last~1, last~2, ...");
      }
      back = *number;
    }
    std::vector<LoadedRun> runs = load_runs(context_);
    if (back >= static_cast<std::int64_t>(runs.size())) {
      throw Error(Code::not_found,
                  fmt::format("there is no run '{}': the store has {}", text_,
                              runs.empty() ? "none" : std::to_string(runs.size())),
                  "`repro train RECIPE` makes one");
    }
    return of_run(std::move(runs[static_cast<std::size_t>(back)]), text_);
  }

  Resolved state_at(std::size_t at) {
    Resolved resolved = resolve_run(context_, text_.substr(0, at));
    const auto number = find_integer(text_.substr(at + 1));
    if (!number) {
      throw Error(Code::invalid_argument,
                  fmt::format("'{}' in '{}' is no step", text_.substr(at + 1), text_),
                  "write RUN@STEP, or RUN@-1 for the newest stored state");
    }
    resolved.noun = Noun::state;
    resolved.text = text_;
    resolved.step = *number < 0 ? step_from_end(*resolved.run, *number) : *number;
    find_stored(resolved);
    return resolved;
  }

  static std::int64_t step_from_end(const manifests::Run& run, std::int64_t back) {
    const auto size = static_cast<std::int64_t>(run.states.size());
    if (size + back < 0) {
      throw Error(Code::not_found,
                  fmt::format("run {} has {}", run_label(run), plural_text(size, "stored state")),
                  "`repro resume` trains on to the next checkpoint");
    }
    return run.states[static_cast<std::size_t>(size + back)].step;
  }

  static void find_stored(Resolved& resolved) {
    const manifests::Run& run = *resolved.run;
    const std::int64_t first = run.segments.front().first_step;
    if (*resolved.step < first || *resolved.step > run.step) {
      throw Error(Code::not_found,
                  fmt::format("run {} has no state at step {}; it has {}..{}", run_label(run),
                              *resolved.step, first, run.step),
                  first > 0 ? "earlier steps belong to the run it branched from"
                            : "`repro resume` trains on");
    }
    resolved.stored = false;
    for (const manifests::StoredState& state : run.states) {
      if (state.step != *resolved.step) continue;
      resolved.stored = true;
      resolved.digest = state.manifest;
    }
  }

  std::optional<Resolved> find_full_digest() {
    const auto digest = find_digest(text_);
    if (!digest) return std::nullopt;
    artifacts::Store& store = context_.store();
    if (const auto ref = store.find_ref("runs", std::string(text_))) {
      return of_run({ref->target, load_run(store, ref->target)}, text_);
    }
    if (store.contains(*digest)) return of_object(store, *digest, text_);
    return find_root(*digest);
  }

  // A state root or a dataset's content root is what commands print, but no object has it as its
  // name.
  std::optional<Resolved> find_root(const Digest& root) {
    for (LoadedRun& loaded : load_runs(context_)) {
      for (const manifests::StoredState& state : loaded.run.states) {
        if (state.state_root != root) continue;
        Resolved resolved = of_object(context_.store(), state.manifest, text_);
        resolved.step = state.step;
        resolved.run = std::move(loaded.run);
        return resolved;
      }
    }
    for (const artifacts::Ref& ref : context_.store().list_refs("datasets")) {
      const manifests::Dataset dataset = load_dataset(context_.store(), ref.target);
      if (manifests::dataset_root(dataset) != root) continue;
      Resolved resolved = of_object(context_.store(), ref.target, text_);
      resolved.name = ref.name;
      return resolved;
    }
    return std::nullopt;
  }

  std::optional<Resolved> find_name() {
    artifacts::Store& store = context_.store();
    for (const artifacts::Ref& ref : store.list_refs("tags")) {
      if (ref.name == text_) return of_object(store, ref.target, text_);
    }
    for (LoadedRun& loaded : load_runs(context_)) {
      if (loaded.run.name == text_) return of_run(std::move(loaded), text_);
    }
    for (const char* kind : {"models", "datasets"}) {
      const auto ref = find_named(kind);
      if (!ref) continue;
      Resolved resolved = of_object(store, ref->target, text_);
      resolved.name = ref->name;
      return resolved;
    }
    return std::nullopt;
  }

  std::optional<artifacts::Ref> find_named(const char* kind) {
    for (artifacts::Ref& ref : context_.store().list_refs(kind)) {
      if (ref.name == text_) return std::move(ref);
    }
    return std::nullopt;
  }

  std::optional<Resolved> find_prefix() {
    artifacts::Store& store = context_.store();
    std::vector<artifacts::Ref> matches;
    std::vector<std::string> names;
    for (const artifacts::Ref& ref : store.list_refs("runs")) {
      if (!ref.name.starts_with(text_)) continue;
      matches.push_back(ref);
      names.push_back(ref.name.substr(0, 16));
    }
    if (matches.size() > 1) fail_ambiguous(text_, names);
    if (matches.size() == 1) {
      return of_run({matches[0].target, load_run(store, matches[0].target)}, text_);
    }
    const std::vector<Digest> objects = store.find_objects(text_);
    if (objects.empty()) return std::nullopt;
    if (objects.size() == 1) return of_object(store, objects[0], text_);
    for (const Digest& digest : objects) names.push_back(digest.short_hex(16));
    fail_ambiguous(text_, names);
  }

  [[noreturn]] void fail_unknown() {
    std::vector<std::string> known;
    for (const auto& recipe : manifests::builtin_recipes()) known.emplace_back(recipe.name);
    if (!context_.has_store()) {
      const auto nearest = find_nearest(text_, known);
      throw Error(Code::not_found,
                  fmt::format("'{}' is no file or folder, and there is no store here", text_),
                  nearest ? fmt::format("did you mean {}?", *nearest)
                          : "`repro init` makes a store; `repro -C DIR` works elsewhere");
    }
    for (const LoadedRun& loaded : load_runs(context_)) {
      if (!loaded.run.name.empty()) known.push_back(loaded.run.name);
    }
    for (const char* kind : {"tags", "models", "datasets"}) {
      for (const artifacts::Ref& ref : context_.store().list_refs(kind)) known.push_back(ref.name);
    }
    const auto nearest = find_nearest(text_, known);
    throw Error(
        Code::not_found,
        fmt::format("nothing is called '{}': no run, tag, model, dataset, object or file", text_),
        nearest ? fmt::format("did you mean {}?", *nearest)
                : "`repro runs`, `repro tag` and `repro status` list what there is");
  }

  Context& context_;
  std::string_view text_;
};

template <class Parse>
auto load_manifest(const artifacts::Store& store, const Digest& digest, const char* kind,
                   const Parse& parse) {
  const std::string what = fmt::format("{} {}", kind, digest.short_hex());
  return parse(store.get(digest, kMaxManifestBytes), what);
}

}  // namespace

std::string_view noun_name(Noun noun) {
  switch (noun) {
    case Noun::run:
      return "run";
    case Noun::state:
      return "state";
    case Noun::model:
      return "model";
    case Noun::dataset:
      return "dataset";
    case Noun::object:
      return "object";
    case Noun::path:
      return "path";
    case Noun::recipe:
      return "recipe";
  }
  return "";
}

Resolved resolve(Context& context, std::string_view text) {
  return Resolver(context, text).resolve();
}

Resolved resolve_run(Context& context, std::string_view text) {
  context.store();
  Resolved resolved = resolve(context, text);
  if (resolved.noun == Noun::run) return resolved;
  throw Error(Code::invalid_argument,
              fmt::format("'{}' is a {}, not a run", text, noun_name(resolved.noun)),
              "`repro runs` lists the runs");
}

Resolved resolve_state(Context& context, std::string_view text) {
  context.store();
  Resolved resolved = resolve(context, text);
  if (resolved.noun == Noun::state) return resolved;
  if (resolved.noun == Noun::model) {
    resolved.noun = Noun::state;
    resolved.digest = resolved.model->model.state;
    return resolved;
  }
  if (resolved.noun != Noun::run) {
    throw Error(Code::invalid_argument,
                fmt::format("'{}' is a {}, not a state", text, noun_name(resolved.noun)),
                "write RUN@STEP, RUN for its newest state, or the name of a model");
  }
  if (resolved.run->states.empty()) {
    throw Error(Code::not_found, fmt::format("run {} has no state yet", run_label(*resolved.run)),
                "`repro resume` trains on to the next checkpoint");
  }
  resolved.noun = Noun::state;
  resolved.step = resolved.run->states.back().step;
  resolved.digest = resolved.run->states.back().manifest;
  return resolved;
}

std::vector<LoadedRun> load_runs(Context& context) {
  std::vector<LoadedRun> runs;
  for (const artifacts::Ref& ref : context.store().list_refs("runs")) {
    runs.push_back({ref.target, load_run(context.store(), ref.target)});
  }
  // The nonce begins with the time in nanoseconds, so it orders runs of one second.
  std::sort(runs.begin(), runs.end(), [](const LoadedRun& a, const LoadedRun& b) {
    return std::tie(a.run.created, a.run.nonce) > std::tie(b.run.created, b.run.nonce);
  });
  return runs;
}

manifests::Run load_run(const artifacts::Store& store, const Digest& manifest) {
  return load_manifest(store, manifest, "run manifest", manifests::parse_run);
}

manifests::Model load_model(const artifacts::Store& store, const Digest& manifest) {
  return load_manifest(store, manifest, "model manifest", manifests::parse_model);
}

manifests::State load_state(const artifacts::Store& store, const Digest& manifest) {
  return load_manifest(store, manifest, "state manifest", manifests::parse_state);
}

manifests::Dataset load_dataset(const artifacts::Store& store, const Digest& manifest) {
  return load_manifest(store, manifest, "dataset manifest", manifests::parse_dataset);
}

std::string run_label(const manifests::Run& run) {
  const std::string id = run.id.substr(0, 12);
  return run.name.empty() ? id : fmt::format("{} ({})", id, run.name);
}

}  // namespace repro::cli

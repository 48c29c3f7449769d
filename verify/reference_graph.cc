#include "verify/reference_graph.h"

#include <algorithm>
#include <utility>

#include "artifacts/base/error.h"
#include "manifests/imported_log.h"
#include "manifests/record.h"
#include "manifests/schema.h"
#include "verify/run_logs.h"

namespace repro::verify {
namespace {

// Logs are read whole as well; a forged manifest must not ask for the machine's memory.
constexpr std::uint64_t kMaxReadBytes = std::uint64_t{1} << 34;
constexpr std::size_t kMaxReferrers = 8;

std::string short_id(const manifests::Run& run) { return run.id.substr(0, 12); }

}  // namespace

template <class Action>
void ReferenceGraph::guarded(const Digest& manifest, const Action& action) {
  try {
    action();
  } catch (const Error& error) {
    Finding finding = finding_of(error, "manifest", store_.object_path(manifest));
    finding.object = manifest.hex();
    findings_.push_back(std::move(finding));
  }
}

void ReferenceGraph::add_finding(Severity severity, const Digest& manifest, std::string message) {
  findings_.push_back(
      {severity, "manifest", store_.object_path(manifest), manifest.hex(), {}, std::move(message)});
}

void ReferenceGraph::add_edge(const Digest& target, const std::string& role,
                              const std::string& label) {
  const auto [position, fresh] = label_ids_.try_emplace(label, labels_.size());
  if (fresh) labels_.push_back(label);
  edges_[target].push_back({position->second, role});
}

void ReferenceGraph::add_edges(std::string_view text, const std::string& label) {
  for (const auto& reference : manifests::find_references(text, label)) {
    add_edge(reference.digest, reference.role, label);
  }
}

void ReferenceGraph::add_object_error(const Digest& digest, const Error& error) {
  switch (error.code()) {
    case Code::corruption:
    case Code::not_found:
    case Code::io:
    case Code::unsupported:
      object_errors_.try_emplace(digest, error.what());
      return;
    default:
      throw error;
  }
}

std::optional<std::string> ReferenceGraph::find_bytes(const Digest& digest) {
  try {
    std::string bytes = store_.get(digest, kMaxReadBytes);
    sound_.insert(digest);
    return bytes;
  } catch (const Error& error) {
    add_object_error(digest, error);
    return std::nullopt;
  }
}

std::optional<std::string> ReferenceGraph::find_log(const manifests::LogSummary& summary) {
  std::string text;
  for (const auto& piece : summary.pieces) {
    const auto bytes = find_bytes(piece.digest);
    if (!bytes) return std::nullopt;
    text += *bytes;
  }
  return text;
}

void ReferenceGraph::add_ref(const artifacts::Ref& ref, const std::string& ref_path) {
  const std::string label = "ref " + ref.kind + "/" + ref.name;
  const bool present = store_.contains(ref.target);
  if (ref.kind == "orders" && !present) return;  // is made anew where it is wanted
  add_edge(ref.target, "target", label);
  if (ref.kind == "orders" || !present) return;
  const auto text = find_bytes(ref.target);
  if (!text) return;
  const std::string schema = manifests::find_schema(*text).value_or("");
  std::string wanted = schema;  // a tag may name anything
  if (ref.kind == "runs") wanted = manifests::kRunSchema;
  if (ref.kind == "models") wanted = manifests::kModelSchema;
  if (ref.kind == "datasets") wanted = manifests::kDatasetSchema;
  if (ref.kind == "logs") wanted = manifests::kImportedLogSchema;
  if (schema != wanted) {
    findings_.push_back({Severity::corruption,
                         "ref",
                         ref_path,
                         ref.target.hex(),
                         {},
                         label + " points to an object that is no " + wanted + " manifest"});
    return;
  }
  if (schema == manifests::kRunSchema) {
    if (visited_.insert(ref.target).second) visit_run(ref.target, *text);
    const auto id = run_ids_.find(ref.target);
    if (ref.kind == "runs" && id != run_ids_.end() && id->second != ref.name) {
      findings_.push_back({Severity::corruption,
                           "ref",
                           ref_path,
                           ref.target.hex(),
                           {},
                           label + " points to the manifest of run " + id->second});
    }
  } else {
    add_manifest(ref.target, label);
  }
}

void ReferenceGraph::add_manifest(const Digest& digest, const std::string& referrer) {
  const auto text = find_bytes(digest);
  if (!text) return;
  const std::string schema = manifests::find_schema(*text).value_or("");
  if (schema == manifests::kRunSchema) {
    if (visited_.insert(digest).second) visit_run(digest, *text);
  } else if (schema == manifests::kModelSchema) {
    visit_model(digest, *text);
  } else if (schema == manifests::kStateSchema) {
    visit_state(digest, "state " + digest.short_hex() + " of " + referrer);
  } else if (schema == manifests::kDatasetSchema) {
    visit_dataset(digest, "dataset " + digest.short_hex());
  } else if (schema == manifests::kImportedLogSchema) {
    visit_imported_log(digest, *text);
  }
}

void ReferenceGraph::visit_imported_log(const Digest& digest, const std::string& text) {
  guarded(digest, [&] {
    const std::string label = "imported log " + digest.short_hex();
    const auto log = manifests::parse_imported_log(text, label);
    if (!visited_.insert(digest).second) return;
    add_edges(text, label);
    check_size(log.file, log.size, digest);
    if (const auto records = find_bytes(log.records)) manifests::parse_records(*records, label);
  });
}

void ReferenceGraph::visit_run(const Digest& digest, const std::string& text) {
  guarded(digest, [&] {
    const manifests::Run run = manifests::parse_run(text, "run manifest " + digest.short_hex());
    run_ids_[digest] = run.id;
    add_edges(text, "run " + short_id(run));
    for (const auto& segment : run.segments) visit_segment(digest, run, segment);
    for (const auto& stored : run.states) visit_state(digest, run, stored);
    for (const LogKind kind : {LogKind::log, LogKind::telemetry}) {
      const auto log = find_log(log_summary(run, kind));
      if (!log) continue;  // the piece is reported as an object
      for (Finding& finding : check_published(run, kind, *log, store_.object_path(digest))) {
        finding.object = digest.hex();
        findings_.push_back(std::move(finding));
      }
    }
  });
}

void ReferenceGraph::visit_model(const Digest& digest, const std::string& text) {
  guarded(digest, [&] {
    const std::string label = "model " + digest.short_hex();
    const manifests::Model model = manifests::parse_model(text, label);
    if (!visited_.insert(digest).second) return;
    add_edges(text, label);
    const auto state = visit_state(model.state, "state of " + label);
    if (state && (state->derivation != manifests::model_derivation(model.origin) ||
                  state->model_root != model.model_root || state->state_root != model.state_root)) {
      add_finding(Severity::mismatch, digest,
                  label + ": its derivation or roots are not those of its state");
    }
    for (const auto& parent : model.origin.parents) {
      const auto found = visit_state(parent.state, "state that " + label + " was made of");
      if (found && found->model_root != parent.model_root) {
        add_finding(Severity::mismatch, digest,
                    label + ": a parent has another model root than is claimed for it");
      }
      if (const auto manifest = find_digest(parent.model)) add_manifest(*manifest, label);
    }
  });
}

void ReferenceGraph::visit_segment(const Digest& run_digest, const manifests::Run& run,
                                   const manifests::Segment& segment) {
  const std::string place =
      "run " + short_id(run) + ", segment at step " + std::to_string(segment.first_step);
  if (const auto dataset = visit_dataset(segment.dataset, "dataset of run " + short_id(run))) {
    if (manifests::dataset_root(*dataset) != segment.content.dataset_root) {
      add_finding(Severity::mismatch, run_digest,
                  place + ": the dataset has another root than the derivation names");
    }
  }
  if (const auto text = find_bytes(segment.config)) {
    guarded(segment.config, [&] {
      const auto config = manifests::parse_config(*text, "config of " + place);
      if (manifests::deciding_keys(config) != segment.content.deciding) {
        add_finding(Severity::mismatch, run_digest,
                    place + ": the config has other deciding keys than the derivation");
      }
    });
  }
  if (const auto model = find_digest(segment.parent_model)) add_manifest(*model, place);
  if (segment.parent_state.empty()) return;
  guarded(run_digest, [&] {
    const Digest parent = parse_digest(segment.parent_state, "parent state of " + place);
    const auto state = visit_state(parent, "state that " + place + " starts from");
    if (state && segment.content.initial != state->state_root.hex()) {
      add_finding(Severity::mismatch, run_digest,
                  place + ": the parent state has another root than the derivation names");
    }
  });
}

void ReferenceGraph::visit_state(const Digest& run_digest, const manifests::Run& run,
                                 const manifests::StoredState& stored) {
  const std::string label =
      "state at step " + std::to_string(stored.step) + " of run " + short_id(run);
  const auto state = visit_state(stored.manifest, label);
  if (!state) return;
  if (state->step != stored.step || state->model_root != stored.model_root ||
      state->state_root != stored.state_root) {
    add_finding(Severity::mismatch, run_digest,
                label + ": step or roots are not those of the state's own manifest");
  }
}

std::optional<manifests::State> ReferenceGraph::visit_state(const Digest& digest,
                                                            const std::string& label) {
  const auto text = find_bytes(digest);
  if (!text) return std::nullopt;
  std::optional<manifests::State> state;
  guarded(digest, [&] {
    state = manifests::parse_state(*text, label);
    if (!visited_.insert(digest).second) return;
    states_.push_back({digest, label});
    add_edges(*text, label);
    for (const auto& tensor : state->tensors) check_size(tensor.digest, tensor.size, digest);
  });
  return state;
}

std::optional<manifests::Dataset> ReferenceGraph::visit_dataset(const Digest& digest,
                                                                const std::string& label) {
  const auto text = find_bytes(digest);
  if (!text) return std::nullopt;
  std::optional<manifests::Dataset> dataset;
  guarded(digest, [&] {
    dataset = manifests::parse_dataset(*text, label);
    if (!visited_.insert(digest).second) return;
    datasets_.push_back({digest, label});
    add_edges(*text, label);
    const std::int64_t id_bytes = dataset->dtype == "uint16" ? 2 : 4;
    for (const auto& shard : dataset->shards) {
      check_size(shard.tokens, shard.num_tokens * id_bytes, digest);
      check_size(shard.documents, shard.num_documents * 8, digest);
    }
  });
  return dataset;
}

void ReferenceGraph::check_size(const Digest& digest, std::int64_t size, const Digest& manifest) {
  if (!store_.contains(digest)) return;  // reported as missing
  try {
    if (store_.size_of(digest) == static_cast<std::uint64_t>(size)) return;
  } catch (const Error& error) {
    add_object_error(digest, error);
    return;
  }
  add_finding(Severity::mismatch, manifest,
              "object " + digest.short_hex() + " has not the size that is claimed for it");
}

std::vector<Digest> ReferenceGraph::reached() const {
  std::vector<Digest> digests;
  for (const auto& [digest, edges] : edges_) digests.push_back(digest);
  return digests;
}

std::vector<std::string> ReferenceGraph::referrers_of(const Digest& digest) const {
  const auto found = edges_.find(digest);
  if (found == edges_.end()) return {};
  std::vector<std::string> texts;
  for (const Edge& edge : found->second) texts.push_back(edge.role + " of " + labels_[edge.label]);
  std::sort(texts.begin(), texts.end());
  texts.erase(std::unique(texts.begin(), texts.end()), texts.end());
  if (texts.size() > kMaxReferrers) {
    const std::string more = "and " + std::to_string(texts.size() - kMaxReferrers) + " more";
    texts.resize(kMaxReferrers);
    texts.push_back(more);
  }
  return texts;
}

std::vector<Finding> ReferenceGraph::findings() const {
  std::vector<Finding> findings = findings_;
  for (const auto& [digest, message] : object_errors_) {
    findings.push_back({Severity::corruption, "object", store_.object_path(digest), digest.hex(),
                        referrers_of(digest), message});
  }
  for (const auto& [digest, edges] : edges_) {
    if (object_errors_.contains(digest) || store_.contains(digest)) continue;
    findings.push_back({Severity::corruption, "object", store_.object_path(digest), digest.hex(),
                        referrers_of(digest), "object " + digest.hex() + " is missing"});
  }
  sort_findings(findings);
  return findings;
}

}  // namespace repro::verify

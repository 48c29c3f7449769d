#include "verify/verify.h"

#include <algorithm>
#include <map>
#include <set>
#include <span>
#include <utility>

#include "artifacts/base/error.h"
#include "manifests/dataset.h"
#include "manifests/schema.h"
#include "manifests/state.h"
#include "verify/dataset_check.h"
#include "verify/reference_graph.h"
#include "verify/streaming_root.h"

namespace repro::verify {
namespace {

constexpr std::string_view kNotAuthentic =
    "who made it: nothing here is signed, so the verdict is consistent, not authentic";
constexpr std::string_view kNotReplayed =
    "that executing the steps gives these states; --replay does that";

std::string counted(std::uint64_t count, const std::string& noun) {
  return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

// Walks from what was asked for, then reads every object reached once.
class DeepCheck {
 public:
  DeepCheck(const artifacts::Store& store, const VerifyOptions& options)
      : store_(store), options_(options), graph_(store) {}

  ReferenceGraph& graph() { return graph_; }
  // One more object to read, reached or not.
  void add_object(const Digest& digest) { objects_.insert(digest); }

  Verification run();

 private:
  struct Claim {
    Digest root;
    Digest manifest;
    std::string label;  // "tensor NAME of state ..."
  };

  void collect_claims();
  void read_objects();
  void read_object(const Digest& digest);
  void check_datasets();
  void describe();

  const artifacts::Store& store_;
  const VerifyOptions& options_;
  ReferenceGraph graph_;
  std::set<Digest> objects_;
  std::map<Digest, std::vector<Claim>> claims_;  // by tensor object
  std::vector<Finding> findings_;
  Verification result_;
};

void DeepCheck::collect_claims() {
  for (const auto& entry : graph_.states()) {
    const auto state = manifests::parse_state(store_.get(entry.digest), entry.label);
    for (const auto& tensor : state.tensors) {
      if (!options_.tensor.empty() && tensor.name != options_.tensor) continue;
      claims_[tensor.digest].push_back(
          {tensor.root, entry.digest, "tensor " + tensor.name + " of " + entry.label});
    }
  }
  if (!options_.tensor.empty() && claims_.empty() && graph_.findings().empty()) {
    throw Error(Code::not_found, "no state here has a tensor " + options_.tensor,
                "`repro show` of a state lists the names");
  }
}

void DeepCheck::read_object(const Digest& digest) {
  StreamingRoot root;
  const auto claims = claims_.find(digest);
  std::uint64_t bytes = 0;
  try {
    store_.read(digest, [&](std::span<const std::byte> piece) {
      bytes += piece.size();
      if (claims != claims_.end()) root.update(piece);
    });
  } catch (const Error& error) {
    graph_.add_object_error(digest, error);
    return;
  }
  ++result_.num_objects;
  result_.num_bytes += bytes;
  if (claims == claims_.end()) return;
  const Digest actual = root.finish();
  for (const Claim& claim : claims->second) {
    ++result_.num_tensors;
    if (claim.root == actual) continue;
    findings_.push_back({Severity::mismatch, "root", store_.object_path(claim.manifest),
                         claim.manifest.hex(), graph_.referrers_of(claim.manifest),
                         claim.label + ": its bytes have root " + actual.hex() +
                             ", the manifest claims " + claim.root.hex()});
  }
}

void DeepCheck::read_objects() {
  if (options_.tensor.empty()) {
    for (const Digest& digest : graph_.reached()) objects_.insert(digest);
  } else {
    objects_.clear();
    for (const auto& [digest, claims] : claims_) objects_.insert(digest);
  }
  std::uint64_t total = 0;
  std::vector<std::pair<Digest, std::uint64_t>> present;
  for (const Digest& digest : objects_) {
    if (!store_.contains(digest)) continue;  // the graph reports it
    std::uint64_t size = 0;
    try {
      size = store_.size_of(digest);
    } catch (const Error& error) {
      graph_.add_object_error(digest, error);
      continue;
    }
    present.emplace_back(digest, size);
    total += size;
  }
  std::uint64_t done = 0;
  for (const auto& [digest, size] : present) {
    read_object(digest);
    done += size;
    if (options_.progress) options_.progress(done, total);
  }
}

void DeepCheck::check_datasets() {
  if (!options_.tensor.empty()) return;
  for (const auto& entry : graph_.datasets()) {
    try {
      const auto dataset = manifests::parse_dataset(store_.get(entry.digest), entry.label);
      for (Finding& finding : check_dataset_content(store_, dataset, entry.digest)) {
        findings_.push_back(std::move(finding));
      }
    } catch (const Error& error) {
      graph_.add_object_error(entry.digest, error);
    }
  }
}

void DeepCheck::describe() {
  auto& checked = result_.checked;
  checked.push_back(counted(result_.num_objects, "object") + ", " +
                    std::to_string(result_.num_bytes) +
                    " bytes: against their digests, as stored and decoded");
  if (!graph_.states().empty()) {
    checked.push_back(counted(graph_.states().size(), "state") + ": Merkle roots of " +
                      counted(result_.num_tensors, "tensor") +
                      " recomputed, against manifests and log");
  }
  if (!options_.tensor.empty()) {
    result_.not_checked.push_back("any tensor but " + options_.tensor + ", and the datasets");
  } else if (!graph_.datasets().empty()) {
    checked.push_back(counted(graph_.datasets().size(), "dataset") +
                      ": content root, token ids and document ends");
  }
}

Verification DeepCheck::run() {
  collect_claims();
  read_objects();
  check_datasets();
  describe();
  result_.findings = graph_.findings();
  std::move(findings_.begin(), findings_.end(), std::back_inserter(result_.findings));
  sort_findings(result_.findings);
  return std::move(result_);
}

void add_run_coverage(const artifacts::Store& store, const Digest& digest, Verification& result) {
  try {
    const auto run = manifests::parse_run(store.get(digest), "run " + digest.short_hex());
    result.checked.push_back("log: " + std::to_string(run.log.lines) +
                             " lines, one unbroken chain from the derivation to the head");
    result.checked.push_back("telemetry: " + std::to_string(run.telemetry.lines) +
                             " lines, one unbroken chain (its content is nobody's claim)");
    result.not_checked.emplace_back(kNotReplayed);
  } catch (const Error&) {  // a finding says so
  }
}

}  // namespace

int exit_status(const Verification& verification) {
  const int status = exit_status(verification.findings);
  if (status != 0 || verification.complete) return status;
  return exit_code(Code::environment);
}

Verification verify_object(const artifacts::Store& store, const Digest& digest,
                           const VerifyOptions& options) {
  if (!store.contains(digest)) {
    throw Error(Code::not_found, "the store has no object " + digest.hex());
  }
  DeepCheck check(store, options);
  check.add_object(digest);
  check.graph().add_manifest(digest, "object " + digest.short_hex());
  Verification result = check.run();
  std::string schema;
  try {  // only whole manifests are small
    if (store.size_of(digest) <= (std::uint64_t{64} << 20)) {
      schema = manifests::find_schema(store.get(digest)).value_or("");
    }
  } catch (const Error&) {  // a finding says so
  }
  if (schema == manifests::kRunSchema) add_run_coverage(store, digest, result);
  result.not_checked.emplace_back(kNotAuthentic);
  return result;
}

Verification verify_store(const artifacts::Store& store, const VerifyOptions& options) {
  FsckReport fsck = check_store(store, options.progress);
  DeepCheck check(store, options);
  for (const char* kind : {"runs", "models", "datasets", "logs", "tags"}) {
    try {
      for (const auto& ref : store.list_refs(kind)) {
        check.graph().add_ref(ref, join_path(store.folder(), "refs/" + ref.kind + "/" + ref.name));
      }
    } catch (const Error&) {  // fsck has found it
    }
  }
  Verification result = check.run();
  result.checked.insert(result.checked.begin(),
                        "every file of the store: " + counted(fsck.num_objects, "object") + ", " +
                            counted(fsck.num_refs, "ref") + ", logs and working files");
  std::move(fsck.findings.begin(), fsck.findings.end(), std::back_inserter(result.findings));
  sort_findings(result.findings);
  if (fsck.num_runs != 0) result.not_checked.emplace_back(kNotReplayed);
  result.not_checked.emplace_back(kNotAuthentic);
  return result;
}

}  // namespace repro::verify

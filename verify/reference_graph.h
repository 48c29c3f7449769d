// Everything that refs reach: which object is referred to by what, and whether manifests agree with
// each other. Used by fsck for the whole store and by verify for one run or dataset.
//
// An object that is missing or damaged is remembered with all that refers to it and reported once,
// so the order of `add_*` calls does not matter. Borrows the store. One thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "artifacts/store/store.h"
#include "manifests/dataset.h"
#include "manifests/model.h"
#include "manifests/run.h"
#include "manifests/state.h"
#include "verify/finding.h"

namespace repro::verify {

class ReferenceGraph {
 public:
  explicit ReferenceGraph(const artifacts::Store& store) : store_(store) {}

  // Walks what a ref points to; checks that it is a manifest of the ref's kind.
  void add_ref(const artifacts::Ref& ref, const std::string& ref_path);
  // Walks a manifest of any schema; an object that is no manifest is only required to exist.
  void add_manifest(const Digest& digest, const std::string& referrer);
  // Remembers that reading `digest` failed.
  void add_object_error(const Digest& digest, const Error& error);

  // Sound manifests of states and datasets reached so far, each once.
  struct Manifest {
    Digest digest;
    std::string label;
  };
  const std::vector<Manifest>& states() const { return states_; }
  const std::vector<Manifest>& datasets() const { return datasets_; }
  // Whether the object was read whole, both digests verified.
  bool is_sound(const Digest& digest) const { return sound_.contains(digest); }
  // Objects that something reached refers to, in order.
  std::vector<Digest> reached() const;
  // "tensor lm_head.weight of state at step 40 of run 3c..."; long lists end in "and 12 more".
  std::vector<std::string> referrers_of(const Digest& digest) const;
  // Everything wrong, sorted.
  std::vector<Finding> findings() const;

 private:
  struct Edge {
    std::size_t label = 0;  // in labels_
    std::string role;
  };

  void add_edge(const Digest& target, const std::string& role, const std::string& label);
  void add_edges(std::string_view text, const std::string& label);
  std::optional<std::string> find_bytes(const Digest& digest);
  std::optional<std::string> find_log(const manifests::LogSummary& summary);
  void visit_run(const Digest& digest, const std::string& text);
  void visit_model(const Digest& digest, const std::string& text);
  void visit_segment(const Digest& run_digest, const manifests::Run& run,
                     const manifests::Segment& segment);
  void visit_state(const Digest& run_digest, const manifests::Run& run,
                   const manifests::StoredState& stored);
  std::optional<manifests::State> visit_state(const Digest& digest, const std::string& label);
  void visit_imported_log(const Digest& digest, const std::string& text);
  std::optional<manifests::Dataset> visit_dataset(const Digest& digest, const std::string& label);
  void check_size(const Digest& digest, std::int64_t size, const Digest& manifest);
  void add_finding(Severity severity, const Digest& manifest, std::string message);
  template <class Action>
  void guarded(const Digest& manifest, const Action& action);

  const artifacts::Store& store_;
  std::vector<std::string> labels_;
  std::map<std::string, std::size_t> label_ids_;
  std::map<Digest, std::vector<Edge>> edges_;
  std::set<Digest> visited_;
  std::set<Digest> sound_;
  std::map<Digest, std::string> run_ids_;  // by manifest
  std::vector<Manifest> states_;
  std::vector<Manifest> datasets_;
  std::map<Digest, std::string> object_errors_;
  std::vector<Finding> findings_;
};

}  // namespace repro::verify

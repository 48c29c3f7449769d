#include "train/engine/run_writer.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "artifacts/base/error.h"

namespace repro::train {
namespace {

constexpr std::string_view kRefKind = "runs";

}  // namespace

RunWriter::RunWriter(artifacts::Store& store, manifests::Run run, std::optional<Digest> published)
    : store_(store), run_(std::move(run)), published_(published), lock_(store.lock_run(run_.id)) {
  const auto ref = store_.find_ref(kRefKind, run_.id);
  const std::optional<Digest> current = ref ? std::optional(ref->target) : std::nullopt;
  if (current != published_) {
    throw Error(Code::conflict, "run " + run_.id.substr(0, 12) + " was changed by another process",
                "run the command again");
  }
  log_ = open_tail("log-tail.jsonl", logs::kLogSchema, run_.segments.front().derivation.hex(),
                   run_.log);
  telemetry_ = open_tail("telemetry-tail.jsonl", logs::kTelemetrySchema, run_.id, run_.telemetry);
  run_.status = manifests::RunStatus::running;
  publish_manifest();
}

RunWriter::Tail RunWriter::open_tail(const std::string& name, std::string_view schema,
                                     std::string_view subject,
                                     const manifests::LogSummary& summary) {
  std::string head = summary.lines == 0 ? logs::genesis(schema, subject) : summary.head;
  const std::string path = join_path(store_.run_folder(run_.id), name);
  return Tail{path, logs::Chain(std::move(head)), store_.files().open(path, OpenMode::write), "",
              0};
}

void RunWriter::append(Tail& tail, const Json& event) {
  const std::string line = tail.chain.append(event);
  tail.file->write(as_bytes(line));
  tail.text += line;
  ++tail.lines;
}

void RunWriter::log(const Json& event) { append(*log_, event); }
void RunWriter::telemetry(const Json& event) { append(*telemetry_, event); }

void RunWriter::close(Tail& tail, manifests::LogSummary& summary) {
  if (tail.lines == 0) return;
  const artifacts::ObjectInfo piece = store_.put(std::string_view(tail.text));
  summary.pieces.push_back({piece.digest, static_cast<std::int64_t>(piece.size), tail.lines});
  summary.head = tail.chain.head();
  summary.lines += tail.lines;
  tail.text.clear();
  tail.lines = 0;
}

void RunWriter::publish(const manifests::StoredState& state, manifests::RunStatus status) {
  run_.states.push_back(state);
  run_.step = state.step;
  publish_status(status);
}

void RunWriter::publish_status(manifests::RunStatus status) {
  run_.status = status;
  close(*log_, run_.log);
  close(*telemetry_, run_.telemetry);
  publish_manifest();
  for (Tail* tail : {&*log_, &*telemetry_})
    tail->file = store_.files().open(tail->path, OpenMode::write);
}

void RunWriter::publish_manifest() {
  const artifacts::ObjectInfo manifest = store_.put(std::string_view(manifests::encode_run(run_)));
  store_.set_ref({std::string(kRefKind), run_.id, manifest.digest}, published_);
  published_ = manifest.digest;
}

}  // namespace repro::train

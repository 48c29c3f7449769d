#include "cli/run_record.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <tuple>

#include "artifacts/base/error.h"
#include "artifacts/base/number_text.h"
#include "cli/lineage.h"
#include "logs/run_log.h"
#include "verify/run_logs.h"

namespace repro::cli {
namespace {

constexpr const char* kSummaryKind = "run-summary/1";
constexpr const char* kSpikesKind = "run-spikes/1";

Json code_record(const manifests::CodeNotes& code) {
  Json submodules = Json::array();
  for (const auto& [path, commit] : code.submodules) {
    submodules.push_back({{"path", path}, {"commit", commit}});
  }
  return {{"recipe_commit", code.recipe_commit},
          {"recipe_diff", code.recipe_diff},
          {"submodules", submodules},
          {"repro_version", code.repro_version},
          {"repro_commit", code.repro_commit},
          {"build_id", code.build_id}};
}

Json segment_record(const manifests::Segment& segment) {
  return {{"first_step", segment.first_step},
          {"derivation", segment.derivation.hex()},
          {"config", segment.config.hex()},
          {"dataset", segment.dataset.hex()},
          {"reason", segment.reason},
          {"parent_run", segment.parent_run},
          {"parent_state", segment.parent_state},
          {"parent_model", segment.parent_model},
          {"initial", segment.content.initial},
          {"operators", Json(segment.content.operators)}};
}

Json state_record(const manifests::StoredState& state) {
  return {{"step", state.step},
          {"manifest", state.manifest.hex()},
          {"digest", state.state_root.hex()},
          {"model", state.model_root.hex()}};
}

std::string last_loss(const artifacts::Store& store, const manifests::Run& run) {
  if (run.log.pieces.empty()) return "";
  const std::string piece = store.get(run.log.pieces.back().digest);
  std::size_t end = piece.size();
  while (end > 1) {  // the last step line; an eval line may follow it
    const std::size_t newline = piece.rfind('\n', end - 2);
    const std::size_t begin = newline == std::string::npos ? 0 : newline + 1;
    const Json event = parse_json(std::string_view(piece).substr(begin, end - begin), "log line");
    if (event.value("type", "") == "step") return event.value("loss", "");
    end = begin;
  }
  return "";
}

// Cached by manifest digest: a whole log is read for it.
Json spikes_record(Context& context, const LoadedRun& loaded) {
  artifacts::Catalogue& catalogue = context.catalogue();
  if (const auto text = catalogue.find_text(kSpikesKind, loaded.manifest)) {
    try {
      return parse_json(*text, "spikes of a run");
    } catch (const Error&) {  // a cache: what cannot be read is made anew
    }
  }
  Json record = logs::encode_spikes(verify::find_spikes(context.store(), loaded.run));
  catalogue.remember_text(kSpikesKind, loaded.manifest, encode_json(record));
  return record;
}

logs::SpikeScore score_of(const Json& record, const char* series) {
  const char* what = "spikes of a run";
  const Json& score = json_at(record, series, what);
  return {json_int(score, "spikes", what), json_int(score, "judged", what)};
}

Json encode_summary(const RunSummary& summary) {
  return {{"id", summary.id},           {"name", summary.name},   {"recipe", summary.recipe},
          {"created", summary.created}, {"nonce", summary.nonce}, {"status", summary.status},
          {"step", summary.step},       {"until", summary.until}, {"loss", summary.loss},
          {"state", summary.state_root}};
}

std::optional<RunSummary> find_summary(Context& context, const artifacts::Ref& ref) {
  const auto text = context.catalogue().find_text(kSummaryKind, ref.target);
  if (!text) return std::nullopt;
  try {
    const Json json = parse_json(*text, "run summary");
    const char* what = "run summary";
    return RunSummary{json_string(json, "id", what),     json_string(json, "name", what),
                      json_string(json, "recipe", what), json_string(json, "created", what),
                      json_string(json, "nonce", what),  json_string(json, "status", what),
                      json_int(json, "step", what),      json_int(json, "until", what),
                      json_string(json, "state", what),  json_string(json, "loss", what)};
  } catch (const Error&) {  // a cache: what cannot be read is made anew
    return std::nullopt;
  }
}

}  // namespace

Json run_record(Context& context, const LoadedRun& loaded) {
  const manifests::Run& run = loaded.run;
  const manifests::Segment& segment = run.segments.back();
  const manifests::Dataset dataset = load_dataset(context.store(), segment.dataset);
  Json segments = Json::array();
  for (const auto& each : run.segments) segments.push_back(segment_record(each));
  Json states = Json::array();
  for (const auto& each : run.states) states.push_back(state_record(each));
  Json state = {{"digest", nullptr}, {"manifest", nullptr}, {"step", nullptr}};
  Json model = {{"digest", nullptr}};
  if (!run.states.empty()) {
    const manifests::StoredState& newest = run.states.back();
    state = {{"digest", newest.state_root.hex()},
             {"manifest", newest.manifest.hex()},
             {"step", newest.step}};
    model = {{"digest", newest.model_root.hex()}};
  }
  return {
      {"id", run.id},
      {"name", run.name},
      {"recipe", run.recipe},
      {"status", live_status(context, run.id, std::string(manifests::run_status_name(run.status)))},
      {"step", run.step},
      {"until", run.until},
      {"created", run.created},
      {"manifest", loaded.manifest.hex()},
      {"derivation", run.segments.front().derivation.hex()},
      {"state", state},
      {"model", model},
      {"lineage", lineage_records(lineage_of(context, loaded))},
      {"dataset",
       {{"name", dataset.name},
        {"manifest", segment.dataset.hex()},
        {"digest", manifests::dataset_root(dataset).hex()}}},
      {"segments", segments},
      {"states", states},
      {"log",
       {{"lines", run.log.lines},
        {"head", run.log.head},
        {"loss", last_loss(context.store(), run)},
        {"spikes", spikes_record(context, loaded)}}},
      {"code", code_record(run.code)}};
}

void print_run(Context& context, const LoadedRun& loaded) {
  Io& io = context.io();
  const manifests::Run& run = loaded.run;
  const manifests::Dataset dataset = load_dataset(context.store(), run.segments.back().dataset);
  const std::string status =
      live_status(context, run.id, std::string(manifests::run_status_name(run.status)));
  io.line(fmt::format("run        {}", run.id));
  if (!run.name.empty()) io.line("name       " + run.name);
  io.line(fmt::format("recipe     {}", run.recipe));
  io.line(fmt::format("status     {}, step {} of {}", status, run.step, run.until));
  io.line(fmt::format("created    {}", run.created));
  if (!run.states.empty()) {
    io.line(fmt::format("state      {}", run.states.back().state_root.hex()));
    io.line(fmt::format("model      {}", run.states.back().model_root.hex()));
  }
  io.line(fmt::format("dataset    {} ({})", dataset.name, manifests::dataset_root(dataset).hex()));
  for (const manifests::Segment& segment : run.segments) {
    std::string text = fmt::format("segment    from step {}, derivation {}", segment.first_step,
                                   segment.derivation.hex());
    if (!segment.parent_run.empty()) text += ", branched from " + segment.parent_run.substr(0, 12);
    if (!segment.reason.empty()) text += ": " + segment.reason;
    io.line(text);
  }
  print_lineage(io, lineage_of(context, loaded));
  std::string steps;
  for (const auto& state : run.states) steps += fmt::format(" {}", state.step);
  io.line("stored at " + (steps.empty() ? "  none" : " " + steps));
  const std::string loss = last_loss(context.store(), run);
  io.line(fmt::format("log        {}{}", plural_text(run.log.lines, "line"),
                      loss.empty() ? "" : ", last loss " + loss));
  const Json spikes = spikes_record(context, loaded);
  io.line(fmt::format("spikes     loss: {}; gradient norm: {}",
                      spikes_text(score_of(spikes, "loss")),
                      spikes_text(score_of(spikes, "grad_norm"))));
  const manifests::CodeNotes& code = run.code;
  io.line(fmt::format("code       repro {} {}, build {}", code.repro_version,
                      code.repro_commit.substr(0, 18), code.build_id.substr(0, 12)));
  if (!code.recipe_commit.empty() && code.recipe_commit != code.repro_commit) {
    io.line(fmt::format("           recipe at commit {}{}", code.recipe_commit,
                        code.recipe_diff.empty() ? "" : " with changes " + code.recipe_diff));
  }
}

std::string spikes_text(const logs::SpikeScore& score) {
  if (score.judged == 0) return "too few steps";
  const std::string of = " of " + plural_text(score.judged, "step");
  if (score.spikes == 0) return "none" + of;
  return fmt::format("{}{} ({:.2f}%)", score.spikes, of, 100 * score.share());
}

void print_outcome(Context& context, const std::string& run_id) {
  const auto ref = context.store().find_ref("runs", run_id);
  if (!ref) throw Error(Code::not_found, "run " + run_id + " is gone");
  const LoadedRun loaded{ref->target, load_run(context.store(), ref->target)};
  Io& io = context.io();
  io.line("run    " + loaded.run.id);
  io.line(fmt::format("step   {}", loaded.run.step));
  if (!loaded.run.states.empty()) {
    io.line("state  " + loaded.run.states.back().state_root.hex());
  }
  if (io.json()) io.emit("run", run_record(context, loaded));
}

RunSummary summarise(Context& context, const artifacts::Ref& ref) {
  if (auto cached = find_summary(context, ref)) return *std::move(cached);
  const manifests::Run run = load_run(context.store(), ref.target);
  RunSummary summary;
  summary.id = run.id;
  summary.name = run.name;
  summary.recipe = run.recipe;
  summary.created = run.created;
  summary.nonce = run.nonce;
  summary.status = manifests::run_status_name(run.status);
  summary.step = run.step;
  summary.until = run.until;
  if (!run.states.empty()) summary.state_root = run.states.back().state_root.hex();
  summary.loss = last_loss(context.store(), run);
  context.catalogue().remember_text(kSummaryKind, ref.target, encode_json(encode_summary(summary)));
  return summary;
}

std::vector<RunSummary> list_summaries(Context& context) {
  std::vector<RunSummary> summaries;
  for (const artifacts::Ref& ref : context.store().list_refs("runs")) {
    summaries.push_back(summarise(context, ref));
  }
  std::sort(summaries.begin(), summaries.end(), [](const RunSummary& a, const RunSummary& b) {
    return std::tie(a.created, a.nonce) > std::tie(b.created, b.nonce);
  });
  return summaries;
}

std::string live_status(Context& context, const std::string& run_id, const std::string& status) {
  if (status != manifests::run_status_name(manifests::RunStatus::running)) return status;
  const std::string lock = join_path(context.store().run_folder(run_id), "lock");
  const std::string killed(manifests::run_status_name(manifests::RunStatus::interrupted));
  if (!context.files().exists(lock)) return killed;
  try {
    return context.files().find_lock(lock) == nullptr ? status : killed;
  } catch (const Error&) {  // a read-only medium: nobody trains there
    return killed;
  }
}

}  // namespace repro::cli

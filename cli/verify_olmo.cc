#include "cli/verify_olmo.h"

#include <nlohmann/json.hpp>
#include <optional>

#include "artifacts/base/error.h"
#include "artifacts/base/file_system.h"
#include "artifacts/base/json.h"
#include "cli/findings.h"
#include "cli/progress.h"
#include "cli/worker.h"
#include "verify/verify_olmo.h"

namespace repro::cli {
namespace {

verify::OlmoVerification verify_path(Context& context, const std::string& path) {
  FileSystem& files = context.files();
  // A symlink named by the user is followed, one that lies in a folder is not.
  const auto folder = files.find_status(join_path(path, "."));
  if (!folder) return verify::verify_olmo_list(files, path);
  std::optional<ProgressBar> bar;  // one a checkpoint
  std::uint64_t last = 0;
  return verify::verify_olmo_folder(files, path, [&](std::uint64_t done, std::uint64_t total) {
    if (!bar || done < last) bar.emplace(context.io(), context.clock(), "reading", "bytes");
    last = done;
    bar->update(done, total);
  });
}

// The worker's event.
Json ask_for_order(Context& context, const verify::OlmoIndices& indices) {
  manifests::RunSpec spec;
  spec.command = manifests::SpecCommand::indices;
  spec.paths = {absolute_path(indices.path)};
  spec.indices = {indices.seed + indices.epoch, indices.least, indices.most};
  Json answer = Json::object();
  run_worker(context, spec, [&](const Json& event) { answer = event; });
  return answer;
}

// Where the order differs: a finding.
std::optional<verify::Finding> order_finding(const verify::OlmoIndices& indices,
                                             const Json& answer) {
  const std::string where = "worker's event";
  if (json_at(answer, "place", where).is_null()) return std::nullopt;
  const auto number = [&](const char* key) { return std::to_string(json_int(answer, key, where)); };
  return verify::Finding{verify::Severity::mismatch,
                         "order",
                         indices.path,
                         "",
                         {},
                         "place " + number("place") + " holds index " + number("found") +
                             "; the order of seed " + std::to_string(indices.seed) + ", epoch " +
                             std::to_string(indices.epoch) + " of " + number("instances") +
                             " instances has " + number("wanted")};
}

// The order is computed by the worker, from the run's configuration and the size alone. Where it
// fails, what was found before is still told.
void check_order(Context& context, const verify::OlmoIndices& indices,
                 verify::Verification& result) {
  const std::string claim = "global_indices.npy is the order of seed " +
                            std::to_string(indices.seed) + ", epoch " +
                            std::to_string(indices.epoch);
  if (!find_worker(context)) {
    result.not_checked.push_back(claim + ": needs the worker, repro-train");
    return;
  }
  try {
    const Json answer = ask_for_order(context, indices);
    const std::int64_t instances = json_int(answer, "instances", "worker's event");
    auto finding = order_finding(indices, answer);
    result.checked.push_back(claim + ", of " + std::to_string(instances) + " instances");
    if (finding) result.findings.push_back(*std::move(finding));
    verify::sort_findings(result.findings);
  } catch (const Error& error) {
    if (error.code() == Code::cancelled) throw;
    result.not_checked.push_back(claim + ": the worker failed: " + error.what());
  }
}

std::string verdict_word(int status) {
  if (status == 0) return "consistent";
  return status == exit_code(Code::mismatch) ? "inconsistent" : "corrupt";
}

Json printable_list(const std::vector<std::string>& sentences) {
  Json list = Json::array();
  for (const std::string& sentence : sentences) list.push_back(printable(sentence));
  return list;
}

}  // namespace

int run_verify_olmo(Context& context, const std::string& path) {
  auto [result, derived, indices] = verify_path(context, path);
  if (indices) check_order(context, *indices, result);
  Io& io = context.io();
  print_findings(io, result.findings);
  print_sentences(io, "checked:", result.checked);
  print_sentences(io, "follows, with nothing to compare it with:", derived);
  print_sentences(io, "not checked:", result.not_checked);
  const int status = verify::exit_status(result);
  const std::string word = verdict_word(status);
  io.line(printable(path) + ": " + io.paint(status == 0 ? Paint::good : Paint::bad, word));
  io.emit("others_verification", {{"as", "olmo2"},
                                  {"subject", printable(path)},
                                  {"verdict", word},
                                  {"checked", printable_list(result.checked)},
                                  {"derived", printable_list(derived)},
                                  {"not_checked", printable_list(result.not_checked)},
                                  {"findings", count_findings(result.findings)}});
  return status;
}

}  // namespace repro::cli

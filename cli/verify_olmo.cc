#include "cli/verify_olmo.h"

#include <nlohmann/json.hpp>
#include <optional>

#include "artifacts/base/error.h"
#include "cli/findings.h"
#include "cli/progress.h"
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
  const auto [result, derived] = verify_path(context, path);
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

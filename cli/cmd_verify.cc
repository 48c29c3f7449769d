#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "artifacts/base/error.h"
#include "artifacts/base/number_text.h"
#include "cli/commands.h"
#include "cli/findings.h"
#include "cli/logged_root.h"
#include "cli/progress.h"
#include "cli/recipe_source.h"
#include "cli/replay_check.h"
#include "cli/resolve.h"
#include "cli/state_source.h"
#include "cli/verify_olmo.h"
#include "verify/verify.h"

namespace repro::cli {
namespace {

constexpr const char* kDetails =
    "X is a run, state, dataset, tag, object, a checked-out folder, or the folder of a store, "
    "perhaps on a read-only medium. Without --replay, bytes are checked: every object against its "
    "digests, manifests against each other, logs against their chains, tensors against their "
    "Merkle roots. --replay also executes steps again and compares every line of the log byte for "
    "byte; it says first what that costs. --replay=sample:N takes N steps that the maker of the "
    "run "
    "could not know.\n\n"
    "--as olmo2 checks somebody else's run from what was released: a list of checkpoints (CSV), a "
    "checkpoint's folder, or a folder of them. What cannot be checked is listed with its reason; "
    "the verdict is consistent or inconsistent, never reproduced (docs/verify-olmo2.md).\n\n"
    "Exit code: 0 everything checked holds, 4 corruption, 1 sound bytes with a false claim (a "
    "replay "
    "that differs), 5 only part could be checked. Nothing is called authentic: nothing is signed.";

std::string verdict_word(int status) {
  if (status == exit_code(Code::corruption)) return "corrupt";
  if (status == exit_code(Code::mismatch)) return "false";
  return status == 0 ? "consistent" : "partial";
}

int print_verification(Io& io, const std::string& subject, const verify::Verification& result) {
  print_findings(io, result.findings);
  print_sentences(io, "checked:", result.checked);
  print_sentences(io, "not checked:", result.not_checked);
  const int status = verify::exit_status(result);
  const std::string word = verdict_word(status);
  io.line(printable(subject) + ": " + io.paint(status == 0 ? Paint::good : Paint::bad, word));
  io.emit("verification", {{"subject", printable(subject)},
                           {"verdict", word},
                           {"objects", result.num_objects},
                           {"bytes", result.num_bytes},
                           {"tensors", result.num_tensors},
                           {"checked", result.checked},
                           {"not_checked", result.not_checked},
                           {"findings", count_findings(result.findings)}});
  return status;
}

// The store that `path` is or directly holds.
std::optional<artifacts::Store> find_store_at(FileSystem& files, const std::string& path) {
  for (const std::string& folder : {path, join_path(path, ".repro")}) {
    const auto objects = files.find_status(join_path(folder, "objects"));
    if (objects && objects->kind == FileKind::directory &&
        files.exists(join_path(folder, "format"))) {
      return artifacts::Store::open(files, folder);
    }
  }
  return std::nullopt;
}

verify::Verification verify_path(FileSystem& files, const std::string& path,
                                 const verify::VerifyOptions& options) {
  const auto status = files.find_status(join_path(path, "."));
  if (!status || status->kind != FileKind::directory) {
    throw Error(Code::invalid_argument, path + " is no folder",
                "a single file has no manifest to check it against");
  }
  if (const auto store = find_store_at(files, path)) return verify::verify_store(*store, options);
  return verify::verify_folder(files, path, options);
}

// A state that was not kept has nothing to be compared with but its root in the log, where it has
// one (the worker compares too, and throws).
int verify_rederived(Context& context, const Resolved& what, const verify::VerifyOptions& options) {
  const StateSource source = StateSource::open(context, what);
  verify::Verification result = verify::verify_object(source.store(), source.manifest(), options);
  const Digest& root = source.state().state_root;
  const auto logged = find_logged_roots(context.store(), *what.run, *what.step).state;
  if (logged && *logged != root) {
    throw Error(Code::nondeterminism, "re-derived, the state has root " + root.short_hex() +
                                          "; the log has " + logged->short_hex());
  }
  if (logged) {
    result.checked.emplace_back("the state was not kept: re-derived; its root is the log's");
  } else {
    result.checked.emplace_back("the state was not kept: re-derived");
    result.not_checked.push_back("its root: the log has none at step " +
                                 std::to_string(*what.step) +
                                 " (run.digest_every); `repro verify RUN --replay` compares the "
                                 "log's other lines");
    result.complete = false;
  }
  return print_verification(context.io(), what.text, result);
}

int verify_stored(Context& context, const Resolved& what, const verify::VerifyOptions& options) {
  return print_verification(context.io(), what.text,
                            verify::verify_object(context.store(), what.digest, options));
}

int verify_run(Context& context, const Resolved& what, const Arguments& arguments,
               const verify::VerifyOptions& options) {
  if (!arguments.has("--replay")) return verify_stored(context, what, options);
  ReplayRequest request;
  request.what = arguments.text("--replay");
  if (const auto seed = arguments.find_count("--seed")) {
    request.seed = static_cast<std::uint64_t>(*seed);
  }
  request.running = running_choices(
      arguments, {"--threads", "--kernels", "--micro-batch", "--recompute", "--device"});
  const ReplayCheck replay(context, *what.run, request);
  replay.print_plan();
  const int status = verify_stored(context, what, options);
  return status == 0 ? replay.run() : status;  // damaged inputs would prove nothing
}

int verify_as(const Arguments& arguments, Context& context) {
  for (const OptionSpec& spec : make_verify_command().options) {
    if (spec.positional() || spec.key() == "--as" || !arguments.has(spec.key())) continue;
    throw Error(Code::invalid_argument, spec.key() + " does not go with --as",
                "--as checks what others released; nothing of it is executed");
  }
  if (arguments.text("--as") != "olmo2") {
    throw Error(Code::invalid_argument, "--as " + arguments.text("--as") + " is not known",
                "--as takes olmo2");
  }
  return run_verify_olmo(context, arguments.text("X"));
}

int run_verify(const Arguments& arguments, Context& context) {
  if (arguments.has("--as")) return verify_as(arguments, context);
  const Resolved what = resolve(context, arguments.text("X"));
  if (arguments.has("--replay") && what.noun != Noun::run) {
    throw Error(Code::invalid_argument,
                "only runs can be replayed, and " + what.text + " is a " +
                    std::string(noun_name(what.noun)),
                "`repro verify RUN --replay=" + std::to_string(what.step.value_or(1)) +
                    "` executes one step of a run");
  }
  ProgressBar bar(context.io(), context.clock(), "verifying", "bytes");
  verify::VerifyOptions options;
  options.tensor = arguments.text("--tensor");
  options.progress = [&](std::uint64_t done, std::uint64_t total) {
    bar.update(done, total);
    if (done == total) bar.clear();
  };
  switch (what.noun) {
    case Noun::run:
      return verify_run(context, what, arguments, options);
    case Noun::model:
    case Noun::dataset:
    case Noun::object:
      return verify_stored(context, what, options);
    case Noun::state:
      return what.stored ? verify_stored(context, what, options)
                         : verify_rederived(context, what, options);
    case Noun::path:
      return print_verification(context.io(), what.text,
                                verify_path(context.files(), what.path, options));
    case Noun::recipe:
      break;
  }
  throw Error(Code::invalid_argument, what.text + " is a recipe: it makes no claim to verify",
              "`repro plan " + what.text + "` checks a recipe");
}

}  // namespace

Command make_verify_command() {
  return {
      .name = "verify",
      .group = "Verify",
      .summary = "check a run, state, model, dataset, object, folder or store; re-execute steps",
      .details = kDetails,
      .needs = Needs::nothing,
      .options = {{"X", ValueKind::one, "", "what to check", Required::yes},
                  {"--replay", ValueKind::maybe, "A..B|sample:N",
                   "execute steps again: all, a range, or N at random"},
                  {"--seed", ValueKind::one, "N", "seed of the sample (default: fresh)"},
                  {"--tensor", ValueKind::one, "NAME", "check only this tensor"},
                  {"--as", ValueKind::one, "WHAT", "olmo2: X is of a run of OLMo's trainers"},
                  {"--threads", ValueKind::one, "N", "threads of the replay"},
                  {"--kernels", ValueKind::one, "PATH", "kernels of the replay"},
                  {"--micro-batch", ValueKind::one, "N", "sequences at a time in the replay"},
                  {"--recompute", ValueKind::one, "true|false", "as in train, for the replay"},
                  {"--device", ValueKind::one, "NAME", "cpu or cuda, for the replay"}},
      .run = run_verify};
}

}  // namespace repro::cli

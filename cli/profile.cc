#include "cli/profile.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

#include "artifacts/base/error.h"
#include "artifacts/base/number_text.h"

namespace repro::cli {
namespace {

constexpr const char* kWhat = "event of the worker";
constexpr std::int64_t kMaxStep = std::int64_t{1} << 40;

[[noreturn]] void fail_range(const std::string& text) {
  throw Error(Code::invalid_argument, "--profile-steps " + text + " is no range of steps",
              "write one step, 5, or a range with both ends, 5..7; the first step is 1");
}

double number(const Json& event, const char* key) {
  const Json& value = json_at(event, key, kWhat);
  if (!value.is_number()) throw Error(Code::internal, std::string(key) + " is no number");
  return value.get<double>();
}

std::vector<std::string> operation_row(const Json& operation, double steps) {
  const double seconds = number(operation, "seconds");
  const double useful = number(operation, "operations");
  return {json_string(operation, "name", kWhat),
          fmt::format("{:.4g}", number(operation, "calls") / steps),
          fmt::format("{:.2f}", 1e3 * seconds / steps),
          fmt::format("{:.1f} %", 100 * number(operation, "share")),
          fmt::format("{:.0f} %", 100 * number(operation, "busy")),
          useful > 0 && seconds > 0 ? fmt::format("{:.1f}", 1e-9 * useful / seconds) : ""};
}

}  // namespace

std::vector<OptionSpec> profile_options() {
  return {{"--profile-steps", ValueKind::one, "A..B", "record where the time of these steps goes"},
          {"--profile-file", ValueKind::one, "FILE",
           "write the trace there, not into the run's folder"}};
}

std::optional<manifests::ProfileRequest> find_profile_request(Context& context,
                                                              const Arguments& arguments) {
  const auto text = arguments.find("--profile-steps");
  const auto file = arguments.find("--profile-file");
  if (!text) {
    if (!file) return std::nullopt;
    throw Error(Code::invalid_argument, "--profile-file needs --profile-steps A..B");
  }
  const std::size_t dots = text->find("..");
  const auto first = find_integer(std::string_view(*text).substr(0, dots));
  const auto last =
      dots == std::string::npos ? first : find_integer(std::string_view(*text).substr(dots + 2));
  if (!first || !last || *first < 1 || *last < *first || *last > kMaxStep) fail_range(*text);
  manifests::ProfileRequest profile{*first, *last, ""};
  if (!file) return profile;
  profile.path = absolute_path(*file);
  if (context.files().exists(profile.path)) {
    throw Error(Code::already_exists, *file + " is there already",
                "a profile overwrites nothing: name another file");
  }
  return profile;
}

void check_profile_range(const std::optional<manifests::ProfileRequest>& profile, std::int64_t step,
                         std::int64_t until) {
  if (!profile || (profile->last > step && profile->first <= until)) return;
  throw Error(Code::invalid_argument,
              until > step
                  ? fmt::format("--profile-steps {}..{}: only steps {}..{} would be trained",
                                profile->first, profile->last, step + 1, until)
                  : fmt::format("--profile-steps {}..{}: the run is at step {} already, so no step "
                                "would be trained",
                                profile->first, profile->last, step),
              "`repro train RECIPE --again` trains all steps anew");
}

void print_profile(Context& context, const Json& event) {
  Io& io = context.io();
  io.emit("profile", event);
  const double steps = number(event, "steps");
  const std::string path = json_string(event, "path", kWhat);
  if (steps == 0) {
    io.note("no step of the profile was trained; " + path + " is empty");
    return;
  }
  io.line(fmt::format("{} profiled, {:.2f} ms each, {}",
                      plural_text(static_cast<std::int64_t>(steps), "step"),
                      1e3 * number(event, "seconds") / steps,
                      plural_text(json_int(event, "threads", kWhat), "thread")));
  std::vector<std::vector<std::string>> rows = {
      {"operation", "calls", "ms", "share", "busy", "Gop/s"}};
  for (const Json& operation : json_array(event, "operations", kWhat)) {
    rows.push_back(operation_row(operation, steps));
  }
  io.table(rows);
  if (const std::int64_t dropped = json_int(event, "dropped", kWhat); dropped > 0) {
    io.note(fmt::format("{} did not fit and are missing: profile fewer steps",
                        plural_text(dropped, "span")));
  }
  io.line("trace  " + path);
}

}  // namespace repro::cli

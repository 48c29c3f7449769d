#include "verify/replay.h"

#include <sys/random.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <random>
#include <set>
#include <utility>

#include "artifacts/base/error.h"
#include "artifacts/base/json.h"

namespace repro::verify {
namespace {

std::int64_t first_update(const manifests::Run& run) { return run.segments.front().first_step + 1; }

std::string step_text(const LogLine& line) {
  return (line.type.empty() ? "line" : line.type) + " line of step " + std::to_string(line.step);
}

// A line that belongs to the updates up to `last`: a segment at `last` begins what comes after.
bool belongs(const LogLine& line, std::int64_t last) {
  return line.type == "segment" ? line.step < last : line.step <= last;
}

std::vector<std::string> differing_keys(const std::string& a, const std::string& b) {
  Json left;
  Json right;
  try {
    left = parse_json(a, "logged line");
    right = parse_json(b, "replayed line");
  } catch (const Error&) {
    return {"line"};
  }
  std::set<std::string> keys;
  for (const Json* event : {&left, &right}) {
    if (!event->is_object()) return {"line"};
    for (const auto& item : event->items()) keys.insert(item.key());
  }
  std::vector<std::string> different;
  bool chain = false;
  for (const std::string& key : keys) {
    const auto x = left.find(key);
    const auto y = right.find(key);
    if (x != left.end() && y != right.end() && *x == *y) continue;
    if (key == "chain") {
      chain = true;
    } else {
      different.push_back(key);
    }
  }
  if (different.empty()) different.push_back(chain ? "chain" : "line");
  return different;
}

std::string join(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

ReplayVerdict& say_missing(ReplayVerdict& verdict, std::size_t index, const LogLine& line) {
  verdict.line_number = static_cast<std::int64_t>(index) + 1;
  verdict.step = line.step;
  verdict.logged = line.text;
  verdict.reason = "the replay gave no " + step_text(line);
  return verdict;
}

ReplayVerdict& say_differs(ReplayVerdict& verdict, std::size_t index, const LogLine& line,
                           const std::string& replayed) {
  verdict.line_number = static_cast<std::int64_t>(index) + 1;
  verdict.step = line.step;
  verdict.logged = line.text;
  verdict.replayed = replayed;
  const auto other = split_log(replayed);
  if (other.size() == 1 && (other[0].type != line.type || other[0].step != line.step)) {
    verdict.fields = {"line"};
    verdict.reason =
        "the replay gave the " + step_text(other[0]) + " where the log has the " + step_text(line);
    return verdict;
  }
  verdict.fields = differing_keys(verdict.logged, replayed);
  verdict.reason = "the " + step_text(line) + " differs in " + join(verdict.fields);
  return verdict;
}

// Where the replayed lines begin in the log: at the line of the same type and step.
std::optional<std::size_t> find_begin(const std::vector<LogLine>& log,
                                      const std::string& replayed) {
  const std::vector<LogLine> lines = split_log(replayed);
  if (lines.empty()) return std::nullopt;
  const auto found = std::find_if(log.begin(), log.end(), [&](const LogLine& line) {
    return line.type == lines.front().type && line.step == lines.front().step;
  });
  if (found == log.end()) return std::nullopt;
  return static_cast<std::size_t>(found - log.begin());
}

}  // namespace

ReplayPlan plan_replay(const manifests::Run& run, std::int64_t first, std::int64_t last) {
  if (first < first_update(run) || last > run.step || first > last) {
    throw Error(Code::invalid_argument,
                "cannot replay steps " + std::to_string(first) + ".." + std::to_string(last) +
                    ": run " + run.id.substr(0, 12) + " has steps " +
                    std::to_string(first_update(run)) + ".." + std::to_string(run.step),
                "name a range within these steps");
  }
  ReplayPlan plan{first, last, run.segments.front().first_step, false};
  if (const auto* state = manifests::nearest_state(run, first - 1)) {
    plan.start = state->step;
    plan.from_stored = true;
  }
  return plan;
}

ReplayPlan plan_replay(const manifests::Run& run) {
  return plan_replay(run, first_update(run), run.step);
}

std::vector<ReplayPlan> plan_samples(const manifests::Run& run,
                                     const std::vector<std::int64_t>& steps) {
  std::vector<ReplayPlan> plans;
  for (const std::int64_t step : steps) {
    const ReplayPlan plan = plan_replay(run, step, step);
    if (!plans.empty() && plans.back().start == plan.start) {
      plans.back().last = step;
    } else {
      plans.push_back(plan);
    }
  }
  return plans;
}

std::vector<std::int64_t> sample_steps(const manifests::Run& run, std::int64_t count,
                                       std::uint64_t seed) {
  const std::int64_t first = first_update(run);
  const std::int64_t available = run.step - first + 1;
  if (count < 1 || available < 1) {
    throw Error(Code::invalid_argument, "nothing to sample: " + std::to_string(count) +
                                            " steps asked for, the run has " +
                                            std::to_string(std::max<std::int64_t>(available, 0)));
  }
  std::mt19937_64 random(seed);
  const auto below = [&](std::uint64_t bound) {  // std's distributions differ between libraries
    const std::uint64_t limit = UINT64_MAX - UINT64_MAX % bound;
    std::uint64_t word = random();
    while (word >= limit) word = random();
    return word % bound;
  };
  std::set<std::int64_t> chosen;  // Floyd's sampling: one draw a step, no list of all steps
  for (std::int64_t top = available - std::min(count, available); top < available; ++top) {
    const auto pick = static_cast<std::int64_t>(below(static_cast<std::uint64_t>(top) + 1));
    if (!chosen.insert(first + pick).second) chosen.insert(first + top);
  }
  return {chosen.begin(), chosen.end()};
}

std::uint64_t fresh_seed() {
  std::uint64_t seed = 0;
  if (::getrandom(&seed, sizeof(seed), 0) != static_cast<ssize_t>(sizeof(seed))) {
    throw Error(Code::environment, "the system gives no random numbers", "give a seed with --seed");
  }
  return seed;
}

ReplayVerdict compare_replay(std::string_view log, const ReplayPlan& plan,
                             const std::vector<std::string>& replayed) {
  ReplayVerdict verdict;
  const std::vector<LogLine> lines = split_log(log);
  const auto wanted =
      static_cast<std::size_t>(std::find_if(lines.begin(), lines.end(),
                                            [&](const LogLine& line) {
                                              return line.type == "step" && line.step == plan.first;
                                            }) -
                               lines.begin());
  if (wanted == lines.size()) {
    verdict.step = plan.first;
    verdict.reason = "the log has no line of step " + std::to_string(plan.first);
    return verdict;
  }
  const auto begin = replayed.empty() ? std::nullopt : find_begin(lines, replayed.front());
  if (!begin || *begin > wanted) return say_missing(verdict, wanted, lines[wanted]);
  std::size_t index = *begin;
  for (const std::string& line : replayed) {
    if (index == lines.size()) {
      verdict.line_number = static_cast<std::int64_t>(index) + 1;
      verdict.step = plan.last;
      verdict.replayed = line;
      verdict.reason = "the replay goes on where the log ends";
      return verdict;
    }
    if (lines[index].text != line) return say_differs(verdict, index, lines[index], line);
    ++index;
    ++verdict.num_lines;
  }
  if (index < lines.size() && belongs(lines[index], plan.last)) {
    return say_missing(verdict, index, lines[index]);
  }
  verdict.identical = true;
  return verdict;
}

}  // namespace repro::verify

#include "verify/checkpoint_list.h"

#include <algorithm>
#include <map>
#include <set>

#include "artifacts/base/error.h"
#include "artifacts/base/number_text.h"
#include "imports/csv.h"
#include "verify/olmo_name.h"

namespace repro::verify {
namespace {

constexpr std::size_t kMaxBytes = std::size_t{16} << 20;
constexpr std::size_t kMaxRows = 1'000'000;
constexpr std::size_t kMaxField = 4096;
constexpr std::int64_t kMaxStep = std::int64_t{1} << 48;
constexpr std::size_t kShown = 10;
constexpr std::string_view kOneRun = "Step,Checkpoint Directory";
constexpr std::string_view kRuns = "Ingredient,Step,Checkpoint Directory";

[[noreturn]] void fail_at(const std::string& file, std::int64_t line, const std::string& why) {
  throw Error(Code::invalid_argument, file + ":" + std::to_string(line) + ": " + why,
              "a list of checkpoints is CSV with the heading '" + std::string(kOneRun) + "' or '" +
                  std::string(kRuns) + "'");
}

bool is_plain(std::string_view text) {
  return text.size() <= kMaxField && std::none_of(text.begin(), text.end(), [](unsigned char c) {
           return c < 0x20 || c == 0x7f;
         });
}

ListedCheckpoint parse_row(std::string_view line, std::size_t num_fields, const std::string& file,
                           std::int64_t number) {
  if (!is_plain(line)) fail_at(file, number, "control characters, or a line too long");
  const auto split = imports::split_csv_line(line);
  if (!split) fail_at(file, number, "its quotes do not fit");
  const std::vector<std::string>& fields = *split;
  if (fields.size() != num_fields) {
    fail_at(file, number,
            std::to_string(fields.size()) + " fields, not " + std::to_string(num_fields));
  }
  const auto step = find_integer(fields[num_fields - 2]);
  if (!step || *step < 0 || *step > kMaxStep) {
    fail_at(file, number, "'" + fields[num_fields - 2] + "' is no step");
  }
  if (fields.back().empty() || fields.front().empty()) fail_at(file, number, "an empty field");
  return {num_fields == 3 ? fields[0] : "", *step, fields.back(), number};
}

std::string row_text(const ListedCheckpoint& row) {
  return (row.ingredient.empty() ? "" : "ingredient " + row.ingredient + ", ") + "step " +
         std::to_string(row.step);
}

class ListCheck {
 public:
  explicit ListCheck(const CheckpointList& list) : list_(list) {}

  std::vector<Finding> run() {
    for (const ListedCheckpoint& row : list_.rows) {
      check_row(row);
      runs_[row.ingredient].insert(row.step);
    }
    for (const auto& [ingredient, steps] : runs_) check_grid(ingredient, steps);
    sort_findings(findings_);
    return std::move(findings_);
  }

 private:
  void add(Severity severity, std::string message) {
    findings_.push_back({severity, "list", list_.file, "", {}, std::move(message)});
  }

  static std::string lines_text(const ListedCheckpoint& a, const ListedCheckpoint& b) {
    return " (lines " + std::to_string(a.line) + " and " + std::to_string(b.line) + ")";
  }

  void check_row(const ListedCheckpoint& row) {
    const std::string place = plain_location(row.location);
    const auto [same_step, new_step] = by_step_.try_emplace({row.ingredient, row.step}, &row);
    const auto [same_place, new_place] = by_place_.try_emplace(place, &row);
    const ListedCheckpoint& first = *same_step->second;
    const ListedCheckpoint& holder = *same_place->second;
    if (!new_step && plain_location(first.location) == place) {
      add(Severity::warning, row_text(row) + " is listed twice" + lines_text(first, row));
    } else if (!new_step) {
      add(Severity::mismatch,
          row_text(row) + " has two locations" + lines_text(first, row) + ": which is its state?");
    }
    const bool same_claim = holder.step == row.step && holder.ingredient == row.ingredient;
    if (!new_place && !same_claim) {
      add(Severity::mismatch, "one location for " + row_text(holder) + " and " + row_text(row) +
                                  lines_text(holder, row) + ": " + row.location);
    }
    check_name(row, place);
    const auto last = last_.find(row.ingredient);
    if (last != last_.end() && last->second->step > row.step) {
      add(Severity::warning, row_text(row) + " stands behind step " +
                                 std::to_string(last->second->step) +
                                 lines_text(*last->second, row));
    }
    last_[row.ingredient] = &row;
  }

  void check_name(const ListedCheckpoint& row, const std::string& place) {
    const std::string base = place.substr(place.rfind('/') + 1);
    const auto name = find_olmo_name(base);
    const std::string where = "line " + std::to_string(row.line) + ": ";
    if (!name) {
      add(Severity::note, where + "the name " + base + " says no step");
    } else if (name->step != row.step) {
      add(Severity::mismatch, where + row_text(row) + " lies in " + base);
    }
  }

  static std::int64_t interval_of(const std::set<std::int64_t>& steps) {
    std::map<std::int64_t, std::size_t> counts;
    for (auto next = std::next(steps.begin()); next != steps.end(); ++next) {
      ++counts[*next - *std::prev(next)];
    }
    const auto best =
        std::max_element(counts.begin(), counts.end(), [](const auto& a, const auto& b) {
          return a.second < b.second;  // the first, and so the smaller, of two that are as common
        });
    return best->first;
  }

  void check_grid(const std::string& ingredient, const std::set<std::int64_t>& steps) {
    constexpr std::size_t kFewest = 3;  // of two steps anything is a grid
    if (steps.size() < kFewest) return;
    const std::int64_t interval = interval_of(steps);
    std::vector<std::string> off;
    std::vector<std::string> missing;
    std::int64_t num_missing = 0;
    std::int64_t previous = -1;
    for (const std::int64_t step : steps) {
      if (step % interval != 0) {
        off.push_back(std::to_string(step));
        continue;
      }
      const std::int64_t absent = previous < 0 ? 0 : (step - previous) / interval - 1;
      if (absent > 0) {
        num_missing += absent;
        const std::string first = std::to_string(previous + interval);
        missing.push_back(absent == 1 ? first : first + " to " + std::to_string(step - interval));
      }
      previous = step;
    }
    const std::string run = ingredient.empty() ? "" : "ingredient " + ingredient + ": ";
    const std::string grid = "the grid of " + std::to_string(interval) + ": ";
    if (num_missing > 0) {
      add(Severity::warning,
          run + std::to_string(num_missing) + " missing on " + grid + joined(missing));
    }
    if (!off.empty()) {
      add(Severity::note, run + std::to_string(off.size()) + " off " + grid + joined(off));
    }
  }

  static std::string joined(const std::vector<std::string>& parts) {
    std::string text;
    for (std::size_t i = 0; i < std::min(parts.size(), kShown); ++i) {
      text += (i == 0 ? "" : ", ") + parts[i];
    }
    return parts.size() <= kShown
               ? text
               : text + " and " + std::to_string(parts.size() - kShown) + " more";
  }

  const CheckpointList& list_;
  std::map<std::pair<std::string, std::int64_t>, const ListedCheckpoint*> by_step_;
  std::map<std::string, const ListedCheckpoint*> by_place_;
  std::map<std::string, const ListedCheckpoint*> last_;
  std::map<std::string, std::set<std::int64_t>> runs_;
  std::vector<Finding> findings_;
};

}  // namespace

CheckpointList parse_checkpoint_list(std::string_view text, const std::string& file) {
  if (text.size() > kMaxBytes) fail_at(file, 1, "larger than 16 MiB");
  CheckpointList list{file, {}};
  std::size_t num_fields = 0;
  for (std::int64_t number = 1; !text.empty(); ++number) {
    const std::string_view line = imports::take_line(text);
    if (number == 1) {
      num_fields = line == kOneRun ? 2 : line == kRuns ? 3 : 0;
      if (num_fields == 0) fail_at(file, 1, "is no heading of such a list");
      continue;
    }
    if (list.rows.size() == kMaxRows) fail_at(file, number, "more than a million rows");
    list.rows.push_back(parse_row(line, num_fields, file, number));
  }
  if (list.rows.empty()) fail_at(file, 1, "lists nothing");
  return list;
}

std::vector<Finding> check_checkpoint_list(const CheckpointList& list) {
  return ListCheck(list).run();
}

}  // namespace repro::verify

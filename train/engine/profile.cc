#include "train/engine/profile.h"

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <limits>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

namespace repro::train {
namespace {

// All threads together: about 100 MiB. A step of a model with 24 layers has some thousand spans.
constexpr std::int64_t kSpans = std::int64_t{1} << 20;
constexpr std::int64_t kLeastSpans = std::int64_t{1} << 14;
constexpr std::size_t kWriteBytes = std::size_t{1} << 20;
constexpr double kSecondsPerNanosecond = 1e-9;

// What only holds operations together: its own time lies between them.
bool is_container(std::string_view name) {
  return name == "step" || name == "forward" || name == "backward" || name == "evaluation" ||
         name == "weights";
}
constexpr const char* kBetween = "between operations";

// Forward again (run.recompute): the operations in it count as this one, which is what it costs.
constexpr std::string_view kRecompute = "recompute";

// When the main thread, and so every other, was in it.
class Recomputing {
 public:
  explicit Recomputing(const Trace& trace) {
    for (const TraceEvent& event : trace.events(0)) {
      if (event.name == kRecompute) spans_.emplace_back(event.begin_ns, event.end_ns);
    }
  }
  bool covers(const TraceEvent& event) const {
    const auto after =
        std::upper_bound(spans_.begin(), spans_.end(), event.begin_ns,
                         [](std::int64_t begin, const auto& span) { return begin < span.first; });
    return after != spans_.begin() && event.end_ns <= std::prev(after)->second;
  }

 private:
  std::vector<std::pair<std::int64_t, std::int64_t>> spans_;  // in order
};

struct Sums {
  std::int64_t calls = 0;
  std::int64_t self_ns = 0;
  std::int64_t shared_ns = 0;  // other threads' shares of its jobs
  std::int64_t operations = 0;
};

std::map<std::string_view, Sums> sum_by_name(const Trace& trace) {
  const Recomputing recomputing(trace);
  std::map<std::string_view, Sums> sums;
  for (int thread = 0; thread < trace.num_threads(); ++thread) {
    for (const TraceEvent& event : trace.events(thread)) {
      if (event.nested) continue;
      const bool again = recomputing.covers(event);
      Sums& sum = sums[again ? kRecompute : is_container(event.name) ? kBetween : event.name];
      sum.operations += event.args.operations;
      if (thread == 0) {
        if (!again || event.name == kRecompute) ++sum.calls;
        sum.self_ns += event.self_ns;
      } else {
        sum.shared_ns += event.end_ns - event.begin_ns;
      }
    }
  }
  return sums;
}

std::string microseconds(std::int64_t ns) {
  char text[32] = "";
  std::snprintf(text, sizeof(text), "%lld.%03lld", static_cast<long long>(ns / 1000),
                static_cast<long long>(ns % 1000));
  return text;
}

// Names are our own plain text: nothing to escape.
void append_event(const TraceEvent& event, int thread, std::int64_t origin, std::string& text) {
  text += ",\n{\"ph\":\"X\",\"pid\":1,\"tid\":" + std::to_string(thread) +
          ",\"ts\":" + microseconds(event.begin_ns - origin) +
          ",\"dur\":" + microseconds(event.end_ns - event.begin_ns) + ",\"name\":\"" + event.name +
          "\",\"args\":{";
  const char* separator = "";
  const auto add = [&](const char* key, std::int64_t value) {
    text += std::string(separator) + "\"" + key + "\":" + std::to_string(value);
    separator = ",";
  };
  const TraceArgs& args = event.args;
  if (args.step >= 0) add("step", args.step);
  if (args.layer >= 0) add("layer", args.layer);
  if (args.m > 0) add("m", args.m);
  if (args.n > 0) add("n", args.n);
  if (args.k > 0) add("k", args.k);
  if (args.operations > 0) add("operations", args.operations);
  text += "}}";
}

std::int64_t first_begin(const Trace& trace) {
  std::int64_t first = std::numeric_limits<std::int64_t>::max();
  for (int thread = 0; thread < trace.num_threads(); ++thread) {
    for (const TraceEvent& event : trace.events(thread)) first = std::min(first, event.begin_ns);
  }
  return first;
}

}  // namespace

ProfileSummary summarize(const Trace& trace) {
  ProfileSummary summary;
  summary.dropped = trace.num_dropped();
  std::int64_t whole_ns = 0;
  for (int thread = 0; thread < trace.num_threads(); ++thread) {
    summary.spans += static_cast<std::int64_t>(trace.events(thread).size());
  }
  for (const TraceEvent& event : trace.events(0)) {
    if (event.args.step >= 0) ++summary.steps;
    if (!event.nested) whole_ns += event.self_ns;
  }
  summary.seconds = static_cast<double>(whole_ns) * kSecondsPerNanosecond;
  for (const auto& [name, sum] : sum_by_name(trace)) {
    OperationShare share;
    share.name = name;
    share.calls = sum.calls;
    share.seconds = static_cast<double>(sum.self_ns) * kSecondsPerNanosecond;
    share.share =
        whole_ns == 0 ? 0 : static_cast<double>(sum.self_ns) / static_cast<double>(whole_ns);
    const double available = static_cast<double>(sum.self_ns) * trace.num_threads();
    share.busy = available == 0 ? 0 : static_cast<double>(sum.self_ns + sum.shared_ns) / available;
    share.operations = sum.operations;
    summary.operations.push_back(std::move(share));
  }
  std::stable_sort(summary.operations.begin(), summary.operations.end(),
                   [](const auto& a, const auto& b) { return a.seconds > b.seconds; });
  return summary;
}

void write_trace(const Trace& trace, File& file) {
  const std::int64_t origin = first_begin(trace);
  std::string text =
      "{\"displayTimeUnit\":\"ms\",\"otherData\":{\"dropped\":" +
      std::to_string(trace.num_dropped()) + "},\"traceEvents\":[\n" +
      R"({"ph":"M","pid":1,"tid":0,"name":"process_name","args":{"name":"repro-train"}})";
  for (int thread = 0; thread < trace.num_threads(); ++thread) {
    text += ",\n{\"ph\":\"M\",\"pid\":1,\"tid\":" + std::to_string(thread) +
            R"(,"name":"thread_name","args":{"name":")" +
            (thread == 0 ? "main" : "worker " + std::to_string(thread)) + "\"}}";
  }
  for (int thread = 0; thread < trace.num_threads(); ++thread) {
    for (const TraceEvent& event : trace.events(thread)) {
      append_event(event, thread, origin, text);
      if (text.size() < kWriteBytes) continue;
      file.write(as_bytes(text));
      text.clear();
    }
  }
  text += "\n]}\n";
  file.write(as_bytes(text));
}

Profile::Profile(const manifests::ProfileRequest& request, FileSystem& files, Parallel& parallel)
    : request_(request), file_(files.open(request.path, OpenMode::write)), parallel_(parallel) {}

Profile::~Profile() { parallel_.set_trace(nullptr); }

void Profile::begin_step(std::int64_t step) {
  if (step < request_.first || step > request_.last) return;
  if (trace_ == nullptr) {
    const int threads = parallel_.num_threads();
    trace_ = std::make_unique<Trace>(threads, std::max(kSpans / threads, kLeastSpans));
  }
  parallel_.set_trace(trace_.get());
}

void Profile::end_step() { parallel_.set_trace(nullptr); }

ProfileSummary Profile::finish() {
  const Trace none(1, 0);
  const Trace& trace = trace_ == nullptr ? none : *trace_;
  write_trace(trace, *file_);
  return summarize(trace);
}

}  // namespace repro::train

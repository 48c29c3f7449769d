// Typed records: what a run, a check or another trainer's log has to show, without saying how. The
// report draws them; whoever makes one knows no HTML. Canonical JSON of a list of them is schema
// "repro.records/1" (docs/formats.md); numbers are hex floats, so nothing is lost.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace repro::manifests {

// One line of a curve: a value at steps that ascend. Values may be infinite or no numbers: training
// has those.
struct Series {
  std::string label;
  std::vector<std::int64_t> steps;
  std::vector<double> values;  // one a step

  bool operator==(const Series&) const = default;
};

struct Curve {
  std::string name;
  std::vector<Series> series;

  bool operator==(const Curve&) const = default;
};

struct Table {
  std::string name;
  std::vector<std::string> columns;            // at least one
  std::vector<std::vector<std::string>> rows;  // each as long as `columns`

  bool operator==(const Table&) const = default;
};

// counts[i] values lie in [edges[i], edges[i + 1]).
struct Histogram {
  std::string name;
  std::vector<double> edges;  // finite, ascending; one more than counts
  std::vector<std::int64_t> counts;

  bool operator==(const Histogram&) const = default;
};

struct Graph {
  struct Edge {
    std::string from;
    std::string to;
    std::string label;

    bool operator==(const Edge&) const = default;
  };

  std::string name;
  std::vector<Edge> edges;

  bool operator==(const Graph&) const = default;
};

using Record = std::variant<Curve, Table, Histogram, Graph>;

// Error(invalid_argument) for a record that breaks what is said above, or whose texts are no UTF-8
// without control characters of at most 4096 bytes.
std::string encode_records(const std::vector<Record>& records);
// Inverse; strict. Error(corruption).
std::vector<Record> parse_records(std::string_view json, std::string_view what);

}  // namespace repro::manifests

#include "manifests/record.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "artifacts/base/error.h"
#include "artifacts/base/json.h"
#include "artifacts/base/number_text.h"
#include "manifests/json_fields.h"
#include "manifests/schema.h"
#include "manifests/text_checks.h"

namespace repro::manifests {
namespace {

constexpr std::size_t kMaxText = 4096;

void demand(bool holds, const std::string& why) {
  if (!holds) throw Error(Code::invalid_argument, "a record is broken: " + why);
}

void check_text(const std::string& text) {
  demand(is_plain_text(text, kMaxText), "a text is too long, no UTF-8 or has control characters");
}

template <class Value>
bool ascends(const std::vector<Value>& values) {
  return std::adjacent_find(values.begin(), values.end(),
                            [](Value a, Value b) { return !(a < b); }) == values.end();
}

// "nan" for all that are no numbers: which one it is says nothing.
std::string number_text(double value) { return std::isnan(value) ? "nan" : hex_float_text(value); }

Json encode_numbers(const std::vector<double>& values) {
  Json list = Json::array();
  for (const double value : values) list.push_back(number_text(value));
  return list;
}

Json encode(const Curve& curve) {
  Json list = Json::array();
  for (const Series& series : curve.series) {
    check_text(series.label);
    demand(series.steps.size() == series.values.size(), "a series has steps without values");
    demand(ascends(series.steps), "steps of a series do not ascend");
    list.push_back({{"label", series.label},
                    {"steps", series.steps},
                    {"values", encode_numbers(series.values)}});
  }
  return {{"type", "curve"}, {"name", curve.name}, {"series", std::move(list)}};
}

Json encode(const Table& table) {
  demand(!table.columns.empty(), "a table has no columns");
  for (const std::string& column : table.columns) check_text(column);
  for (const auto& row : table.rows) {
    demand(row.size() == table.columns.size(), "a row is not as long as its table is wide");
    for (const std::string& cell : row) check_text(cell);
  }
  return {
      {"type", "table"}, {"name", table.name}, {"columns", table.columns}, {"rows", table.rows}};
}

Json encode(const Histogram& histogram) {
  demand(histogram.edges.size() == histogram.counts.size() + 1, "counts and edges do not fit");
  demand(std::all_of(histogram.edges.begin(), histogram.edges.end(),
                     [](double edge) { return std::isfinite(edge); }) &&
             ascends(histogram.edges),
         "edges do not ascend");
  for (const std::int64_t count : histogram.counts) demand(count >= 0, "a count is negative");
  return {{"type", "histogram"},
          {"name", histogram.name},
          {"edges", encode_numbers(histogram.edges)},
          {"counts", histogram.counts}};
}

Json encode(const Graph& graph) {
  Json edges = Json::array();
  for (const Graph::Edge& edge : graph.edges) {
    for (const std::string* text : {&edge.from, &edge.to, &edge.label}) check_text(*text);
    edges.push_back({{"from", edge.from}, {"to", edge.to}, {"label", edge.label}});
  }
  return {{"type", "graph"}, {"name", graph.name}, {"edges", std::move(edges)}};
}

std::vector<std::string> parse_texts(const Json& list, std::string_view what) {
  require(list.is_array(), what, "a list of texts is none");
  std::vector<std::string> texts;
  for (const Json& item : list) {
    require(item.is_string(), what, "a text is none");
    texts.push_back(item.get<std::string>());
  }
  return texts;
}

std::vector<std::int64_t> parse_integers(const Json& list, std::string_view what) {
  std::vector<std::int64_t> numbers;
  numbers.reserve(list.size());
  for (const Json& item : list) {
    require(item.is_number_integer(), what, "an integer is none");
    numbers.push_back(item.get<std::int64_t>());
  }
  return numbers;
}

double parse_number(const Json& item, std::string_view what) {
  require(item.is_string(), what, "a number is no text");
  const std::string& text = item.get_ref<const std::string&>();
  const double number = find_number(text).value_or(0);
  require(number_text(number) == text, what, "a number is no hex float in shortest form");
  return number;
}

std::vector<double> parse_numbers(const Json& list, std::string_view what) {
  std::vector<double> numbers;
  numbers.reserve(list.size());
  for (const Json& item : list) numbers.push_back(parse_number(item, what));
  return numbers;
}

Record parse_curve(const Json& json, const std::string& name, std::string_view what) {
  check_json_keys(json, {"name", "series", "type"}, {}, what);
  Curve curve{name, {}};
  for (const Json& item : json_array(json, "series", what)) {
    check_json_keys(item, {"label", "steps", "values"}, {}, what);
    curve.series.push_back({json_string(item, "label", what),
                            parse_integers(json_array(item, "steps", what), what),
                            parse_numbers(json_array(item, "values", what), what)});
  }
  return curve;
}

Record parse_table(const Json& json, const std::string& name, std::string_view what) {
  check_json_keys(json, {"columns", "name", "rows", "type"}, {}, what);
  Table table{name, parse_texts(json_array(json, "columns", what), what), {}};
  for (const Json& row : json_array(json, "rows", what)) {
    table.rows.push_back(parse_texts(row, what));
  }
  return table;
}

Record parse_histogram(const Json& json, const std::string& name, std::string_view what) {
  check_json_keys(json, {"counts", "edges", "name", "type"}, {}, what);
  return Histogram{name, parse_numbers(json_array(json, "edges", what), what),
                   parse_integers(json_array(json, "counts", what), what)};
}

Record parse_graph(const Json& json, const std::string& name, std::string_view what) {
  check_json_keys(json, {"edges", "name", "type"}, {}, what);
  Graph graph{name, {}};
  for (const Json& item : json_array(json, "edges", what)) {
    check_json_keys(item, {"from", "label", "to"}, {}, what);
    graph.edges.push_back({json_string(item, "from", what), json_string(item, "to", what),
                           json_string(item, "label", what)});
  }
  return graph;
}

Record parse_record(const Json& json, std::string_view what) {
  require(json.is_object(), what, "a record is no object");
  const std::string type = json_string(json, "type", what);
  const std::string name = json_string(json, "name", what);
  if (type == "curve") return parse_curve(json, name, what);
  if (type == "table") return parse_table(json, name, what);
  if (type == "histogram") return parse_histogram(json, name, what);
  if (type == "graph") return parse_graph(json, name, what);
  fail_field(what, "there is no record of type \"" + type + "\"");
}

}  // namespace

std::string encode_records(const std::vector<Record>& records) {
  Json list = Json::array();
  for (const Record& record : records) {
    std::visit(
        [&](const auto& one) {
          check_text(one.name);
          list.push_back(encode(one));
        },
        record);
  }
  return encode_json({{"schema", kRecordsSchema}, {"records", std::move(list)}});
}

std::vector<Record> parse_records(std::string_view text, std::string_view what) {
  const Json json = parse_canonical_json(text, what);
  check_schema(json, kRecordsSchema, what);
  check_json_keys(json, {"records", "schema"}, {}, what);
  std::vector<Record> records;
  for (const Json& item : json_array(json, "records", what)) {
    records.push_back(parse_record(item, what));
  }
  check_as(Code::corruption, what, [&] { static_cast<void>(encode_records(records)); });
  return records;
}

}  // namespace repro::manifests

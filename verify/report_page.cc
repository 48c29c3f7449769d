// The page of a report.
#include <fmt/format.h>

#include <variant>

#include "verify/report.h"
#include "verify/svg_chart.h"

namespace repro::verify {
namespace {

// The policy lets a browser load and run nothing, whatever were to get past the escaping.
constexpr const char* kHead = R"(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width">
<title>{}</title>
<style>
body {{ font: 15px/1.5 sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }}
h2 {{ margin-top: 2.5rem; }}
table {{ border-collapse: collapse; font-size: 13px; }}
th, td {{ border: 1px solid #ccc; padding: 2px 8px; text-align: left; overflow-wrap: anywhere; }}
svg {{ width: 100%; }}
svg text {{ font-size: 12px; }}
svg .grid {{ stroke: #ddd; }}
.wide {{ overflow-x: auto; }}
</style>
</head>
<body>
<h1>{}</h1>
)";

std::string heading(const std::string& name) {
  return fmt::format("<h2>{}</h2>\n", escape_markup(name));
}

std::string list_of(const std::string& name, const std::vector<std::string>& sentences) {
  std::string text = heading(name) + "<ul>\n";
  for (const std::string& sentence : sentences) {
    text += fmt::format("<li>{}</li>\n", escape_markup(sentence));
  }
  return text + "</ul>\n";
}

std::string row_of(const char* tag, const std::vector<std::string>& cells) {
  std::string text = "<tr>";
  for (const std::string& cell : cells) {
    text += fmt::format("<{0}>{1}</{0}>", tag, escape_markup(cell));
  }
  return text + "</tr>\n";
}

std::string body_of(const manifests::Table& table) {
  std::string text = "<div class=\"wide\"><table>\n" + row_of("th", table.columns);
  for (const auto& row : table.rows) text += row_of("td", row);
  return text + "</table></div>\n";
}

std::string body_of(const manifests::Curve& curve) { return svg_chart(curve); }
std::string body_of(const manifests::Histogram& histogram) { return svg_bars(histogram); }

std::string body_of(const manifests::Graph& graph) {
  manifests::Table table{graph.name, {"from", "", "to"}, {}};
  for (const auto& edge : graph.edges) table.rows.push_back({edge.from, edge.label, edge.to});
  return body_of(table);
}

}  // namespace

std::string html_page(const std::string& title, const Report& report) {
  const std::string shown = escape_markup(title);
  std::string page = fmt::format(kHead, shown, shown);
  for (const manifests::Record& record : report.records) {
    std::visit([&](const auto& one) { page += heading(one.name) + body_of(one); }, record);
  }
  page += list_of("What was verified for this page", report.verified);
  page += list_of("What was not", report.not_verified);
  return page + "</body>\n</html>\n";
}

}  // namespace repro::verify

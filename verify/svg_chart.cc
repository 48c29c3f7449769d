#include "verify/svg_chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>
#include <vector>

#include "artifacts/base/number_text.h"
#include "artifacts/base/printable.h"

namespace repro::verify {
namespace {

constexpr double kWidth = 860;
constexpr double kHeight = 300;
constexpr double kLeft = 80;
constexpr double kRight = 20;
constexpr double kTop = 12;
constexpr double kBottom = 36;
constexpr double kLegendLine = 18;
// Told apart by most colour-blind eyes (Okabe and Ito); then again with dashes.
constexpr std::array<const char*, 7> kColours = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                                 "#e69f00", "#56b4e9", "#000000"};
constexpr std::array<const char*, 3> kDashes = {"", "6 3", "2 3"};

struct Range {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();

  void add(double value) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
  bool empty() const { return low > high; }
  // A range of some width: lines that are level need one.
  void widen() {
    if (low < high) return;
    const double margin = low == 0 ? 1 : std::fabs(low) / 10;
    low -= margin;
    high += margin;
  }
  double span() const { return high - low; }
};

struct Axes {
  Range x;
  Range y;

  double column(double step) const {
    return kLeft + (step - x.low) / x.span() * (kWidth - kLeft - kRight);
  }
  double row(double value) const {
    return kHeight - kBottom - (value - y.low) / y.span() * (kHeight - kTop - kBottom);
  }
};

// The distance of ticks: 1, 2 or 5 times a power of ten, so that about `count` fit.
double tick_distance(double span, int count) {
  for (int exponent = -300; exponent < 308; ++exponent) {
    for (const char* digit : {"1", "2", "5"}) {
      const double distance = *find_number(fmt::format("{}e{}", digit, exponent));
      if (distance > 0 && span / distance <= count) return distance;
    }
  }
  return span;
}

std::string tick_text(double value) { return fmt::format("{:.6g}", value); }

std::vector<double> ticks_of(const Range& range, int count) {
  const double distance = tick_distance(range.span(), count);
  std::vector<double> ticks;
  const double first = std::ceil(range.low / distance);
  for (double i = first; i * distance <= range.high && ticks.size() < 32; i += 1) {
    ticks.push_back(i * distance);
  }
  return ticks;
}

std::string frame(const Axes& axes) {
  std::string text;
  for (const double tick : ticks_of(axes.y, 6)) {
    text += fmt::format(
        "<line class=\"grid\" x1=\"{0:.0f}\" x2=\"{1:.0f}\" y1=\"{2:.1f}\" y2=\"{2:.1f}\"/>"
        "<text x=\"{3:.0f}\" y=\"{4:.1f}\" text-anchor=\"end\">{5}</text>\n",
        kLeft, kWidth - kRight, axes.row(tick), kLeft - 6, axes.row(tick) + 4, tick_text(tick));
  }
  for (const double tick : ticks_of(axes.x, 8)) {
    text += fmt::format(
        "<line class=\"grid\" x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"{1:.0f}\" y2=\"{2:.0f}\"/>"
        "<text x=\"{0:.1f}\" y=\"{3:.0f}\" text-anchor=\"middle\">{4}</text>\n",
        axes.column(tick), kTop, kHeight - kBottom, kHeight - kBottom + 16, tick_text(tick));
  }
  return text;
}

std::string svg(const std::string& name, double height, const std::string& body) {
  return fmt::format(
      "<svg viewBox=\"0 0 {:.0f} {:.0f}\" role=\"img\" aria-label=\"{}\">\n{}</svg>\n", kWidth,
      height, escape_markup(name), body);
}

std::string stroke_of(std::size_t index) {
  const char* dash = kDashes.at(index / kColours.size() % kDashes.size());
  return fmt::format("stroke=\"{}\"", kColours.at(index % kColours.size())) +
         (*dash == '\0' ? "" : fmt::format(" stroke-dasharray=\"{}\"", dash));
}

// A path; of each column of the picture at most first, lowest, highest and last point.
class Path {
 public:
  explicit Path(const Axes& axes) : axes_(axes) {}

  void add(double step, double value) {
    if (!std::isfinite(value)) {
      flush();
      broken_ = true;
      return;
    }
    const double x = axes_.column(step);
    const double y = axes_.row(value);
    const auto column = static_cast<int>(x);
    if (points_.empty() || column != column_) flush();
    column_ = column;
    points_.emplace_back(x, y);
  }

  std::string take() {
    flush();
    return std::move(text_);
  }

 private:
  using Point = std::pair<double, double>;

  void put(const Point& point) {
    text_ += fmt::format("{}{:.1f} {:.1f}", broken_ ? "M" : "L", point.first, point.second);
    broken_ = false;
  }

  void flush() {
    if (points_.empty()) return;
    const auto by_height = [](const Point& a, const Point& b) { return a.second < b.second; };
    const auto [high, low] = std::minmax_element(points_.begin(), points_.end(), by_height);
    std::vector<std::size_t> kept = {0, static_cast<std::size_t>(high - points_.begin()),
                                     static_cast<std::size_t>(low - points_.begin()),
                                     points_.size() - 1};
    std::sort(kept.begin(), kept.end());
    kept.erase(std::unique(kept.begin(), kept.end()), kept.end());
    for (const std::size_t i : kept) put(points_[i]);
    points_.clear();
  }

  const Axes& axes_;
  std::string text_;
  std::vector<Point> points_;
  int column_ = 0;
  bool broken_ = true;
};

std::string line_of(const manifests::Series& series, const Axes& axes, std::size_t index) {
  Path path(axes);
  for (std::size_t i = 0; i < series.steps.size(); ++i) {
    path.add(static_cast<double>(series.steps[i]), series.values[i]);
  }
  // A point alone would be no line: round ends make it a dot.
  return fmt::format(
      "<path fill=\"none\" stroke-width=\"1.5\" stroke-linecap=\"round\" {} d=\"{}\"/>\n",
      stroke_of(index), path.take());
}

std::string legend_of(const manifests::Curve& curve) {
  std::string text;
  for (std::size_t i = 0; i < curve.series.size(); ++i) {
    const double y = kHeight + kLegendLine * static_cast<double>(i) + 6;
    text += fmt::format(
        "<line stroke-width=\"2\" {0} x1=\"{1:.0f}\" x2=\"{2:.0f}\" y1=\"{3:.1f}\" y2=\"{3:.1f}\"/>"
        "<text x=\"{4:.0f}\" y=\"{5:.1f}\">{6}</text>\n",
        stroke_of(i), kLeft, kLeft + 26, y, kLeft + 34, y + 4,
        escape_markup(curve.series[i].label));
  }
  return text;
}

}  // namespace

std::string escape_markup(std::string_view text) {
  std::string escaped;
  for (const char c : printable(text)) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      case '\'':
        escaped += "&#39;";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

std::string svg_chart(const manifests::Curve& curve) {
  Axes axes;
  for (const manifests::Series& series : curve.series) {
    for (std::size_t i = 0; i < series.steps.size(); ++i) {
      if (!std::isfinite(series.values[i])) continue;
      axes.x.add(static_cast<double>(series.steps[i]));
      axes.y.add(series.values[i]);
    }
  }
  if (axes.x.empty() || !std::isfinite(axes.y.high - axes.y.low)) {
    return svg(curve.name, 40, "<text x=\"80\" y=\"24\">no finite values to draw</text>\n");
  }
  axes.x.widen();
  axes.y.widen();
  std::string body = frame(axes);
  for (std::size_t i = 0; i < curve.series.size(); ++i) body += line_of(curve.series[i], axes, i);
  body += legend_of(curve);
  return svg(curve.name, kHeight + kLegendLine * static_cast<double>(curve.series.size()), body);
}

std::string svg_bars(const manifests::Histogram& histogram) {
  Axes axes;
  axes.x = {0, static_cast<double>(std::max<std::size_t>(histogram.counts.size(), 1))};
  axes.y = {0, 1};
  for (const std::int64_t count : histogram.counts) axes.y.add(static_cast<double>(count));
  std::string body;
  for (std::size_t i = 0; i < histogram.counts.size(); ++i) {
    const double left = axes.column(static_cast<double>(i));
    const double right = axes.column(static_cast<double>(i + 1));
    const double top = axes.row(static_cast<double>(histogram.counts[i]));
    body += fmt::format(
        "<rect fill=\"{}\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\"/>"
        "<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{}</text>\n",
        kColours[0], left + 1, top, std::max(right - left - 2, 1.0), kHeight - kBottom - top,
        (left + right) / 2, top - 2 < kTop ? kTop + 8 : top - 2, histogram.counts[i]);
  }
  for (std::size_t i = 0; i < histogram.edges.size(); ++i) {
    body += fmt::format("<text x=\"{:.1f}\" y=\"{:.0f}\" text-anchor=\"middle\">{}</text>\n",
                        axes.column(static_cast<double>(i)), kHeight - kBottom + 16,
                        tick_text(histogram.edges[i]));
  }
  return svg(histogram.name, kHeight, body);
}

}  // namespace repro::verify

// Reports on runs of stores built by hand.
#include "verify/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "artifacts/base/error.h"
#include "tests/support/corrupt.h"
#include "tests/support/temporary_folder.h"
#include "tests/verify/store_builder.h"
#include "verify/svg_chart.h"

namespace repro::verify_test {
namespace {

using manifests::Curve;
using manifests::Table;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using verify::make_report;
using verify::Report;
using verify::ReportedLog;
using verify::ReportedRun;

template <class Kind>
const Kind* find_record(const Report& report, const std::string& name) {
  for (const auto& record : report.records) {
    const auto* found = std::get_if<Kind>(&record);
    if (found != nullptr && found->name == name) return found;
  }
  return nullptr;
}

std::size_t count_of(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (auto at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++count;
  return count;
}

class Reports : public testing::Test {
 protected:
  Reports() : builder_(folder_ / ".repro") {
    RunPlan plan;
    plan.name = "base";
    built_.push_back(builder_.add_run(plan));
    plan.name = "faster";
    plan.nonce = "01";
    plan.learning_rate = "0.01";
    built_.push_back(builder_.add_run(plan));
  }

  std::vector<ReportedRun> runs() {
    std::vector<ReportedRun> list;
    for (const BuiltRun& run : built_)
      list.push_back(verify::read_reported_run(builder_.store(), run.run));
    return list;
  }

  support::TemporaryFolder folder_;
  StoreBuilder builder_;
  std::vector<BuiltRun> built_;
};

TEST_F(Reports, RunsShareTheirPictures) {
  const Report report = make_report(runs(), {});
  for (const char* name : {"loss", "gradient norm", "learning rate"}) {
    const auto* curve = find_record<Curve>(report, name);
    ASSERT_NE(curve, nullptr) << name;
    ASSERT_EQ(curve->series.size(), 2U);
    EXPECT_THAT(curve->series[0].label, testing::StartsWith("base ("));
    EXPECT_EQ(curve->series[0].steps.size(), 6U);
  }
}

TEST_F(Reports, TablesTellWhichRunIsWhichAndWhatDiffers) {
  const Report report = make_report(runs(), {});
  const auto* table = find_record<Table>(report, "Runs");
  ASSERT_NE(table, nullptr);
  EXPECT_EQ(table->rows[0][1], built_[0].run.id);
  EXPECT_EQ(table->rows[0][5], built_[0].run.states.back().state_root.hex());
  const auto* keys = find_record<Table>(report, "Deciding keys in which the runs differ");
  ASSERT_NE(keys, nullptr);
  EXPECT_THAT(keys->rows, ElementsAre(ElementsAre("optimizer.learning_rate", "0.001", "0.01")));
  const auto* derivations = find_record<Table>(report, "Derivations");
  ASSERT_NE(derivations, nullptr);
  EXPECT_EQ(derivations->rows[1][2], built_[1].run.segments[0].derivation.hex());
}

TEST_F(Reports, ThePageSaysWhatIsVerifiedAndWhatNot) {
  const Report report = make_report(runs(), {});
  const std::string page = html_page("a <title>", report);
  EXPECT_THAT(page, HasSubstr("<h1>a &lt;title&gt;</h1>"));
  EXPECT_THAT(page, HasSubstr("one unbroken chain"));
  EXPECT_THAT(page, HasSubstr("consistent, not authentic"));
  EXPECT_THAT(page, HasSubstr("--replay"));
  EXPECT_EQ(count_of(page, "<svg "), count_of(page, "</svg>"));
  EXPECT_EQ(count_of(page, "<path "), 2U * 3U + count_of(page, ">held-out loss</h2>") * 2U);
  EXPECT_EQ(html_page("a <title>", make_report(runs(), {})), page);
  EXPECT_THAT(page, Not(HasSubstr("<script")));
  EXPECT_THAT(page, Not(HasSubstr("http://")));
  EXPECT_THAT(page, Not(HasSubstr("https://")));
}

TEST_F(Reports, ImportedLogsJoinThePicturesTheirNamesAreKnownBy) {
  const ReportedLog log = {
      "theirs", {Curve{"train/CE loss", {{"x", {1, 2}, {3, 2}}}}, Curve{"gpu", {{"x", {1}, {9}}}}}};
  const Report report = make_report(runs(), {&log, 1});
  EXPECT_EQ(find_record<Curve>(report, "loss")->series.back().label, "theirs");
  EXPECT_EQ(find_record<Curve>(report, "gpu")->series.size(), 1U);
  EXPECT_THAT(report.not_verified, testing::Contains(HasSubstr("the claim of whoever made it")));
  const Report alone = make_report({}, {&log, 1});
  EXPECT_EQ(alone.records.size(), 2U);
}

TEST_F(Reports, HostileNamesAreText) {
  built_[0].run.name = "x\"><script>alert(1)</script>";
  const ReportedLog log = {"l", {Curve{"</svg><img src=x>", {{"a", {1}, {1}}}}}};
  const Report report = make_report(runs(), {&log, 1});
  const std::string page = html_page("t", report);
  EXPECT_THAT(page, Not(HasSubstr("<script")));
  EXPECT_THAT(page, Not(HasSubstr("<img")));
  EXPECT_THAT(page, HasSubstr("x&quot;&gt;&lt;script&gt;"));
}

TEST_F(Reports, ADamagedLogIsNotDrawn) {
  const Digest piece = built_[0].run.log.pieces[0].digest;
  support::flip_bit(builder_.store().object_path(piece), 3);
  EXPECT_THROW(runs(), Error);
}

TEST(Svg, EscapesWhatIsMarkup) {
  EXPECT_EQ(verify::escape_markup("<a href='x'>&\"\x1b\xff"),
            "&lt;a href=&#39;x&#39;&gt;&amp;&quot;\\x1b\\xff");
}

TEST(Svg, LinesBreakWhereValuesAreNotFinite) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const std::string svg = verify::svg_chart({"c", {{"a", {0, 10, 20, 30, 40}, {1, 2, nan, 4, 5}}}});
  EXPECT_THAT(svg, HasSubstr("d=\"M80.0 264.0L270.0 201.0M650.0 75.0L840.0 12.0\""));
}

TEST(Svg, OfManyPointsTheExtremesStay) {
  Curve curve{"c", {{"a", {}, {}}}};
  for (int i = 0; i < 100'000; ++i) {
    curve.series[0].steps.push_back(i);
    curve.series[0].values.push_back(i == 54'321 ? 100 : i % 2);
  }
  const std::string svg = verify::svg_chart(curve);
  EXPECT_LT(svg.size(), 60'000U);
  EXPECT_EQ(count_of(svg, " 12.0"), 1U) << "the one peak is drawn at the top";
}

TEST(Svg, CurvesWithoutARangeAreDrawnToo) {
  EXPECT_THAT(verify::svg_chart({"c", {{"a", {5}, {0.25}}}}), HasSubstr("d=\"M460.0 138.0\""));
  EXPECT_THAT(verify::svg_chart({"c", {}}), HasSubstr("no finite values"));
  const double huge = std::numeric_limits<double>::max();
  EXPECT_THAT(verify::svg_chart({"c", {{"a", {1, 2}, {-huge, huge}}}}),
              HasSubstr("no finite values"));
  EXPECT_THAT(verify::svg_chart({"c", {{"a", {1, 2}, {1e-310, 2e-310}}}}), HasSubstr("<path"));
}

TEST(Svg, BarsStandOnTheirEdges) {
  const std::string svg = verify::svg_bars({"h", {0.5, 1, 2}, {3, 1}});
  EXPECT_EQ(count_of(svg, "<rect "), 2U);
  EXPECT_THAT(svg, HasSubstr(">0.5</text>"));
}

}  // namespace
}  // namespace repro::verify_test

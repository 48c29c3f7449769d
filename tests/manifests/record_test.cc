#include "manifests/record.h"

#include <gtest/gtest.h>

#include <limits>

#include "artifacts/base/error.h"
#include "manifests/imported_log.h"
#include "tests/manifests/flips.h"
#include "tests/manifests/samples.h"

namespace repro::manifests {
namespace {

std::vector<Record> samples() {
  return {Curve{"loss", {{"a", {1, 2, 5}, {2.5, -0.0, 1e-300}}, {"b", {}, {}}}},
          Table{"runs", {"x", "y"}, {{"1", "2"}}}, Histogram{"norms", {0.5, 1, 2}, {3, 0}},
          Graph{"descent", {{"a", "b", "step 3"}}}};
}

TEST(Record, EncodesAndParsesBack) {
  const std::string json = encode_records(samples());
  EXPECT_EQ(parse_records(json, "x"), samples());
  EXPECT_EQ(encode_records(parse_records(json, "x")), json);
}

TEST(Record, KeepsWhatIsNotFinite) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  const std::string json =
      encode_records({Curve{"c", {{"", {0, 1, 2, 3}, {kNan, -kNan, kInfinity, -kInfinity}}}}});
  EXPECT_NE(json.find(R"(["nan","nan","inf","-inf"])"), std::string::npos) << json;
  EXPECT_EQ(encode_records(parse_records(json, "x")), json);
}

TEST(Record, BrokenOnesAreNotWritten) {
  const std::vector<Record> broken = {
      Curve{"c", {{"a", {1, 2}, {1}}}},
      Curve{"c", {{"a", {2, 2}, {1, 1}}}},
      Curve{"c\n", {}},
      Curve{"c", {{"\x80", {}, {}}}},
      Table{"t", {}, {}},
      Table{"t", {"a"}, {{"1", "2"}}},
      Table{"t", {"a"}, {{std::string(5000, 'x')}}},
      Histogram{"h", {}, {}},
      Histogram{"h", {2, 1}, {1}},
      Histogram{"h", {1, 2}, {-1}},
      Histogram{"h", {1, std::numeric_limits<double>::infinity()}, {1}},
      Graph{"g", {{"a", "b", "\x1b"}}}};
  for (const Record& record : broken) {
    try {
      encode_records({record});
      ADD_FAILURE() << record.index();
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Code::invalid_argument);
    }
  }
}

// A list of one record, as it would lie in the store.
std::string list_of(const std::string& record) {
  return "{\"records\":[" + record + "],\"schema\":\"repro.records/1\"}";
}

std::string curve_of(const std::string& steps, const std::string& values) {
  return list_of(R"({"name":"c","series":[{"label":"","steps":)" + steps + R"(,"values":)" +
                 values + R"(}],"type":"curve"})");
}

TEST(Record, OtherBytesAreRefused) {
  EXPECT_EQ(parse_records(curve_of("[1]", R"(["0x1p+0"])"), "x").size(), 1U);
  const std::string cases[] = {
      "",
      "{}",
      R"({"records":[],"schema":"repro.records/2"})",
      R"({"records": [],"schema":"repro.records/1"})",
      list_of("1"),
      list_of(R"({"name":"x","type":"pie"})"),
      list_of(R"({"name":"x","series":[],"type":"curve","z":1})"),
      curve_of("[1]", R"(["1.5"])"),
      curve_of("[1]", R"(["-nan"])"),
      curve_of("[1]", "[1]"),
      curve_of(R"(["1"])", R"(["0x1p+0"])"),
      curve_of("[1]", "[]"),
      curve_of("[2,1]", R"(["0x1p+0","0x1p+0"])"),
      list_of(R"({"columns":["a"],"name":"t","rows":[[1]],"type":"table"})")};
  for (const std::string& text : cases) {
    const std::string code = failure_of([&] { parse_records(text, "x"); }).code;
    EXPECT_TRUE(code == "corruption" || code == "unsupported") << text;
  }
}

TEST(ImportedLog, EncodesAndParsesBack) {
  const std::string json = encode_imported_log(sample_imported_log());
  EXPECT_EQ(parse_imported_log(json, "x"), sample_imported_log());
  for_each_flip(json, [](const std::string& text) { parse_imported_log(text, "x"); });
}

TEST(ImportedLog, FalseOnesAreRefused) {
  ImportedLog log = sample_imported_log();
  log.format = "xml";
  EXPECT_EQ(failure_of([&] { encode_imported_log(log); }).code, "invalid_argument");
  log = sample_imported_log();
  log.not_finite = 41;
  EXPECT_EQ(failure_of([&] { encode_imported_log(log); }).code, "invalid_argument");
  EXPECT_EQ(failure_of([&] { parse_imported_log("{}", "x"); }).code, "corruption");
}

}  // namespace
}  // namespace repro::manifests

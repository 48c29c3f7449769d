#include "artifacts/base/json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "artifacts/base/error.h"

namespace repro {
namespace {

using testing::HasSubstr;

std::string refusal_of(const std::string& text) {
  try {
    parse_json(text, "file.json");
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::invalid_argument) << text;
    return error.message();
  }
  return "";
}

std::string nested(int depth) {
  return std::string(static_cast<std::size_t>(depth), '[') + "1" +
         std::string(static_cast<std::size_t>(depth), ']');
}

TEST(Json, AKeyStandsOnceInItsObject) {
  EXPECT_THAT(refusal_of(R"({"a":1,"b":{"c":1},"a":2})"),
              HasSubstr("file.json: JSON object has the key \"a\" twice"));
  EXPECT_THAT(refusal_of(R"([{"a":{"b":1,"b":1}}])"), HasSubstr("the key \"b\" twice"));
  EXPECT_EQ(parse_json(R"({"a":{"a":1},"b":[{"a":1},{"a":2}]})", "file.json").size(), 2U);
}

TEST(Json, NestingHasAnEnd) {
  EXPECT_EQ(refusal_of(nested(64)), "");
  EXPECT_THAT(refusal_of(nested(65)), HasSubstr("file.json: JSON nested too deeply"));
  EXPECT_THAT(refusal_of(nested(1'000'000)), HasSubstr("nested too deeply"));
}

TEST(Json, BrokenTextIsToldWithItsPlace) {
  EXPECT_THAT(refusal_of("{\"a\":1,}"), HasSubstr("file.json: not valid JSON"));
  EXPECT_THAT(refusal_of(""), HasSubstr("not valid JSON"));
  EXPECT_THAT(refusal_of("{} {}"), HasSubstr("not valid JSON"));
  EXPECT_THAT(refusal_of("\"\xff\""), HasSubstr("not valid JSON"));
}

TEST(Json, ManyObjectsInOneArray) {
  std::string text = "[";
  for (int i = 0; i < 200'000; ++i) text += R"({"digest":"00","size":)" + std::to_string(i) + "},";
  text.back() = ']';
  const Json json = parse_canonical_json(text, "file.json");
  EXPECT_EQ(json.size(), 200'000U);
  EXPECT_EQ(json.back().at("size"), 199'999);
}

}  // namespace
}  // namespace repro

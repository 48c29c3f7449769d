#include "imports/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "artifacts/base/error.h"

namespace repro::imports {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (const Setting& setting : read_settings("a.yaml", text)) {
    lines.push_back(setting.path + "=" + setting.shown() + "@" + std::to_string(setting.line));
  }
  return lines;
}

std::string failure(const std::string& text, bool resolve = false) {
  try {
    std::vector<Setting> settings = read_settings("a.yaml", text);
    if (resolve) resolve_references("a.yaml", settings);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::invalid_argument);
    EXPECT_FALSE(error.hint().empty());
    return error.message();
  }
  return "no failure";
}

TEST(Settings, AreFlatAndInTheOrderOfTheText) {
  EXPECT_THAT(lines_of("b:\n  x: 1e-6\n  y: {}\n  z:\n    deep: 'a b'\n# c\na: ~\nd: []\n"),
              ElementsAre("b.x=1e-6@2", "b.y={}@3", "b.z.deep=a b@5", "a=null@7", "d=[]@8"));
  EXPECT_THAT(lines_of("a:\nb: null\n"), ElementsAre("a=null@1", "b=null@2"));
}

TEST(Settings, WhatIsInAListBecomesText) {
  EXPECT_THAT(
      lines_of("a:\n- 1\n- {label: piqa, type: [x, {y: ~}], z: {}}\n-\n  - p\n  - []\nb: 2"),
      ElementsAre("a=[1, {label: piqa, type: [x, {y: null}], z: {}}, [p, []]]@1", "b=2@7"));
  const auto settings = read_settings("a.yaml", "a: [x, y, x, x]");
  EXPECT_THAT(settings.at(0).items, ElementsAre("x", "y", "x", "x"));
}

TEST(Settings, BadTextIsRefusedWithItsLine) {
  EXPECT_THAT(failure("a: 1\na: 2\n"), HasSubstr("a.yaml:2: key a stands twice, first in line 1"));
  EXPECT_THAT(failure("a: {b: 1}\na.b: 2\n"), HasSubstr("a.yaml:2: key a.b stands twice"));
  EXPECT_THAT(failure("a:\n  b: 1\na:\n  c: 1\n"), HasSubstr("key a stands twice"));
  EXPECT_THAT(failure(""), HasSubstr("a.yaml is no mapping"));
  EXPECT_THAT(failure("# nothing\n"), HasSubstr("a.yaml is no mapping"));
  EXPECT_THAT(failure("just text"), HasSubstr("a.yaml:1: the file is no mapping"));
  EXPECT_THAT(failure("- a\n- b"), HasSubstr("a.yaml:1: the file is no mapping"));
  EXPECT_THAT(failure("[[a]]"), HasSubstr("no mapping"));
  EXPECT_THAT(failure("a: 1\n---\nb: 2\n"), HasSubstr("more than one document"));
  EXPECT_THAT(failure("a: ]"), HasSubstr("not valid YAML"));
  EXPECT_THAT(failure("? [a]\n: 1"), HasSubstr("a key must be a plain word"));
  EXPECT_THAT(failure("? {a: b}\n: 1"), HasSubstr("a key must be a plain word"));
  EXPECT_THAT(failure("a: [{? [b] : 1}]"), HasSubstr("a key must be a plain word"));
  EXPECT_THAT(failure("a: !!float 1"), HasSubstr("tags are not read"));
  EXPECT_THAT(failure("a: \"\\x1b[31m\""), HasSubstr("control characters"));
  EXPECT_THAT(failure("\"\": 1"), HasSubstr("a key is empty"));
  EXPECT_THAT(failure(std::string("a: \xff\xfe")), HasSubstr("not UTF-8"));
  EXPECT_THAT(failure(std::string("a: \0b", 5)), HasSubstr("not UTF-8"));
}

TEST(Settings, NothingInASmallFileCanGrow) {
  EXPECT_THAT(failure("a: &x 1\nb: *x"), HasSubstr("a.yaml:1: anchors are not read"));
  EXPECT_THAT(failure("a: &x [1]\nb: [*x, *x]"), HasSubstr("anchors are not read"));
  EXPECT_THAT(failure("a: {<<: *x}"), HasSubstr("a.yaml:1:"));
  EXPECT_THAT(failure("a: " + std::string(20, '[') + std::string(20, ']')),
              HasSubstr("nested too deeply"));
  EXPECT_THAT(failure("a: " + std::string(100'000, '[')), HasSubstr("a.yaml:1:"));
  EXPECT_THAT(failure(std::string(100'000, '{')), HasSubstr("a.yaml:1:"));
  EXPECT_THAT(failure("a: " + std::string(5000, 'x')), HasSubstr("longer than 4096 bytes"));
  EXPECT_THAT(failure(std::string(201, 'k') + ": 1"), HasSubstr("longer than 200 bytes"));
  std::string many = "a: [";
  for (int i = 0; i < 100'001; ++i) many += "1,";
  EXPECT_THAT(failure(many + "1]"), HasSubstr("more than 100000 values"));
  std::string item = "a: [{";
  for (int i = 0; i < 3000; ++i) item += "k" + std::to_string(i) + ": 1, ";
  EXPECT_THAT(failure(item + "z: 1}]"), HasSubstr("an item of a list is longer"));
  EXPECT_THAT(failure("a: 1\n#" + std::string(std::size_t{4} << 20, 'x')),
              HasSubstr("larger than 4 MiB"));
}

TEST(Settings, ReferencesAreReplaced) {
  auto settings = read_settings(
      "a.yaml",
      "a: ${c.d}\nc: {d: 7}\ne: x-${a}-${c.d}\nf: ['${a}', '${path.glob:/x/*}']\ng: '${'");
  resolve_references("a.yaml", settings);
  std::vector<std::string> shown;
  for (const Setting& setting : settings) shown.push_back(setting.shown());
  EXPECT_THAT(shown, ElementsAre("7", "7", "x-7-7", "[7, ${path.glob:/x/*}]", "${"));
}

TEST(Settings, BadReferences) {
  EXPECT_THAT(failure("a: ${b}", true), HasSubstr("a.yaml:1: a refers to ${b}, which is not in"));
  EXPECT_THAT(failure("a: ${b}\nb: ${a}", true), HasSubstr("refers to itself"));
  EXPECT_THAT(failure("a: ${b}\nb: [1]", true), HasSubstr("which is no value"));
  EXPECT_THAT(failure("a: ${b}\nb: null", true), HasSubstr("which is no value"));
  const auto chain = [](const std::string& last) {
    std::string text = "k0: " + last + "\n";
    for (int i = 1; i < 8; ++i) {
      text += "k" + std::to_string(i) + ": ";
      for (int j = 0; j < 100; ++j) text += "${k" + std::to_string(i - 1) + "}";
      text += "\n";
    }
    return text;
  };
  EXPECT_THAT(failure(chain("xxxxxxxx"), true), HasSubstr("becomes longer than 4096 bytes"));
  EXPECT_THAT(failure(chain("''"), true), HasSubstr("more than 10000 references"));
}

}  // namespace
}  // namespace repro::imports

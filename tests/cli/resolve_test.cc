// What a name means.
#include <gmock/gmock.h>

#include "artifacts/base/error.h"
#include "artifacts/store/store.h"
#include "tests/cli/cli_fixture.h"

namespace repro::cli_test {
namespace {

using testing::HasSubstr;

class Resolve : public CliTest {
 protected:
  Resolve() {
    make_store();
    first_ = train("first", 6);
    second_ = train("second", 6, {"--set", "train.seed=9"});
  }

  std::string run_id(const std::string& text) {
    return must({"show", text, "--json"}).json_of("run").value("id", "");
  }

  std::string first_;
  std::string second_;
};

TEST_F(Resolve, RunsByIdPrefixNameAndAge) {
  ASSERT_NE(first_, second_);
  EXPECT_EQ(run_id(first_), first_);
  EXPECT_EQ(run_id(first_.substr(0, 12)), first_);
  EXPECT_EQ(run_id("first"), first_);
  EXPECT_EQ(run_id("last"), second_);
  EXPECT_EQ(run_id("last~0"), second_);
  EXPECT_EQ(run_id("last~1"), first_);
}

TEST_F(Resolve, NewestRunOfANameWins) {
  const std::string third = train("first", 6, {"--set", "train.seed=10"});
  EXPECT_EQ(run_id("first"), third);
}

TEST_F(Resolve, TooFarBack) {
  const Outcome outcome = run({"show", "last~2"});
  EXPECT_EQ(outcome.code, 3);
  EXPECT_THAT(outcome.error, HasSubstr("the store has 2"));
  EXPECT_EQ(run({"show", "last~x"}).code, 2);
}

TEST_F(Resolve, UnknownNameSuggestsTheNearest) {
  const Outcome outcome = run({"show", "fisrt"});
  EXPECT_EQ(outcome.code, 3);
  EXPECT_THAT(outcome.error, HasSubstr("did you mean first?"));
}

TEST_F(Resolve, UnknownIdIsNotFound) {
  EXPECT_EQ(run({"show", std::string(64, 'a')}).code, 3);
  EXPECT_EQ(run({"log", std::string(64, 'a')}).code, 3);
  EXPECT_EQ(run({"verify", std::string(64, 'a')}).code, 3);
}

TEST_F(Resolve, AmbiguousPrefixListsTheCandidates) {
  // 300 objects over 65,536 prefixes of four digits surely collide: ask for each prefix.
  artifacts::Store store = artifacts::Store::open(system_file_system(), folder_ / ".repro");
  std::map<std::string, std::vector<std::string>> by_prefix;
  std::string ambiguous;
  for (int i = 0; ambiguous.empty(); ++i) {
    const std::string hex = store.put(std::string_view("object " + std::to_string(i))).digest.hex();
    auto& group = by_prefix[hex.substr(0, 4)];
    group.push_back(hex);
    const bool is_run =
        first_.starts_with(hex.substr(0, 4)) || second_.starts_with(hex.substr(0, 4));
    if (group.size() > 1 && !is_run) ambiguous = hex.substr(0, 4);
  }
  const Outcome outcome = run({"show", ambiguous});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.error, HasSubstr("'" + ambiguous + "' is ambiguous"));
  for (const std::string& hex : by_prefix[ambiguous]) {
    EXPECT_THAT(outcome.error, HasSubstr(hex.substr(0, 16)));
  }
}

TEST_F(Resolve, StatesByStep) {
  const Json stored = must({"show", "first@4", "--json"}).json_of("state");
  EXPECT_EQ(stored.at("stored"), true);
  EXPECT_EQ(stored.at("step"), 4);
  const Json newest = must({"show", "first@-1", "--json"}).json_of("state");
  EXPECT_EQ(newest.at("step"), 6);
  EXPECT_EQ(must({"show", "first@-2", "--json"}).json_of("state"), stored);
  const Json logged = must({"show", "first@5", "--json"}).json_of("state");
  EXPECT_EQ(logged.at("stored"), false);
  EXPECT_EQ(logged.at("state").at("digest").get<std::string>().size(), 64U);
}

TEST_F(Resolve, StepsThatTheRunDoesNotHave) {
  EXPECT_THAT(run({"show", "first@7"}).error, HasSubstr("it has 0..6"));
  EXPECT_EQ(run({"show", "first@7"}).code, 3);
  EXPECT_EQ(run({"show", "first@-3"}).code, 3);
  EXPECT_EQ(run({"show", "first@four"}).code, 2);
  EXPECT_EQ(run({"show", "letters@4"}).code, 2);
}

TEST_F(Resolve, RootsThatCommandsPrint) {
  const Json state = must({"show", "first@4", "--json"}).json_of("state");
  const std::string root = state.at("state").at("digest");
  EXPECT_EQ(must({"show", root, "--json"}).json_of("state").at("manifest"), state.at("manifest"));
  const Json data = must({"show", "letters", "--json"}).json_of("dataset");
  const std::string data_root = data.at("digest");
  EXPECT_EQ(must({"show", data_root, "--json"}).json_of("dataset"), data);
}

TEST_F(Resolve, TagKeepsARunAsItWas) {
  must({"tag", "before", "first"});
  must({"resume", "first", "--until", "8"});
  EXPECT_EQ(must({"show", "first", "--json"}).json_of("run").at("step"), 8);
  EXPECT_EQ(must({"show", "before", "--json"}).json_of("run").at("step"), 6);
  // ... but what goes on is the run.
  must({"resume", "before", "--until", "9"});
  EXPECT_EQ(must({"show", "first", "--json"}).json_of("run").at("step"), 9);
}

TEST_F(Resolve, PathsAndRecipes) {
  folder_.write("some.bin", "bytes");
  EXPECT_EQ(must({"show", "some.bin", "--json"}).json_of("file").at("size"), 5);
  EXPECT_EQ(must({"show", "olmo2-tiny", "--json"}).json_of("config").at("config").at("name"),
            "olmo2-tiny");
  EXPECT_EQ(run({"log", "some.bin"}).code, 2);
  EXPECT_EQ(run({"log", "letters"}).code, 2);
}

TEST_F(Resolve, EditedCatalogueChangesNothing) {
  must({"runs"});
  folder_.write(".repro/index/catalogue.sqlite", "not a database");
  EXPECT_EQ(run_id("last"), second_);
  EXPECT_THAT(must({"runs"}).out, HasSubstr("second"));
}

}  // namespace
}  // namespace repro::cli_test

// What is said to a person who types something wrong, and how.
#include <gmock/gmock.h>

#include <algorithm>

#include "artifacts/base/error.h"
#include "cli/arguments.h"
#include "cli/commands.h"
#include "tests/cli/cli_fixture.h"

namespace repro::cli_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class Usage : public CliTest {};

TEST_F(Usage, WithoutCommandShowsTheOverviewAndFails) {
  const Outcome outcome = run({});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.out, HasSubstr("usage: repro"));
}

TEST_F(Usage, EveryCommandHasHelpOfItsOwn) {
  for (const cli::Command& command : cli::commands()) {
    std::vector<std::string> words = {"help"};
    words.push_back(command.name);
    const Outcome help = must(words);
    EXPECT_THAT(help.out, HasSubstr("usage: repro " + command.name));
    EXPECT_THAT(help.out, HasSubstr("exit codes"));
    const auto space = command.name.find(' ');
    words = {command.name.substr(0, space)};
    if (space != std::string::npos) words.push_back(command.name.substr(space + 1));
    words.push_back("--help");
    EXPECT_EQ(must(words).out, help.out);
  }
}

TEST_F(Usage, OverviewListsEveryCommand) {
  const std::string overview = must({"help"}).out;
  for (const cli::Command& command : cli::commands()) {
    EXPECT_THAT(overview, HasSubstr("  " + command.name + " "));
  }
}

TEST_F(Usage, MisspeltCommandNamesTheNearest) {
  const Outcome outcome = run({"statsu"});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.error, HasSubstr("there is no command 'statsu'"));
  EXPECT_THAT(outcome.error, HasSubstr("did you mean `repro status`?"));
  EXPECT_THAT(outcome.out, IsEmpty());
}

TEST_F(Usage, HalfACommandNamesTheOtherHalf) {
  const Outcome outcome = run({"data"});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.error, HasSubstr("`repro data add`"));
}

TEST_F(Usage, MisspeltOptionNamesTheNearest) {
  const Outcome outcome = run({"train", "olmo2-tiny", "--untill", "3"});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.error, HasSubstr("no option --untill"));
  EXPECT_THAT(outcome.error, HasSubstr("did you mean --until?"));
}

TEST_F(Usage, UnknownOptionBeforeTheCommand) {
  EXPECT_EQ(run({"--jsno", "status"}).code, 2);
  EXPECT_EQ(run({"-C"}).code, 2);
}

TEST_F(Usage, SurplusWordsAreNotIgnored) {
  const Outcome outcome = run({"status", "please"});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.error, HasSubstr("'please'"));
}

TEST_F(Usage, MissingArgumentIsNamed) {
  must({"init"});
  const Outcome outcome = run({"show"});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.error, HasSubstr("needs X"));
}

TEST_F(Usage, MissingValueOfAnOption) {
  const Outcome outcome = run({"train", "olmo2-tiny", "--until"});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.error, HasSubstr("--until"));
}

TEST_F(Usage, NumbersAreChecked) {
  EXPECT_THAT(run({"train", "olmo2-tiny", "--until", "many"}).error,
              HasSubstr("--until is 'many'; expected a whole number of at least 0"));
  EXPECT_EQ(run({"train", "olmo2-tiny", "--until=-3"}).code, 2);
  EXPECT_EQ(run({"plan", "olmo2-tiny", "--tokens-per-second", "0"}).code, 2);
}

TEST_F(Usage, ErrorsComeAsJsonWhereAsked) {
  for (const auto& words : {std::vector<std::string>{"--json", "statsu"}, {"status", "--json"}}) {
    const Outcome outcome = run(words);
    const Json error = parse_json(outcome.error, "error");
    EXPECT_EQ(error.at("type"), "error");
    EXPECT_EQ(error.at("schema"), "repro.error/1");
    EXPECT_EQ(exit_code(parse_code(error.at("code").get<std::string>())), outcome.code);
    EXPECT_NE(error.at("message"), "");
    EXPECT_NE(error.at("hint"), "");
    EXPECT_THAT(outcome.out, IsEmpty());
  }
}

TEST_F(Usage, OutsideAStoreSaysHowToMakeOne) {
  for (const char* command : {"status", "runs", "fsck"}) {
    const Outcome outcome = run({command});
    EXPECT_EQ(outcome.code, 3);
    EXPECT_THAT(outcome.error, HasSubstr("`repro init`"));
  }
}

TEST_F(Usage, RunsInAnotherFolderWithC) {
  must({"init"});
  folder_.write("deep/er/file", "x");
  EXPECT_THAT(must({"-C", "deep/er", "status"}).out, HasSubstr(folder_.path() + "/.repro"));
  EXPECT_THAT(must({"status", "-C", "deep"}).out, HasSubstr(folder_.path() + "/.repro"));
  EXPECT_EQ(run({"-C", "nowhere", "status"}).code, 3);
}

TEST_F(Usage, StoreIsFoundThroughTheEnvironment) {
  must({"init", "--store", "elsewhere"});
  EXPECT_EQ(run({"status"}).code, 3);
  set_environment("REPRO_STORE", "elsewhere");
  EXPECT_THAT(must({"status"}).out, HasSubstr(folder_.path() + "/elsewhere"));
}

TEST_F(Usage, InitTwiceChangesNothing) {
  EXPECT_THAT(must({"init"}).out, HasSubstr("made a store"));
  EXPECT_THAT(must({"init"}).out, HasSubstr("already"));
}

TEST_F(Usage, StoreOfANewerVersionIsRefused) {
  must({"init"});
  const std::string text = support::read_text(folder_ / ".repro/format");
  std::string newer = text;
  const auto digit = newer.find("1");
  ASSERT_NE(digit, std::string::npos);
  folder_.write(".repro/format", "repro store 999\n");
  const Outcome outcome = run({"status"});
  EXPECT_THAT(outcome.code, testing::AnyOf(4, 5)) << outcome.error;
}

TEST_F(Usage, CompletionKnowsCommandsAndOptions) {
  const std::string script = must({"completion", "bash"}).out;
  EXPECT_THAT(script, HasSubstr("checkout"));
  EXPECT_THAT(script, HasSubstr("--micro-batch"));
  EXPECT_EQ(run({"completion", "tcsh"}).code, 2);
}

TEST_F(Usage, VersionNamesBuildAndOperators) {
  const Json version = must({"version", "--json"}).json_of("version");
  EXPECT_EQ(version.at("build_id").get<std::string>().size(), 64U);
  EXPECT_EQ(version.at("operators").at("exact"), "1");
  EXPECT_EQ(must({"--version"}).out, must({"version"}).out);
}

TEST_F(Usage, ColourOnlyOnATerminal) {
  must({"init"});
  EXPECT_THAT(run({"doctor"}).out, Not(HasSubstr("\033[")));
  EXPECT_THAT(run_on_terminal({"doctor"}).out, HasSubstr("\033["));
}

// --- parsing
// ---------------------------------------------------------------------------------------

const std::vector<cli::OptionSpec>& some_options() {
  static const std::vector<cli::OptionSpec> kOptions = {
      {"RUN", cli::ValueKind::one, "", "run", cli::Required::yes},
      {"PATH", cli::ValueKind::many, "", "files"},
      {"-o,--output", cli::ValueKind::one, "DIR", "folder"},
      {"--set", cli::ValueKind::many, "KEY=VALUE", "change"},
      {"--again", cli::ValueKind::flag, "", "again"},
      {"--replay", cli::ValueKind::maybe, "A..B", "replay"}};
  return kOptions;
}

cli::Arguments parse(const std::vector<std::string>& words) {
  return cli::parse_arguments(some_options(), words, "try");
}

TEST(Arguments, PositionalsAndOptionsInAnyOrder) {
  const auto arguments =
      parse({"--again", "x", "-o", "out", "a", "--set", "k=1", "b", "--set=j=2"});
  EXPECT_EQ(arguments.text("RUN"), "x");
  EXPECT_THAT(arguments.all("PATH"), ElementsAre("a", "b"));
  EXPECT_THAT(arguments.all("--set"), ElementsAre("k=1", "j=2"));
  EXPECT_EQ(arguments.text("--output"), "out");
  EXPECT_TRUE(arguments.has("--again"));
  EXPECT_FALSE(arguments.has("--replay"));
  EXPECT_EQ(arguments.find("--replay"), std::nullopt);
}

TEST(Arguments, OptionalValueNeedsAnEqualsSign) {
  const auto bare = parse({"--replay", "x"});
  EXPECT_TRUE(bare.has("--replay"));
  EXPECT_EQ(bare.text("--replay"), "");
  EXPECT_EQ(bare.text("RUN"), "x");
  EXPECT_EQ(parse({"x", "--replay=3..5"}).text("--replay"), "3..5");
}

TEST(Arguments, WordsAfterTwoDashesAreNoOptions) {
  EXPECT_EQ(parse({"--", "--again"}).text("RUN"), "--again");
}

TEST(Arguments, ValueTwiceIsAnError) { EXPECT_THROW(parse({"x", "-o", "a", "-o", "b"}), Error); }

TEST(Arguments, AskingForWhatWasNotDeclaredIsABug) {
  const auto arguments = parse({"x"});
  EXPECT_THROW(arguments.text("--sett"), Error);
}

TEST(Text, NumbersForPeople) {
  EXPECT_EQ(cli::count_text(0), "0");
  EXPECT_EQ(cli::count_text(1234567), "1,234,567");
  EXPECT_EQ(cli::count_text(-123456), "-123,456");
  EXPECT_EQ(cli::bytes_text(1023), "1023 B");
  EXPECT_EQ(cli::bytes_text(1536), "1.5 KiB");
  EXPECT_EQ(cli::bytes_text(std::uint64_t{1} << 40), "1.0 TiB");
  EXPECT_EQ(cli::duration_text(3.21), "3.2 s");
  EXPECT_EQ(cli::duration_text(245), "4 min 05 s");
  EXPECT_EQ(cli::duration_text(7800), "2 h 10 min");
}

}  // namespace
}  // namespace repro::cli_test

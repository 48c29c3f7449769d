// `repro report` and `repro import log`: what they write, print and refuse.
#include <gmock/gmock.h>

#include <filesystem>

#include "artifacts/base/digest.h"
#include "tests/cli/cli_fixture.h"

namespace repro::cli_test {
namespace {

using testing::HasSubstr;

class ReportCommand : public CliTest {
 protected:
  ReportCommand() {
    make_store();
    csv_ = folder_.write("in/theirs.csv", "step,train/loss,gpu\n1,3,90\n2,2.5,91\n");
  }
  bool exists(const std::string& name) { return std::filesystem::exists(folder_ / name); }

  std::string csv_;
};

TEST_F(ReportCommand, DrawsRunsAndImportedLogsTogether) {
  const std::string id = train("base", 8);
  train("faster", 8, {"--set", "optimizer.learning_rate=0.01"});
  must({"import", "log", csv_, "--name", "theirs"});
  const Outcome outcome = must({"report", "base", "faster", "theirs", "-o", "out", "--json"});
  const std::string page = support::read_text(folder_ / "out/index.html");
  EXPECT_THAT(page, HasSubstr(id));
  EXPECT_THAT(page, HasSubstr("<td>optimizer.learning_rate</td>"));
  EXPECT_THAT(page, HasSubstr(">gpu</h2>"));
  const Json record = outcome.json_of("report");
  EXPECT_EQ(record.at("runs"), 2);
  EXPECT_EQ(record.at("logs"), 1);
  EXPECT_EQ(record.at("digest"), sha256(page).hex());
  EXPECT_THAT(support::read_text(folder_ / "out/records.json"), HasSubstr("repro.records/1"));
  must({"report", "base", "faster", "theirs", "-o", "again"});
  EXPECT_EQ(support::read_text(folder_ / "again/index.html"), page);
}

TEST_F(ReportCommand, NothingIsLeftOfOneThatFails) {
  train("base", 4);
  EXPECT_EQ(run({"report", "base", "nobody", "-o", "out"}).code, 3);
  EXPECT_EQ(run({"report", "base", "last", "-o", "out"}).code, 2);
  EXPECT_EQ(run({"report", "letters", "-o", "out"}).code, 2);
  EXPECT_EQ(run({"report", "base"}).code, 2);
  EXPECT_FALSE(exists("out"));
  folder_.write("full/a.txt", "precious");
  EXPECT_EQ(run({"report", "base", "-o", "full"}).code, 6);
  EXPECT_EQ(support::read_text(folder_ / "full/a.txt"), "precious");
  for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) {
    EXPECT_FALSE(entry.path().filename().string().starts_with(".out")) << entry.path();
  }
}

TEST_F(ReportCommand, ALogIsKeptCheckedAndRemoved) {
  const Outcome outcome = must({"import", "log", csv_, "--name", "theirs", "--json"});
  const Json record = outcome.json_of("imported_log");
  EXPECT_EQ(record.at("points"), 4);
  EXPECT_EQ(record.at("digest"), sha256(support::read_text(csv_)).hex());
  must({"import", "log", csv_, "--name", "theirs"});  // the same again
  must({"fsck"});
  EXPECT_THAT(must({"verify", record.at("manifest").get<std::string>()}).out,
              HasSubstr("3 objects"));
  folder_.write("other.csv", "step,a\n1,1\n");
  EXPECT_EQ(run({"import", "log", "other.csv", "--name", "theirs"}).code, 6);
  EXPECT_EQ(must({"import", "log", csv_, "--name", "theirs", "--json"})
                .json_of("imported_log")
                .at("manifest"),
            record.at("manifest"));
  must({"import", "log", "other.csv", "--name", "theirs", "--force"});
  must({"rm", "theirs"});
  EXPECT_EQ(run({"report", "theirs", "-o", "out"}).code, 3);
}

TEST_F(ReportCommand, ADamagedLogIsFoundByFsck) {
  const Json record =
      must({"import", "log", csv_, "--name", "theirs", "--json"}).json_of("imported_log");
  const std::string digest = record.at("digest");
  std::filesystem::remove(folder_ /
                          (".repro/objects/" + digest.substr(0, 2) + "/" + digest.substr(2)));
  const Outcome outcome = run({"fsck"});
  EXPECT_EQ(outcome.code, 4);
  EXPECT_THAT(outcome.out, HasSubstr("file of imported log"));
}

TEST_F(ReportCommand, BadLogsLeaveNothingBehind) {
  const std::pair<const char*, int> cases[] = {
      {"bad.csv", 2}, {"bad.jsonl", 2}, {"bad.tfevents", 4}, {"bad.txt", 2}};
  for (const auto& [name, code] : cases) {
    folder_.write(name, "nonsense");
    EXPECT_EQ(run({"import", "log", name, "--name", "x"}).code, code) << name;
  }
  EXPECT_EQ(run({"import", "log", "nowhere.csv", "--name", "x"}).code, 3);
  EXPECT_EQ(run({"import", "log", csv_, "--name", "../x"}).code, 2);
  EXPECT_EQ(run({"import", "log", csv_, "--name", "x", "--format", "xml"}).code, 2);
  EXPECT_EQ(run({"import", "log", csv_}).code, 2);
  EXPECT_FALSE(exists(".repro/refs/logs"));
}

}  // namespace
}  // namespace repro::cli_test

#include "train/data/sources.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <string>
#include <vector>

#include "tests/support/temporary_folder.h"
#include "tests/train/data/bytes.h"

namespace repro::train {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

SourceList find(const std::vector<std::string>& paths) {
  return find_sources(system_file_system(), paths);
}

std::vector<std::string> names(const SourceList& list) {
  std::vector<std::string> result;
  for (const SourceFile& file : list.files) result.push_back(file.name);
  return result;
}

TEST(Sources, FolderIsWalkedInBytewiseOrderOfPaths) {
  const support::TemporaryFolder scratch;
  for (const char* name : {"d/b.txt", "d/a/z", "d/a-b", "d/B", "d/a.txt"}) scratch.write(name, "x");
  EXPECT_THAT(names(find({scratch / "d"})), ElementsAre("B", "a-b", "a.txt", "a/z", "b.txt"));
}

TEST(Sources, KindsFollowTheNames) {
  const support::TemporaryFolder scratch;
  for (const char* name : {"d/1.jsonl", "d/2.npy", "d/3.u16", "d/4.u32", "d/5"}) {
    scratch.write(name, "x");
  }
  std::vector<SourceKind> kinds;
  for (const SourceFile& file : find({scratch / "d"}).files) kinds.push_back(file.kind);
  EXPECT_THAT(kinds, ElementsAre(SourceKind::jsonl, SourceKind::npy, SourceKind::u16,
                                 SourceKind::u32, SourceKind::text));
}

TEST(Sources, SymlinksHiddenAndSpecialFilesInAFolderAreSkippedAndReported) {
  const support::TemporaryFolder scratch;
  scratch.write("d/a", "x");
  scratch.write("d/.git/config", "x");
  std::filesystem::create_symlink("a", scratch / "d/link");
  std::filesystem::create_directory_symlink(scratch / "d", scratch / "d/loop");
  ASSERT_EQ(::mkfifo((scratch / "d/pipe").c_str(), 0600), 0);
  const SourceList list = find({scratch / "d"});
  EXPECT_THAT(names(list), ElementsAre("a"));
  EXPECT_THAT(list.skipped, ElementsAre(".git: hidden", "link: symlink", "loop: symlink",
                                        "pipe: neither a file nor a folder"));
}

TEST(Sources, APathTheUserNamesMayBeASymlink) {
  const support::TemporaryFolder scratch;
  scratch.write("d/a", "x");
  std::filesystem::create_directory_symlink(scratch / "d", scratch / "link");
  EXPECT_THAT(names(find({scratch / "link"})), ElementsAre("a"));
  const std::string dangling = scratch / "dangling";
  std::filesystem::create_symlink("nowhere", dangling);
  EXPECT_EQ(catch_error([&] { find({dangling}); }).code(), Code::not_found);
}

TEST(Sources, SeveralPathsKeepTheirOrderAndNameTheirFolder) {
  const support::TemporaryFolder scratch;
  scratch.write("two/x", "x");
  scratch.write("one/x", "x");
  EXPECT_THAT(names(find({scratch / "two", scratch / "one/"})), ElementsAre("two/x", "one/x"));
}

TEST(Sources, NamesThatAreNotUtf8AreSpeltOut) {
  const support::TemporaryFolder scratch;
  scratch.write("d/a\xFF\n", "x");
  EXPECT_THAT(names(find({scratch / "d"})), ElementsAre("a\\xff\\x0a"));
}

TEST(Sources, MissingPathIsNotFoundAndNamed) {
  const Error error = catch_error([] { find({"/no/such/folder"}); });
  EXPECT_EQ(error.code(), Code::not_found);
  EXPECT_THAT(error.message(), HasSubstr("/no/such/folder"));
}

TEST(Sources, EmptyFolderIsRefused) {
  const support::TemporaryFolder scratch;
  system_file_system().make_directories(scratch / "d/sub");
  const Error error = catch_error([&] { find({scratch / "d"}); });
  EXPECT_EQ(error.code(), Code::invalid_argument);
  EXPECT_THAT(error.message(), HasSubstr("is empty"));
  scratch.write("d/.hidden", "x");
  EXPECT_THAT(catch_error([&] { find({scratch / "d"}); }).message(),
              HasSubstr("no file to take (.hidden: hidden)"));
  EXPECT_EQ(catch_error([] { find({}); }).code(), Code::invalid_argument);
}

TEST(Sources, SpecialFileIsRefused) {
  EXPECT_THAT(catch_error([] { find({"/dev/null"}); }).message(), HasSubstr("/dev/null"));
}

TEST(Sources, TooDeepFoldersAreRefused) {
  const support::TemporaryFolder scratch;
  std::string name = "d";
  for (int i = 0; i < 70; ++i) name += "/d";
  scratch.write(name + "/a", "x");
  EXPECT_EQ(catch_error([&] { find({scratch / "d"}); }).code(), Code::invalid_argument);
}

TEST(Sources, BuiltinSourcesAreParsed) {
  const SourceList list =
      find({"builtin:prose", "builtin:prose:77", "builtin:ids:10:20", "builtin:sums:5"});
  EXPECT_THAT(names(list), ElementsAre("builtin:prose:300000", "builtin:prose:77",
                                       "builtin:ids:10:20", "builtin:sums:5"));
  EXPECT_EQ(list.files[2].vocab, 10);
  EXPECT_EQ(list.files[2].count, 20);
  EXPECT_THAT(list.skipped, IsEmpty());
}

TEST(Sources, MisspeltBuiltinSourcesAreRefused) {
  for (const char* path :
       {"builtin:", "builtin:pros", "builtin:prose:", "builtin:prose:0", "builtin:prose:x",
        "builtin:prose:1:2", "builtin:ids", "builtin:ids:8", "builtin:ids:1:5", "builtin:ids:8:0",
        "builtin:ids:8:-3", "builtin:ids:9999999999:5", "builtin:prose:99999999999",
        "builtin:sums:0"}) {
    EXPECT_EQ(catch_error([&] { find({path}); }).code(), Code::invalid_argument) << path;
  }
}

}  // namespace
}  // namespace repro::train

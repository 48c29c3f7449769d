// Repositories are made with the git program itself, in temporary folders.
#include "artifacts/git/code_identity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "artifacts/base/error.h"

namespace repro::artifacts {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

class CodeIdentityTest : public testing::Test {
 protected:
  CodeIdentityTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "repro-git-XXXXXX").string();
    root_ = mkdtemp(pattern.data());
  }
  ~CodeIdentityTest() override { std::filesystem::remove_all(root_); }

  std::string path(const std::string& name) const { return root_ + "/" + name; }

  void write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories(std::filesystem::path(path(name)).parent_path());
    std::ofstream(path(name), std::ios::binary) << text;
  }

  // Runs git in `folder` as somebody without settings of their own.
  void git(const std::string& folder, const std::string& arguments) const {
    const std::string command =
        "cd '" + path(folder) +
        "' && env -u GIT_DIR -u GIT_INDEX_FILE -u GIT_WORK_TREE GIT_CONFIG_GLOBAL=/dev/null "
        "GIT_CONFIG_SYSTEM=/dev/null "
        "git -c user.name=A -c user.email=a@example.org -c init.defaultBranch=main "
        "-c protocol.file.allow=always " +
        arguments + " >/dev/null 2>&1";
    ASSERT_EQ(std::system(command.c_str()), 0) << command;
  }

  void create_repository(const std::string& folder) const {
    std::filesystem::create_directories(path(folder));
    git(folder, "init");
    write(folder + "/recipe.yaml", "steps: 3\n");
    git(folder, "add .");
    git(folder, "commit -m first");
  }

  std::string root_;
};

TEST_F(CodeIdentityTest, NoRepositoryIsNoIdentity) {
  EXPECT_EQ(find_code_identity(root_), std::nullopt);
  EXPECT_EQ(find_code_identity(path("absent")), std::nullopt);
}

TEST_F(CodeIdentityTest, CleanRepositoryHasItsCommitAndNoDiff) {
  create_repository("r");
  const auto identity = find_code_identity(path("r"));
  ASSERT_TRUE(identity);
  EXPECT_THAT(identity->commit, SizeIs(40));
  EXPECT_FALSE(identity->dirty);
  EXPECT_THAT(identity->diff, IsEmpty());
  EXPECT_THAT(identity->submodules, IsEmpty());
}

TEST_F(CodeIdentityTest, IsFoundFromAFileAndFromASubfolder) {
  create_repository("r");
  std::filesystem::create_directories(path("r/deep/er"));
  const auto whole = find_code_identity(path("r"));
  const auto from_file = find_code_identity(path("r/recipe.yaml"));
  const auto from_folder = find_code_identity(path("r/deep/er"));
  ASSERT_TRUE(whole && from_file && from_folder);
  EXPECT_EQ(from_file->commit, whole->commit);
  EXPECT_EQ(from_folder->commit, whole->commit);
}

TEST_F(CodeIdentityTest, ChangeIsDirtyWithItsDiffWhetherStagedOrNot) {
  create_repository("r");
  write("r/recipe.yaml", "steps: 4\n");
  const auto unstaged = find_code_identity(path("r"));
  git("r", "add recipe.yaml");
  const auto staged = find_code_identity(path("r"));
  ASSERT_TRUE(unstaged && staged);
  EXPECT_TRUE(unstaged->dirty);
  EXPECT_THAT(unstaged->diff, HasSubstr("-steps: 3\n+steps: 4\n"));
  EXPECT_EQ(staged->diff, unstaged->diff);
}

TEST_F(CodeIdentityTest, RewritingTheSameBytesIsClean) {
  create_repository("r");
  write("r/recipe.yaml", "steps: 3\n");
  EXPECT_FALSE(find_code_identity(path("r"))->dirty);
}

TEST_F(CodeIdentityTest, DeletedFileIsDirty) {
  create_repository("r");
  std::filesystem::remove(path("r/recipe.yaml"));
  const auto identity = find_code_identity(path("r"));
  EXPECT_TRUE(identity->dirty);
  EXPECT_THAT(identity->diff, HasSubstr("deleted file"));
}

TEST_F(CodeIdentityTest, UntrackedFilesAreShownAsAddedUnlessIgnored) {
  create_repository("r");
  write("r/new/note.txt", "hello\n");
  write("r/.gitignore", "*.bin\n");
  write("r/big.bin", "ignored");
  const auto identity = find_code_identity(path("r"));
  EXPECT_TRUE(identity->dirty);
  EXPECT_THAT(identity->diff, HasSubstr("+++ b/new/note.txt"));
  EXPECT_THAT(identity->diff, HasSubstr("+hello\n"));
  EXPECT_THAT(identity->diff, Not(HasSubstr("big.bin")));
}

TEST_F(CodeIdentityTest, DiffOfTextAndBinaryFilesAppliesAgain) {
  create_repository("r");
  git("r", "clone . ../copy");
  write("r/recipe.yaml", "steps: 5\n");
  write("r/weights", std::string("\0\1\2\377 bytes", 10));
  const auto identity = find_code_identity(path("r"));
  write("patch", identity->diff);
  git("copy", "apply ../patch");
  const auto copy = find_code_identity(path("copy"));
  EXPECT_EQ(copy->commit, identity->commit);
  EXPECT_EQ(copy->diff, identity->diff);
}

TEST_F(CodeIdentityTest, LargeFilesAreNamedInsteadOfShown) {
  create_repository("r");
  write("r/data", "");
  std::filesystem::resize_file(path("r/data"), (std::uintmax_t{16} << 20) + 1);
  const auto identity = find_code_identity(path("r"));
  EXPECT_TRUE(identity->dirty);
  EXPECT_EQ(identity->diff, "# not shown: data (16777217 bytes)\n");
}

TEST_F(CodeIdentityTest, DiffIsCutAtItsLimitAndSaysSo) {
  create_repository("r");
  const std::string text(std::size_t{9} << 20, 'x');
  write("r/a", text);
  write("r/b", text);
  const auto identity = find_code_identity(path("r"));
  EXPECT_LT(identity->diff.size(), (std::size_t{16} << 20) + 100);
  EXPECT_THAT(identity->diff.substr(identity->diff.size() - 40), HasSubstr("# cut after"));
}

TEST_F(CodeIdentityTest, RepositoryWithoutCommitsHasNoCommitButADiff) {
  std::filesystem::create_directories(path("r"));
  git("r", "init");
  EXPECT_FALSE(find_code_identity(path("r"))->dirty);
  write("r/recipe.yaml", "steps: 3\n");
  const auto identity = find_code_identity(path("r"));
  EXPECT_EQ(identity->commit, "");
  EXPECT_TRUE(identity->dirty);
  EXPECT_THAT(identity->diff, HasSubstr("+steps: 3"));
}

TEST_F(CodeIdentityTest, BareRepositoryHasACommitOnly) {
  create_repository("r");
  git("r", "clone --bare . ../bare");
  const auto identity = find_code_identity(path("bare"));
  EXPECT_EQ(identity->commit, find_code_identity(path("r"))->commit);
  EXPECT_FALSE(identity->dirty);
}

TEST_F(CodeIdentityTest, SubmodulesAreListedInPathOrderWithTheirCheckedOutCommit) {
  create_repository("library");
  create_repository("r");
  git("r", "submodule add ../library zlib");
  git("r", "submodule add ../library alib");
  git("r", "commit -m submodules");
  const auto clean = find_code_identity(path("r"));
  const std::string library = find_code_identity(path("library"))->commit;
  EXPECT_FALSE(clean->dirty);
  ASSERT_THAT(clean->submodules, SizeIs(2));
  EXPECT_EQ(clean->submodules[0].path, "alib");
  EXPECT_EQ(clean->submodules[1].path, "zlib");
  EXPECT_EQ(clean->submodules[0].commit, library);

  write("r/alib/recipe.yaml", "steps: 9\n");
  git("r/alib", "commit -am moved");
  const auto moved = find_code_identity(path("r"));
  EXPECT_TRUE(moved->dirty);
  EXPECT_THAT(moved->diff, HasSubstr("+Subproject commit " + moved->submodules[0].commit));
  EXPECT_NE(moved->submodules[0].commit, library);
}

TEST_F(CodeIdentityTest, DetachedHeadIsACommitLikeAnyOther) {
  create_repository("r");
  git("r", "checkout --detach");
  EXPECT_THAT(find_code_identity(path("r"))->commit, SizeIs(40));
}

TEST_F(CodeIdentityTest, DamagedRepositoryIsAnEnvironmentError) {
  create_repository("r");
  std::filesystem::remove_all(path("r/.git/objects"));
  std::filesystem::create_directories(path("r/.git/objects"));
  try {
    find_code_identity(path("r"));
    FAIL() << "read a repository without objects";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::environment);
    EXPECT_THAT(error.what(), HasSubstr("git: reading the commit of HEAD"));
    EXPECT_THAT(error.hint(), HasSubstr("git fsck"));
  }
}

TEST_F(CodeIdentityTest, ReadingWritesNothing) {
  create_repository("r");
  const auto index = std::filesystem::last_write_time(path("r/.git/index"));
  write("r/recipe.yaml", "steps: 3\n");
  find_code_identity(path("r"));
  EXPECT_EQ(std::filesystem::last_write_time(path("r/.git/index")), index);
}

}  // namespace
}  // namespace repro::artifacts

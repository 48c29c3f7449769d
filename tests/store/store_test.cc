#include "artifacts/store/store.h"

#include <filesystem>
#include <nlohmann/json.hpp>
#include <thread>

#include "artifacts/base/json.h"
#include "tests/store/store_world.h"

namespace repro::artifacts {
namespace {

using ::testing::HasSubstr;

TEST_F(StoreWorld, InitMakesAStoreThatOpens) {
  EXPECT_EQ(Store::open(files, store.folder()).folder(), folder / ".repro");
  EXPECT_TRUE(store.list_objects().empty());
  EXPECT_TRUE(store.list_ref_kinds().empty());
}

TEST_F(StoreWorld, InitTwiceIsRefused) {
  EXPECT_EQ(error_of([&] { Store::init(files, store.folder()); }).code(), Code::already_exists);
}

TEST_F(StoreWorld, OpenOfAnotherFolderSaysWhatToDo) {
  const Error error = error_of([&] { Store::open(files, folder.path()); });
  EXPECT_EQ(error.code(), Code::not_found);
  EXPECT_THAT(error.hint(), HasSubstr("repro init"));
}

TEST_F(StoreWorld, FindGoesUpward) {
  std::filesystem::create_directories(folder / "a/b");
  EXPECT_EQ(Store::find(files, folder / "a/b"), store.folder());
  EXPECT_EQ(Store::find(files, store.folder()), store.folder());
  EXPECT_EQ(Store::find(files, "/"), std::nullopt);
}

TEST_F(StoreWorld, FindReportsAStoreThatLostItsFormatFile) {
  std::filesystem::remove(store.folder() + "/format");
  EXPECT_EQ(Store::find(files, folder.path()), store.folder());
}

TEST_F(StoreWorld, EveryFlippedBitOfTheFormatFileIsCorruption) {
  const std::string path = store.folder() + "/format";
  for (std::uint64_t bit = 0; bit < support::bits_of_file(path); ++bit) {
    support::flip_bit(path, bit);
    const Error error = error_of([&] { Store::open(files, store.folder()); });
    EXPECT_EQ(error.code(), Code::corruption) << "bit " << bit;
    EXPECT_THAT(error.message(), HasSubstr(path));
    support::flip_bit(path, bit);
  }
}

TEST_F(StoreWorld, OtherBytesInTheFormatFileAreCorruption) {
  const std::string path = store.folder() + "/format";
  for (const char* text : {"", "{}\n", "garbage", "{\"version\":0}\n", "{\"version\":\"1\"}\n"}) {
    folder.write(".repro/format", text);
    EXPECT_EQ(error_of([&] { Store::open(files, store.folder()); }).code(), Code::corruption);
  }
  folder.write(".repro/format", std::string(5000, ' '));
  EXPECT_EQ(error_of([&] { Store::open(files, store.folder()); }).code(), Code::corruption);
}

TEST_F(StoreWorld, NewerVersionIsRefusedWithBothVersions) {
  const std::string check = sha256("repro.store\n7").hex();
  folder.write(".repro/format",
               encode_json({{"check", check}, {"schema", "repro.store/1"}, {"version", 7}}) + "\n");
  const Error error = error_of([&] { Store::open(files, store.folder()); });
  EXPECT_EQ(error.code(), Code::unsupported);
  EXPECT_THAT(error.message(), HasSubstr("version 7"));
  EXPECT_THAT(error.message(), HasSubstr("version 1"));
}

TEST_F(StoreWorld, SymlinkedFolderIsRefused) {
  std::filesystem::rename(store.folder() + "/objects", folder / "elsewhere");
  std::filesystem::create_directory_symlink(folder / "elsewhere", store.folder() + "/objects");
  EXPECT_EQ(error_of([&] { Store::open(files, store.folder()); }).code(), Code::corruption);
}

TEST_F(StoreWorld, MissingEmptyFoldersAreNoError) {
  for (const char* name : {"objects", "refs", "runs", "index", "tmp"}) {
    std::filesystem::remove(store.folder() + "/" + name);
  }
  Store reopened = Store::open(files, store.folder());
  EXPECT_TRUE(reopened.list_objects().empty());
  EXPECT_TRUE(reopened.list_refs("runs").empty());
  EXPECT_EQ(reopened.find_ref("runs", "a"), std::nullopt);
  reopened.sweep_temporary(0);
}

TEST_F(StoreWorld, ReadingWritesNothing) {
  const Digest text = store.put(prose(5000)).digest;
  store.set_ref({"tags", "a", text});
  files.stop_at(1);  // as on a read-only medium
  const Store reopened = Store::open(files, store.folder());
  EXPECT_EQ(reopened.get(text), prose(5000));
  EXPECT_EQ(reopened.find_ref("tags", "a")->target, text);
  EXPECT_EQ(reopened.list_objects().size(), 1U);
  EXPECT_EQ(reopened.list_refs("tags").size(), 1U);
  EXPECT_EQ(files.num_calls(), 0U);
}

TEST_F(StoreWorld, RunIsLockedOnce) {
  const auto lock = store.lock_run("r1");
  const Error error = error_of([&] { store.lock_run("r1"); });
  EXPECT_EQ(error.code(), Code::conflict);
  EXPECT_THAT(error.message(), HasSubstr("run r1 is being trained by another process"));
  EXPECT_FALSE(error.hint().empty());
  EXPECT_NE(store.lock_run("r2"), nullptr);
}

TEST_F(StoreWorld, RunLockEndsWithItsHolder) {
  store.lock_run("r1");
  EXPECT_NE(store.lock_run("r1"), nullptr);
  EXPECT_EQ(store.run_folder("r1"), store.folder() + "/runs/r1");
}

TEST_F(StoreWorld, SweepRemovesOnlyOldFilesOfTmp) {
  folder.write(".repro/tmp/1-1", "left by a crash");
  store.set_ref({"tags", "a", sha256("x")});  // makes tmp/refs.lock
  store.sweep_temporary(0);
  EXPECT_TRUE(files.exists(store.folder() + "/tmp/1-1"));
  store.sweep_temporary(INT64_MAX);
  EXPECT_EQ(files.list(store.folder() + "/tmp"), std::vector<std::string>{"refs.lock"});
}

TEST(CheckName, TakesPlainNamesOnly) {
  for (const char* name : {"a", "A-b_c.9", "9"}) EXPECT_NO_THROW(check_name(name, "name"));
  EXPECT_NO_THROW(check_name(std::string(100, 'x'), "name"));
  for (const char* name : {"", ".", "..", ".a", "-a", "a/b", "a b", "a\n", "\xc3\xa4"}) {
    EXPECT_EQ(error_of([&] { check_name(name, "tag"); }).code(), Code::invalid_argument) << name;
  }
  const Error error = error_of([] { check_name(std::string(101, 'x'), "run id"); });
  EXPECT_THAT(error.message(), HasSubstr("run id"));
  EXPECT_EQ(error_of([] { check_name(std::string_view("a\0b", 3), "tag"); }).code(),
            Code::invalid_argument);
}

}  // namespace
}  // namespace repro::artifacts

#include "artifacts/index/catalogue.h"

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <filesystem>
#include <string>

#include "tests/support/corrupt.h"
#include "tests/support/temporary_folder.h"

namespace repro::artifacts {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kLater = 1000 * kSecond;

FileStatus status_at(std::int64_t modified_ns) {
  return {FileKind::regular, 42, 1, 2, modified_ns, modified_ns};
}

class CatalogueWorld : public ::testing::Test {
 protected:
  Catalogue open() { return Catalogue::open(path); }

  // A catalogue with one row of each kind.
  void fill() {
    Catalogue catalogue = open();
    catalogue.remember_file("/data/a", status, digest, kLater);
    catalogue.remember_text("run", digest, "a summary");
  }

  bool knows_file() { return open().find_file("/data/a", status) == digest; }
  bool knows_text() { return open().find_text("run", digest) == "a summary"; }

  // As somebody with the sqlite3 program would.
  void edit(const std::string& sql) {
    sqlite3* handle = nullptr;
    ASSERT_EQ(sqlite3_open(path.c_str(), &handle), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(handle, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK) << sql;
    sqlite3_close(handle);
  }

  support::TemporaryFolder folder;
  std::string path = folder / "catalogue.sqlite";
  FileStatus status = status_at(5 * kSecond);
  Digest digest = sha256("a");
};

TEST_F(CatalogueWorld, RemembersAcrossOpenings) {
  EXPECT_FALSE(knows_file());
  EXPECT_FALSE(knows_text());
  fill();
  EXPECT_TRUE(knows_file());
  EXPECT_TRUE(knows_text());
}

TEST_F(CatalogueWorld, LaterValueReplacesTheEarlier) {
  fill();
  Catalogue catalogue = open();
  catalogue.remember_file("/data/a", status_at(6 * kSecond), sha256("b"), kLater);
  catalogue.remember_text("run", digest, "another");
  EXPECT_EQ(catalogue.find_file("/data/a", status_at(6 * kSecond)), sha256("b"));
  EXPECT_EQ(catalogue.find_file("/data/a", status), std::nullopt);
  EXPECT_EQ(catalogue.find_text("run", digest), "another");
}

TEST_F(CatalogueWorld, LookingDoesNotMakeTheFile) {
  EXPECT_FALSE(knows_file());
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(CatalogueWorld, AnyChangedStatusIsAMiss) {
  fill();
  Catalogue catalogue = open();
  for (int field = 0; field < 6; ++field) {
    FileStatus other = status;
    if (field == 0) other.kind = FileKind::symlink;
    if (field == 1) ++other.size;
    if (field == 2) ++other.device;
    if (field == 3) ++other.inode;
    if (field == 4) ++other.modified_ns;
    if (field == 5) ++other.changed_ns;
    EXPECT_EQ(catalogue.find_file("/data/a", other), std::nullopt) << field;
  }
  EXPECT_EQ(catalogue.find_file("/data/b", status), std::nullopt);
  EXPECT_EQ(catalogue.find_text("dataset", digest), std::nullopt);
  EXPECT_EQ(catalogue.find_text("run", sha256("b")), std::nullopt);
}

TEST_F(CatalogueWorld, RacyStatusIsNotRemembered) {
  Catalogue catalogue = open();
  for (const std::int64_t age : {-5 * kSecond, std::int64_t{0}, 2 * kSecond - 1}) {
    catalogue.remember_file("/data/a", status, digest, status.modified_ns + age);
    EXPECT_EQ(catalogue.find_file("/data/a", status), std::nullopt) << age;
  }
  FileStatus changed = status;  // only its inode was touched
  changed.changed_ns += kSecond;
  catalogue.remember_file("/data/a", changed, digest, status.modified_ns + 2 * kSecond);
  EXPECT_EQ(catalogue.find_file("/data/a", changed), std::nullopt);
  catalogue.remember_file("/data/a", status, digest, status.modified_ns + 2 * kSecond);
  EXPECT_EQ(catalogue.find_file("/data/a", status), digest);
}

TEST_F(CatalogueWorld, BytesOfAnyKindAreKept) {
  const std::string odd("/\xff\n\0'; DROP TABLE files", 24);
  Catalogue catalogue = open();
  catalogue.remember_file(odd, status, digest, kLater);
  catalogue.remember_text("run", digest, odd);
  catalogue.remember_text("run", sha256("empty"), "");
  EXPECT_EQ(catalogue.find_file(odd, status), digest);
  EXPECT_EQ(catalogue.find_text("run", digest), odd);
  EXPECT_EQ(catalogue.find_text("run", sha256("empty")), "");
}

TEST_F(CatalogueWorld, EditedRowsAreIgnored) {
  for (const char* sql :
       {"UPDATE files SET digest=zeroblob(32)", "UPDATE files SET digest=x'00'",
        "UPDATE files SET path='/data/a' || 'b'", "UPDATE files SET check_=zeroblob(32)",
        "UPDATE files SET digest=7", "UPDATE files SET status='x'"}) {
    fill();
    edit(sql);
    EXPECT_FALSE(knows_file()) << sql;
    EXPECT_TRUE(knows_text()) << sql;
  }
  for (const char* sql : {"UPDATE texts SET text='b summary'", "UPDATE texts SET kind='x'",
                          "UPDATE texts SET check_=x''", "DELETE FROM texts"}) {
    fill();
    edit(sql);
    EXPECT_FALSE(knows_text()) << sql;
    EXPECT_TRUE(knows_file()) << sql;
  }
}

TEST_F(CatalogueWorld, RowOfAnotherFileIsIgnored) {
  fill();
  open().remember_file("/data/b", status, sha256("b"), kLater);
  edit("DELETE FROM files WHERE path=CAST('/data/b' AS BLOB)");
  edit("INSERT INTO files SELECT CAST('/data/b' AS BLOB),status,digest,check_ FROM files");
  EXPECT_EQ(open().find_file("/data/b", status), std::nullopt);
}

TEST_F(CatalogueWorld, EditedSchemaIsSetAside) {
  for (const char* sql : {"CREATE TABLE more(a)", "DROP TABLE texts",
                          "ALTER TABLE files RENAME TO old; CREATE VIEW files AS SELECT * FROM old",
                          "CREATE TRIGGER t AFTER INSERT ON files BEGIN DELETE FROM texts; END"}) {
    fill();
    edit(sql);
    EXPECT_FALSE(knows_file()) << sql;
    EXPECT_TRUE(std::filesystem::exists(path + ".damaged")) << sql;
    fill();
    EXPECT_TRUE(knows_file()) << sql;
    std::filesystem::remove(path);
  }
}

TEST_F(CatalogueWorld, GarbageIsSetAsideAndReplaced) {
  for (const std::string& garbage : {std::string("garbage"), std::string(100000, 'x')}) {
    folder.write("catalogue.sqlite", garbage);
    EXPECT_FALSE(knows_file());
    EXPECT_EQ(support::read_text(path + ".damaged"), garbage);
    fill();
    EXPECT_TRUE(knows_file());
  }
}

TEST_F(CatalogueWorld, EmptyOrCutFileIsHarmless) {
  fill();
  const auto size = std::filesystem::file_size(path);
  for (const auto cut : {std::uintmax_t{0}, size / 4, size / 2, size - 1}) {
    std::filesystem::remove(path);
    fill();
    support::truncate_file(path, cut);
    Catalogue catalogue = open();
    const auto found = catalogue.find_file("/data/a", status);
    EXPECT_TRUE(!found || found == digest) << cut;
    const auto text = catalogue.find_text("run", digest);
    EXPECT_TRUE(!text || text == "a summary") << cut;
  }
}

TEST_F(CatalogueWorld, FlippedBitsNeverGiveAWrongAnswer) {
  fill();
  const std::string bytes = support::read_text(path);
  for (std::uint64_t bit = 0; bit < 8 * bytes.size(); bit += bit < 800 ? 3 : 61) {
    folder.write("catalogue.sqlite", bytes);
    support::flip_bit(path, bit);
    Catalogue catalogue = open();
    const auto found = catalogue.find_file("/data/a", status);
    EXPECT_TRUE(!found || found == digest) << bit;
    const auto text = catalogue.find_text("run", digest);
    EXPECT_TRUE(!text || text == "a summary") << bit;
    catalogue.remember_text("run", sha256("more"), "more");
  }
}

TEST_F(CatalogueWorld, SymlinkIsNotFollowed) {
  folder.write("other", "precious");
  std::filesystem::create_symlink(folder / "other", path);
  fill();
  EXPECT_FALSE(knows_file());
  EXPECT_EQ(support::read_text(folder / "other"), "precious");
}

TEST_F(CatalogueWorld, PlaceThatCannotBeWrittenRemembersNothing) {
  for (const std::string& place : {folder / "no/such/folder/x", folder.path(), std::string()}) {
    Catalogue catalogue = Catalogue::open(place);
    catalogue.remember_file("/data/a", status, digest, kLater);
    EXPECT_EQ(catalogue.find_file("/data/a", status), std::nullopt) << place;
  }
  EXPECT_TRUE(std::filesystem::is_directory(folder.path()));
}

TEST_F(CatalogueWorld, LockedFileIsNotWaitedForLong) {
  fill();
  sqlite3* handle = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &handle), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(handle, "BEGIN EXCLUSIVE", nullptr, nullptr, nullptr), SQLITE_OK);
  EXPECT_FALSE(knows_file());
  open().remember_text("run", sha256("b"), "b");
  sqlite3_close(handle);
  EXPECT_TRUE(knows_file());
  EXPECT_FALSE(std::filesystem::exists(path + ".damaged"));
}

}  // namespace
}  // namespace repro::artifacts

#include "artifacts/index/database.h"

#include <sqlite3.h>

#include <string_view>

#include "artifacts/base/error.h"
#include "artifacts/base/file_system.h"

namespace repro::artifacts {
namespace {

// A busy cache is not worth waiting for.
constexpr int kBusyMilliseconds = 50;
constexpr int kMaxValueBytes = 64 << 20;

constexpr const char* kFilesTable =
    "CREATE TABLE files(path BLOB PRIMARY KEY,status BLOB NOT NULL,digest BLOB NOT NULL,check_ "
    "BLOB "
    "NOT NULL) WITHOUT ROWID";
constexpr const char* kTextsTable =
    "CREATE TABLE texts(kind TEXT NOT NULL,key BLOB NOT NULL,text BLOB NOT NULL,check_ BLOB NOT "
    "NULL,PRIMARY KEY(kind,key)) WITHOUT ROWID";

struct Finalize {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using Statement = std::unique_ptr<sqlite3_stmt, Finalize>;

bool is_damage(int code) {
  const int primary = code & 0xff;
  return primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB || primary == SQLITE_SCHEMA ||
         primary == SQLITE_ERROR || primary == SQLITE_TOOBIG || primary == SQLITE_FORMAT;
}

int execute(sqlite3* handle, const char* sql) {
  return sqlite3_exec(handle, sql, nullptr, nullptr, nullptr);
}

std::string_view text_of(sqlite3_stmt* statement) {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement, 0));
  return text == nullptr ? std::string_view() : std::string_view(text);
}

// An edited schema (views, triggers, other columns) makes the whole file worthless. SQLITE_OK where
// it is exactly ours or, with `create`, was made so.
int check_schema(sqlite3* handle, bool create) {
  sqlite3_stmt* raw = nullptr;
  int code =
      sqlite3_prepare_v2(handle, "SELECT sql FROM sqlite_schema ORDER BY name", -1, &raw, nullptr);
  const Statement statement(raw);
  if (code != SQLITE_OK) return code;
  int count = 0;
  bool same = true;
  while ((code = sqlite3_step(raw)) == SQLITE_ROW) {
    same = same && text_of(raw) == (count == 0 ? kFilesTable : kTextsTable);
    ++count;
  }
  if (code != SQLITE_DONE) return code;
  if (count == 2 && same) return SQLITE_OK;
  if (count != 0) return SQLITE_CORRUPT;
  if (!create) return SQLITE_CANTOPEN;
  const std::string sql =
      std::string("BEGIN IMMEDIATE;") + kFilesTable + ";" + kTextsTable + ";COMMIT";
  code = execute(handle, sql.c_str());
  return code == SQLITE_ERROR ? SQLITE_BUSY : code;  // somebody else made it just now
}

void harden(sqlite3* handle) {
  sqlite3_busy_timeout(handle, kBusyMilliseconds);
  sqlite3_limit(handle, SQLITE_LIMIT_LENGTH, kMaxValueBytes);
  sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
}

}  // namespace

void Database::Close::operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }

int Database::open_checked(bool create) {
  const int mode = create ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READWRITE;
  sqlite3* raw = nullptr;
  int code = sqlite3_open_v2(path_.c_str(), &raw, mode, nullptr);
  handle_.reset(raw);
  if (code != SQLITE_OK) return code;
  harden(raw);
  // Cell checks catch most damage inside pages; the rows' own checks catch the rest.
  code = execute(raw,
                 "PRAGMA cell_size_check=ON;PRAGMA mmap_size=0;PRAGMA synchronous=OFF;"
                 "PRAGMA journal_mode=MEMORY");
  if (code != SQLITE_OK) return code;
  return check_schema(raw, create);
}

bool Database::open(bool create) {
  if (handle_) return true;
  if (path_.empty()) return false;
  FileSystem& files = system_file_system();
  for (int attempt = 0; attempt < 2; ++attempt) {
    const auto status = files.find_status(path_);
    if (status ? status->kind != FileKind::regular : !create) return false;
    const int code = open_checked(create);
    if (code == SQLITE_OK) return true;
    handle_.reset();
    if (!is_damage(code)) return false;
    set_aside();
  }
  return false;
}

void Database::set_aside() {
  handle_.reset();
  try {
    system_file_system().rename(path_, path_ + ".damaged");
  } catch (const Error&) {  // a read-only medium: it stays, and is found damaged again
  }
}

int Database::try_run(const char* sql, const std::function<void(sqlite3_stmt*)>& bind,
                      const std::function<void(sqlite3_stmt*)>& row, bool& found) {
  sqlite3_stmt* raw = nullptr;
  int code = sqlite3_prepare_v2(handle_.get(), sql, -1, &raw, nullptr);
  const Statement statement(raw);
  if (code != SQLITE_OK) return code;
  bind(raw);
  code = sqlite3_step(raw);
  if (code == SQLITE_ROW) {
    found = true;
    if (row) row(raw);
  }
  return code;
}

bool Database::run(const char* sql, bool create, const std::function<void(sqlite3_stmt*)>& bind,
                   const std::function<void(sqlite3_stmt*)>& row) {
  try {
    if (!open(create)) return false;
  } catch (const Error&) {  // a folder that cannot be read
    return false;
  }
  bool found = false;
  const int code = try_run(sql, bind, row, found);
  if (is_damage(code)) set_aside();
  return found;
}

}  // namespace repro::artifacts

// The catalogue's SQLite file, opened when it is first needed. SQLite is used so that a lost or
// broken cache costs time only: no fsync, no waiting for other processes, everything found wrong is
// set aside. Nothing here throws for what lies on disk. Thread rules: one thread.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "artifacts/base/file_system.h"

struct sqlite3;
struct sqlite3_stmt;

namespace repro::artifacts {

class Database {
 public:
  // Made absolute, because SQLite gives names such as ":memory:" a meaning of their own. "": no
  // file.
  explicit Database(const std::string& path) : path_(path.empty() ? path : absolute_path(path)) {}

  // Binds with `bind`, steps, and calls `row` for the first row, if any. False where there is no
  // database or no row, or where anything failed. `create`: make the file if it is not there.
  bool run(const char* sql, bool create, const std::function<void(sqlite3_stmt*)>& bind,
           const std::function<void(sqlite3_stmt*)>& row = {});

 private:
  struct Close {
    void operator()(sqlite3* handle) const;
  };

  bool open(bool create);
  int open_checked(bool create);
  int try_run(const char* sql, const std::function<void(sqlite3_stmt*)>& bind,
              const std::function<void(sqlite3_stmt*)>& row, bool& found);
  void set_aside();

  std::string path_;
  std::unique_ptr<sqlite3, Close> handle_;
};

}  // namespace repro::artifacts

// What a command works on: streams, files, time, and the store, opened when first asked for.
//
// The current folder is that of the process (`-C DIR` changes it before a command runs). Store and
// catalogue are opened lazily, so commands that need neither stay fast. One thread.
#pragma once

#include <optional>
#include <string>

#include "artifacts/base/clock.h"
#include "artifacts/base/file_system.h"
#include "artifacts/index/catalogue.h"
#include "artifacts/store/store.h"
#include "cli/io.h"

namespace repro::cli {

class Context {
 public:
  Context(Io& io, FileSystem& files, Clock& clock) : io_(&io), files_(&files), clock_(&clock) {}

  Io& io() { return *io_; }
  FileSystem& files() { return *files_; }
  Clock& clock() { return *clock_; }

  // Whether a store lies in the current folder or above it (or the folder is one).
  bool has_store();
  // Error(not_found) with a hint where there is none.
  artifacts::Store& store();
  // The store's cache; never throws for its content.
  artifacts::Catalogue& catalogue();
  // The store in or above `folder`, opened; nullopt where there is none. Not kept.
  std::optional<artifacts::Store> find_store(const std::string& folder);

 private:
  Io* io_;
  FileSystem* files_;
  Clock* clock_;
  std::optional<artifacts::Store> store_;
  std::optional<artifacts::Catalogue> catalogue_;
};

}  // namespace repro::cli

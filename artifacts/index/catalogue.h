// The SQLite catalogue: a cache that makes things fast and decides nothing. Missing, stale, edited
// or damaged, it is ignored or rebuilt, and no verdict changes. Rows carry a check over their own
// values. Thread rules: one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "artifacts/base/digest.h"
#include "artifacts/base/file_system.h"

namespace repro::artifacts {

class Catalogue {
 public:
  // Never throws for what lies on disk: a damaged file is set aside, an unwritable folder gives a
  // catalogue that remembers nothing.
  static Catalogue open(const std::string& path);
  ~Catalogue();
  Catalogue(Catalogue&&) noexcept;
  Catalogue& operator=(Catalogue&&) noexcept;

  // Stat cache: the digest of a file whose status is exactly the one remembered. Statuses younger
  // than two seconds at the time of hashing are not remembered (git's racy-file rule).
  std::optional<Digest> find_file(const std::string& path, const FileStatus& status);
  void remember_file(const std::string& path, const FileStatus& status, const Digest& digest,
                     std::int64_t now_ns);

  // Cached text by (kind, digest of what it was derived from); e.g. run summaries by manifest
  // digest. Immutable keys, so an entry is never stale.
  std::optional<std::string> find_text(const std::string& kind, const Digest& key);
  void remember_text(const std::string& kind, const Digest& key, const std::string& text);

 private:
  struct State;
  explicit Catalogue(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace repro::artifacts

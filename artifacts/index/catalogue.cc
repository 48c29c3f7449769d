#include "artifacts/index/catalogue.h"

#include <sqlite3.h>

#include <algorithm>
#include <cstring>
#include <string_view>
#include <utility>

#include "artifacts/base/number_text.h"
#include "artifacts/index/database.h"

namespace repro::artifacts {
namespace {

// Two seconds: the coarsest time stamp of any file system in use (FAT).
constexpr std::int64_t kRacyNs = 2'000'000'000;

std::string encode_status(const FileStatus& status) {
  std::string text;
  for (const std::uint64_t value :
       {status.size, status.device, status.inode, static_cast<std::uint64_t>(status.modified_ns),
        static_cast<std::uint64_t>(status.changed_ns)}) {
    text += std::to_string(value) + ",";
  }
  return text;
}

std::string_view digest_text(const Digest& digest) {
  return {reinterpret_cast<const char*>(digest.bytes.data()), Digest::kSize};
}

// Lengths go in too, so that no two rows have the same input.
Digest row_check(std::string_view table, std::initializer_list<std::string_view> values) {
  Sha256 hasher;
  hasher.update(table);
  for (std::string_view value : values) {
    hasher.update("\n" + std::to_string(value.size()) + "\n").update(value);
  }
  return hasher.finish();
}

// SQLite keeps a pointer: the bytes must outlive the step.
void bind_blob(sqlite3_stmt* statement, int index, std::string_view bytes) {
  sqlite3_bind_blob64(statement, index, bytes.data(), bytes.size(), SQLITE_STATIC);
}

void bind_text(sqlite3_stmt* statement, int index, std::string_view text) {
  sqlite3_bind_text64(statement, index, text.data(), text.size(), SQLITE_STATIC, SQLITE_UTF8);
}

std::string_view column(sqlite3_stmt* statement, int index) {
  const void* bytes = sqlite3_column_blob(statement, index);
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement, index));
  return bytes == nullptr ? std::string_view()
                          : std::string_view(static_cast<const char*>(bytes), size);
}

}  // namespace

struct Catalogue::State {
  Database database;
};

Catalogue::Catalogue(std::unique_ptr<State> state) : state_(std::move(state)) {}
Catalogue::~Catalogue() = default;
Catalogue::Catalogue(Catalogue&&) noexcept = default;
Catalogue& Catalogue::operator=(Catalogue&&) noexcept = default;

Catalogue Catalogue::open(const std::string& path) {
  return Catalogue(std::make_unique<State>(State{Database(path)}));
}

std::optional<Digest> Catalogue::find_file(const std::string& path, const FileStatus& status) {
  if (status.kind != FileKind::regular) return std::nullopt;
  const std::string now = encode_status(status);
  std::optional<Digest> found;
  state_->database.run(
      "SELECT status,digest,check_ FROM files WHERE path=?1", false,
      [&](sqlite3_stmt* statement) { bind_blob(statement, 1, path); },
      [&](sqlite3_stmt* statement) {
        const std::string_view digest = column(statement, 1);
        const Digest check = row_check("files", {path, now, digest});
        if (digest.size() != Digest::kSize || column(statement, 0) != now ||
            column(statement, 2) != digest_text(check)) {
          return;
        }
        found.emplace();
        std::memcpy(found->bytes.data(), digest.data(), Digest::kSize);
      });
  return found;
}

void Catalogue::remember_file(const std::string& path, const FileStatus& status,
                              const Digest& digest, std::int64_t now_ns) {
  if (status.kind != FileKind::regular ||
      std::max(status.modified_ns, status.changed_ns) > now_ns - kRacyNs) {
    return;
  }
  const std::string text = encode_status(status);
  const Digest check = row_check("files", {path, text, digest_text(digest)});
  state_->database.run("INSERT OR REPLACE INTO files VALUES(?1,?2,?3,?4)", true,
                       [&](sqlite3_stmt* statement) {
                         bind_blob(statement, 1, path);
                         bind_blob(statement, 2, text);
                         bind_blob(statement, 3, digest_text(digest));
                         bind_blob(statement, 4, digest_text(check));
                       });
}

std::optional<std::string> Catalogue::find_text(const std::string& kind, const Digest& key) {
  std::optional<std::string> found;
  state_->database.run(
      "SELECT text,check_ FROM texts WHERE kind=?1 AND key=?2", false,
      [&](sqlite3_stmt* statement) {
        bind_text(statement, 1, kind);
        bind_blob(statement, 2, digest_text(key));
      },
      [&](sqlite3_stmt* statement) {
        const std::string_view text = column(statement, 0);
        const Digest check = row_check("texts", {kind, digest_text(key), text});
        if (column(statement, 1) == digest_text(check)) found.emplace(text);
      });
  return found;
}

void Catalogue::remember_text(const std::string& kind, const Digest& key, const std::string& text) {
  const Digest check = row_check("texts", {kind, digest_text(key), text});
  state_->database.run("INSERT OR REPLACE INTO texts VALUES(?1,?2,?3,?4)", true,
                       [&](sqlite3_stmt* statement) {
                         bind_text(statement, 1, kind);
                         bind_blob(statement, 2, digest_text(key));
                         bind_blob(statement, 3, text);
                         bind_blob(statement, 4, digest_text(check));
                       });
}

}  // namespace repro::artifacts

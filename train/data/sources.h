// What `data add` and `--data` take: files, folders and built-in sources, as a sorted list.
//
//   *.jsonl              each line an object with "text": one document a line
//   *.npy                token ids: one-dimensional little-endian uint16 or uint32 with a NumPy
//   header,
//                        or, without one, bare little-endian uint32 (as OLMo's shards are)
//   *.u16, *.u32         bare little-endian token ids
//   any other file       text, one document
//   builtin:prose[:BYTES]      generated English-like text (default 300000 bytes)
//   builtin:sums[:BYTES]       generated sentences about small sums (default 300000 bytes)
//   builtin:ids:VOCAB:COUNT    generated token ids
//
// A folder is walked recursively and its files are taken in bytewise order of their paths inside
// it; the given paths are taken in the order given. Inside a folder symlinks, hidden entries (names
// with a leading dot) and special files are passed over and reported; a path named by the user may
// itself be a symlink.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "artifacts/base/file_system.h"

namespace repro::train {

enum class SourceKind : std::uint8_t {
  text,
  jsonl,
  npy,
  u16,
  u32,
  builtin_prose,
  builtin_sums,
  builtin_ids
};

// Whether the source holds token ids, so that no tokenizer applies.
bool holds_ids(SourceKind kind);
// Whether a generator writes it: no file is read.
bool is_generated_text(SourceKind kind);

struct SourceFile {
  SourceKind kind = SourceKind::text;
  std::string name;        // for the manifest: relative to the given folder, '/'-separated
  std::string path;        // to open; for a built-in source its full spelling
  FileStatus status;       // when it was found; all zero for a built-in source
  std::int64_t vocab = 0;  // builtin:ids
  std::int64_t count = 0;  // builtin: bytes or ids
};

struct SourceList {
  std::vector<SourceFile> files;
  std::vector<std::string> skipped;  // "NAME: symlink"
};

// Opens no file of a folder. With several paths the names begin with the base name of each path.
// Error(not_found) for a path that is not there; Error(invalid_argument) for a folder without any
// file to take, a special file, or a misspelt built-in source; Error(io) for a folder that cannot
// be listed.
SourceList find_sources(FileSystem& files, std::span<const std::string> paths);

}  // namespace repro::train

// Documents out of text and JSONL files, checked to be text
// (train/data/text.h).
//
// Errors, all naming the file: Error(invalid_argument) for what is not text (with the offset of the
// first bad byte), a broken JSONL line (FILE:LINE) or an over-long document;
// Error(io)/Error(not_found) for a file that cannot be read; Error(conflict) for one that changed
// since it was found.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "artifacts/base/digest.h"
#include "artifacts/base/file_system.h"
#include "train/data/sources.h"

namespace repro::train {

// Longest document; one has to fit into memory.
inline constexpr std::uint64_t kMaxDocumentBytes = std::uint64_t{1} << 30;
// Longest line of a JSONL file.
inline constexpr std::uint64_t kMaxLineBytes = std::uint64_t{64} << 20;

using DocumentSink = std::function<void(std::string_view text)>;

struct ReadFile {
  Digest digest;                     // of the file's bytes
  std::int64_t size = 0;             // in bytes
  std::int64_t documents = 0;        // handed to the sink
  std::int64_t empty_documents = 0;  // passed over
};

// Hands each document of a text, JSONL or builtin:prose source to `sink` in order. The view is
// valid during the call only.
ReadFile read_documents(FileSystem& files, const SourceFile& source, const DocumentSink& sink);

}  // namespace repro::train

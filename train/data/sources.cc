#include "train/data/sources.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "artifacts/base/error.h"
#include "artifacts/base/number_text.h"
#include "train/data/builtin.h"
#include "train/tokenizer/utf8.h"

namespace repro::train {
namespace {

// Deeper folders are a loop of mounts or an attack.
constexpr int kMaxDepth = 64;
constexpr std::string_view kBuiltinPrefix = "builtin:";

SourceKind kind_of(std::string_view name) {
  if (name.ends_with(".jsonl")) return SourceKind::jsonl;
  if (name.ends_with(".npy")) return SourceKind::npy;
  if (name.ends_with(".u16")) return SourceKind::u16;
  if (name.ends_with(".u32")) return SourceKind::u32;
  return SourceKind::text;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const auto end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::int64_t parse_count(std::string_view text, std::int64_t smallest, std::int64_t largest,
                         std::string_view source) {
  const auto value = find_integer(text);
  if (value && *value >= smallest && *value <= largest) return *value;
  throw Error(Code::invalid_argument,
              fmt::format("{}: \"{}\" is not a number of {}..{}", source, text, smallest, largest));
}

SourceFile parse_builtin(const std::string& path) {
  const auto parts = split(path, ':');
  SourceFile file;
  if ((parts[1] == "prose" || parts[1] == "sums") && parts.size() <= 3) {
    file.kind = parts[1] == "prose" ? SourceKind::builtin_prose : SourceKind::builtin_sums;
    file.count =
        parts.size() == 2 ? kDefaultTextBytes : parse_count(parts[2], 1, kMaxTextBytes, path);
    file.name = fmt::format("builtin:{}:{}", parts[1], file.count);
  } else if (parts[1] == "ids" && parts.size() == 4) {
    file.kind = SourceKind::builtin_ids;
    file.vocab = parse_count(parts[2], 2, kMaxBuiltinVocab, path);
    file.count = parse_count(parts[3], 1, kMaxBuiltinIds, path);
    file.name = fmt::format("builtin:ids:{}:{}", file.vocab, file.count);
  } else {
    throw Error(Code::invalid_argument, "unknown built-in source " + path,
                "write builtin:prose, builtin:sums, each with :BYTES or without, or "
                "builtin:ids:VOCAB:COUNT");
  }
  file.path = file.name;
  return file;
}

// C0, DEL, and C1 (0xC2 0x80..0x9F in UTF-8): what can drive a terminal.
bool is_control(std::string_view sequence) {
  const auto first = static_cast<unsigned char>(sequence[0]);
  return first < 0x20 || first == 0x7F ||
         (first == 0xC2 && static_cast<unsigned char>(sequence[1]) < 0xA0);
}

// Names go into manifests, which are printable UTF-8: all other bytes are spelt \xHH.
std::string printable(std::string_view name) {
  std::string text;
  while (!name.empty()) {
    const std::size_t length = utf8_length(name);
    if (length == 0 || is_control(name)) {
      text += fmt::format("\\x{:02x}", static_cast<unsigned char>(name[0]));
      name.remove_prefix(1);
    } else {
      text += name.substr(0, length);
      name.remove_prefix(length);
    }
  }
  return text;
}

// Collects the files under one folder, in no particular order.
class Walker {
 public:
  Walker(FileSystem& files, SourceList& into) : files_(files), into_(into) {}

  void walk(const std::string& folder, const std::string& prefix, int depth) {
    if (depth > kMaxDepth) {
      throw Error(Code::invalid_argument,
                  fmt::format("{} lies more than {} folders deep", folder, kMaxDepth));
    }
    for (const std::string& entry : files_.list(folder)) {
      const std::string path = join_path(folder, entry);
      const std::string name = prefix + entry;
      const auto status = files_.find_status(path);
      if (!status) continue;  // removed since it was listed
      if (const char* reason = find_reason_to_skip(entry, status->kind)) {
        into_.skipped.push_back(printable(name) + ": " + reason);
      } else if (status->kind == FileKind::directory) {
        walk(path, name + "/", depth + 1);
      } else {
        into_.files.push_back(
            {.kind = kind_of(entry), .name = printable(name), .path = path, .status = *status});
      }
    }
  }

 private:
  static const char* find_reason_to_skip(std::string_view entry, FileKind kind) {
    if (entry.starts_with('.')) return "hidden";
    if (kind == FileKind::symlink) return "symlink";
    if (kind == FileKind::other) return "neither a file nor a folder";
    return nullptr;
  }

  FileSystem& files_;
  SourceList& into_;
};

// The status behind a symlink that the user named.
FileStatus status_of(FileSystem& files, const std::string& path) {
  const auto status = files.find_status(path);
  if (!status) {
    throw Error(Code::not_found, "data path " + path + " does not exist",
                "give a file, a folder, builtin:prose, builtin:sums or builtin:ids:VOCAB:COUNT");
  }
  if (status->kind != FileKind::symlink) return *status;
  return files.open(path, OpenMode::read)->status();
}

void add_path(FileSystem& files, const std::string& path, bool with_base_name, SourceList& list) {
  if (path.starts_with(kBuiltinPrefix)) {
    list.files.push_back(parse_builtin(path));
    return;
  }
  const FileStatus status = status_of(files, path);
  const std::string base = base_name(absolute_path(path));  // "." has none of its own
  if (status.kind == FileKind::regular) {
    list.files.push_back(
        {.kind = kind_of(base), .name = printable(base), .path = path, .status = status});
    return;
  }
  if (status.kind != FileKind::directory) {
    throw Error(Code::invalid_argument, path + " is neither a file nor a folder");
  }
  SourceList found;
  Walker(files, found).walk(path, with_base_name ? base + "/" : "", 0);
  if (found.files.empty()) {
    throw Error(Code::invalid_argument,
                found.skipped.empty() ? "folder " + path + " is empty"
                                      : fmt::format("folder {} holds no file to take ({})", path,
                                                    fmt::join(found.skipped, "; ")),
                "give a folder with text, *.jsonl or token files");
  }
  std::sort(found.files.begin(), found.files.end(),
            [](const SourceFile& a, const SourceFile& b) { return a.path < b.path; });
  std::sort(found.skipped.begin(), found.skipped.end());
  std::move(found.files.begin(), found.files.end(), std::back_inserter(list.files));
  std::move(found.skipped.begin(), found.skipped.end(), std::back_inserter(list.skipped));
}

}  // namespace

bool holds_ids(SourceKind kind) {
  return kind == SourceKind::npy || kind == SourceKind::u16 || kind == SourceKind::u32 ||
         kind == SourceKind::builtin_ids;
}

bool is_generated_text(SourceKind kind) {
  return kind == SourceKind::builtin_prose || kind == SourceKind::builtin_sums;
}

SourceList find_sources(FileSystem& files, std::span<const std::string> paths) {
  if (paths.empty()) throw Error(Code::invalid_argument, "no data path is given");
  SourceList list;
  for (const std::string& path : paths) add_path(files, path, paths.size() > 1, list);
  return list;
}

}  // namespace repro::train

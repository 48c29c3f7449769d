#include "train/data/documents.h"

#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <string>

#include "artifacts/base/error.h"
#include "artifacts/base/json.h"
#include "train/data/builtin.h"
#include "train/data/text.h"

namespace repro::train {
namespace {

constexpr std::size_t kReadBytes = std::size_t{1} << 20;
void check_unchanged(const SourceFile& source, const FileStatus& now) {
  if (now == source.status) return;
  throw Error(Code::conflict, source.path + " changed while it was read",
              "run the command again when nothing writes to it");
}

// A file read in pieces, hashed and counted on the way.
class HashedFile {
 public:
  HashedFile(FileSystem& files, const SourceFile& source)
      : file_(files.open(source.path, OpenMode::read)), source_(source) {
    check_unchanged(source_, file_->status());
  }

  // False at the end of the file.
  bool append_to(std::string& buffer) {
    const std::size_t used = buffer.size();
    buffer.resize(used + kReadBytes);
    const auto into = std::as_writable_bytes(std::span(buffer)).subspan(used);
    const std::size_t count = file_->read(into);
    buffer.resize(used + count);
    hash_.update(std::string_view(buffer).substr(used));
    size_ += static_cast<std::int64_t>(count);
    return count != 0;
  }

  // Digest and size, once the end is reached.
  void finish(ReadFile& into) {
    check_unchanged(source_, file_->status());
    into.digest = hash_.finish();
    into.size = size_;
  }

 private:
  std::unique_ptr<File> file_;
  const SourceFile& source_;
  Sha256 hash_;
  std::int64_t size_ = 0;
};

ReadFile read_text(FileSystem& files, const SourceFile& source, const DocumentSink& sink) {
  if (source.status.size > kMaxDocumentBytes) {
    throw Error(Code::invalid_argument,
                fmt::format("{} has {} bytes; a document may have {}", source.path,
                            source.status.size, kMaxDocumentBytes),
                "split it into several files, or write it as JSONL with a document a line");
  }
  HashedFile file(files, source);
  std::string text;
  text.reserve(source.status.size + kReadBytes);
  while (file.append_to(text)) {
  }
  ReadFile result;
  file.finish(result);
  check_text(text, source.path);
  if (text.empty()) {
    result.empty_documents = 1;
  } else {
    sink(text);
    result.documents = 1;
  }
  return result;
}

std::string parse_line(std::string_view line, const std::string& where) {
  const Json value = parse_json(line, where, kMaxLineBytes);
  const auto text = value.is_object() ? value.find("text") : value.end();
  if (text == value.end() || !text->is_string()) {
    throw Error(Code::invalid_argument, where + ": expected a JSON object with a string \"text\"",
                "each line of a .jsonl file is one document: {\"text\": \"...\"}");
  }
  return text->get<std::string>();
}

void take_line(std::string_view line, const std::string& where, const DocumentSink& sink,
               ReadFile& result) {
  if (line.find_first_not_of(" \t\r") == std::string_view::npos) return;
  const std::string text = parse_line(line, where);
  if (text.empty()) {
    ++result.empty_documents;
    return;
  }
  check_text(text, where);
  sink(text);
  ++result.documents;
}

ReadFile read_jsonl(FileSystem& files, const SourceFile& source, const DocumentSink& sink) {
  HashedFile file(files, source);
  ReadFile result;
  std::string buffer;
  std::int64_t line_number = 0;
  const auto where = [&] { return fmt::format("{}:{}", source.path, line_number); };
  while (file.append_to(buffer)) {
    std::size_t begin = 0;
    for (auto end = buffer.find('\n'); end != std::string::npos; end = buffer.find('\n', begin)) {
      ++line_number;
      take_line(std::string_view(buffer).substr(begin, end - begin), where(), sink, result);
      begin = end + 1;
    }
    buffer.erase(0, begin);
    if (buffer.size() > kMaxLineBytes) {
      ++line_number;
      throw Error(Code::invalid_argument,
                  fmt::format("{}: line is longer than {} bytes", where(), kMaxLineBytes));
    }
  }
  ++line_number;
  take_line(buffer, where(), sink, result);
  file.finish(result);
  return result;
}

ReadFile read_builtin(const SourceFile& source, const DocumentSink& sink) {
  ReadFile result;
  Sha256 hash;
  const bool prose = source.kind == SourceKind::builtin_prose;
  for (const std::string& document : prose ? make_prose(source.count) : make_sums(source.count)) {
    hash.update(document);
    sink(document);
    ++result.documents;
  }
  result.digest = hash.finish();
  result.size = source.count;
  return result;
}

}  // namespace

ReadFile read_documents(FileSystem& files, const SourceFile& source, const DocumentSink& sink) {
  REPRO_CHECK(!holds_ids(source.kind));
  if (is_generated_text(source.kind)) return read_builtin(source, sink);
  if (source.kind == SourceKind::jsonl) return read_jsonl(files, source, sink);
  return read_text(files, source, sink);
}

}  // namespace repro::train

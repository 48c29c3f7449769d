// Writing and checking chained lines.
#include <nlohmann/json.hpp>

#include "artifacts/base/error.h"
#include "logs/run_log.h"

namespace repro::logs {
namespace {

constexpr std::size_t kMaxLineBytes = std::size_t{1} << 20;

std::string next_head(std::string_view head, std::string_view event) {
  return Sha256().update(head).update("\n").update(event).finish().hex();
}

// One line without its newline; returns the event and moves `head` on.
Json check_line(std::string_view line, std::string& head, std::string_view where) {
  if (line.size() > kMaxLineBytes) {
    throw Error(Code::corruption, std::string(where) + ": the line is too long");
  }
  Json event = parse_canonical_json(line, where);
  std::string chain = json_string(event, "chain", where);
  event.erase("chain");
  if (chain != next_head(head, encode_json(event))) {
    throw Error(Code::corruption, std::string(where) + ": the line breaks the hash chain",
                "the file was changed, or lines are missing before this one");
  }
  event["chain"] = chain;
  head = std::move(chain);
  return event;
}

}  // namespace

std::string genesis(std::string_view schema, std::string_view subject) {
  return Sha256().update(schema).update("\n").update(subject).finish().hex();
}

std::string Chain::append(const Json& event) {
  REPRO_CHECK(event.is_object() && !event.contains("chain"));
  head_ = next_head(head_, encode_json(event));
  Json line = event;
  line["chain"] = head_;
  return encode_json(line) + "\n";
}

CheckedLines check_lines(std::string_view text, std::string_view head, std::string_view what,
                         bool allow_torn_tail) {
  CheckedLines checked;
  checked.head = head;
  while (checked.bytes < text.size()) {
    const std::size_t end = text.find('\n', checked.bytes);
    const std::string where = std::string(what) + ":" + std::to_string(checked.events.size() + 1);
    if (end == std::string_view::npos) {
      if (!allow_torn_tail) {
        throw Error(Code::corruption, where + ": the last line has no end",
                    "the file was cut off, or is still being written");
      }
      checked.torn_tail = true;
      break;
    }
    const std::string_view line = text.substr(checked.bytes, end - checked.bytes);
    checked.events.push_back(check_line(line, checked.head, where));
    checked.bytes = end + 1;
  }
  return checked;
}

}  // namespace repro::logs

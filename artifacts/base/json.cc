#include "artifacts/base/json.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "artifacts/base/error.h"

namespace repro {
namespace {

constexpr int kMaxDepth = 64;

[[noreturn]] void fail_corrupt(std::string_view what, const std::string& why) {
  throw Error(Code::corruption, std::string(what) + ": " + why);
}

// Stops the parser at duplicate keys and at hostile nesting, which nlohmann/json accepts.
class StrictCallback {
 public:
  explicit StrictCallback(std::string_view what) : what_(what) {}

  bool operator()(int depth, Json::parse_event_t event, Json& parsed) {
    if (depth > kMaxDepth) {
      throw Error(Code::invalid_argument, std::string(what_) + ": JSON nested too deeply");
    }
    if (event == Json::parse_event_t::object_start) keys_.emplace_back();
    if (event == Json::parse_event_t::object_end) keys_.pop_back();
    if (event == Json::parse_event_t::key) add_key(parsed.get<std::string>());
    return true;
  }

 private:
  void add_key(const std::string& key) {
    if (keys_.back().insert(key).second) return;
    throw Error(Code::invalid_argument,
                std::string(what_) + ": JSON object has the key \"" + key + "\" twice");
  }

  std::string_view what_;
  std::vector<std::set<std::string>> keys_;
};

void check_no_floats(const Json& value) {
  REPRO_CHECK(!value.is_number_float());
  if (value.is_structured()) {
    for (const Json& child : value) check_no_floats(child);
  }
}

}  // namespace

std::string encode_json(const Json& value) {
  check_no_floats(value);
  try {
    return value.dump(-1, ' ', false, Json::error_handler_t::strict);
  } catch (const Json::exception& error) {
    throw Error(Code::internal, std::string("cannot encode JSON: ") + error.what());
  }
}

Json parse_json(std::string_view text, std::string_view what, std::size_t max_bytes) {
  if (text.size() > max_bytes) {
    throw Error(Code::invalid_argument, std::string(what) + ": JSON text of " +
                                            std::to_string(text.size()) +
                                            " bytes is over the limit");
  }
  try {
    return Json::parse(text.begin(), text.end(), StrictCallback(what));
  } catch (const Json::exception& error) {
    throw Error(Code::invalid_argument, std::string(what) + ": not valid JSON: " + error.what());
  }
}

Json parse_canonical_json(std::string_view text, std::string_view what) {
  Json value;
  try {
    value = parse_json(text, what);
  } catch (const Error& error) {
    fail_corrupt(what, error.message());
  }
  bool canonical = false;
  try {
    canonical = encode_json(value) == text;
  } catch (const Error&) {  // a float, which canonical JSON has not
  }
  if (!canonical) fail_corrupt(what, "JSON is not in canonical form");
  return value;
}

namespace {

void require_object(const Json& value, std::string_view what) {
  if (!value.is_object()) fail_corrupt(what, "expected a JSON object");
}

}  // namespace

const Json& json_at(const Json& object, std::string_view key, std::string_view what) {
  require_object(object, what);
  const auto found = object.find(key);
  if (found == object.end()) fail_corrupt(what, "key \"" + std::string(key) + "\" is missing");
  return *found;
}

namespace {

[[noreturn]] void fail_type(std::string_view key, std::string_view what, const char* expected) {
  fail_corrupt(what, "key \"" + std::string(key) + "\" is not " + expected);
}

}  // namespace

std::string json_string(const Json& object, std::string_view key, std::string_view what) {
  const Json& value = json_at(object, key, what);
  if (!value.is_string()) fail_type(key, what, "a string");
  return value.get<std::string>();
}

std::int64_t json_int(const Json& object, std::string_view key, std::string_view what) {
  const Json& value = json_at(object, key, what);
  if (!value.is_number_integer()) fail_type(key, what, "an integer");
  if (value.is_number_unsigned() && value.get<std::uint64_t>() > INT64_MAX) {
    fail_type(key, what, "an integer of 64 bits");
  }
  return value.get<std::int64_t>();
}

bool json_bool(const Json& object, std::string_view key, std::string_view what) {
  const Json& value = json_at(object, key, what);
  if (!value.is_boolean()) fail_type(key, what, "true or false");
  return value.get<bool>();
}

const Json& json_array(const Json& object, std::string_view key, std::string_view what) {
  const Json& value = json_at(object, key, what);
  if (!value.is_array()) fail_type(key, what, "an array");
  return value;
}

const Json& json_object(const Json& object, std::string_view key, std::string_view what) {
  const Json& value = json_at(object, key, what);
  if (!value.is_object()) fail_type(key, what, "an object");
  return value;
}

void check_json_keys(const Json& object, const std::vector<std::string_view>& keys,
                     const std::vector<std::string_view>& optional_keys, std::string_view what) {
  require_object(object, what);
  for (std::string_view key : keys) json_at(object, key, what);
  for (const auto& item : object.items()) {
    const auto known = [&](const std::vector<std::string_view>& list) {
      return std::find(list.begin(), list.end(), item.key()) != list.end();
    };
    if (!known(keys) && !known(optional_keys)) {
      fail_corrupt(what, "unknown key \"" + item.key() + "\"");
    }
  }
}

}  // namespace repro

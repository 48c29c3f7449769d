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

// Looks at a text for what nlohmann/json accepts: duplicate keys and hostile nesting. Not as the
// callback of its parser, which at the end of every object walks through all elements of the array
// around it: a manifest of 10,000 shards took half a minute.
class StrictCheck : public nlohmann::json_sax<Json> {
 public:
  explicit StrictCheck(std::string_view what) : what_(what) {}

  bool start_object(std::size_t) override {
    keys_.emplace_back();
    return deeper();
  }
  bool end_object() override {
    keys_.pop_back();
    --depth_;
    return true;
  }
  bool start_array(std::size_t) override { return deeper(); }
  bool end_array() override {
    --depth_;
    return true;
  }
  bool key(std::string& key) override {
    if (keys_.back().insert(key).second) return true;
    throw Error(Code::invalid_argument,
                std::string(what_) + ": JSON object has the key \"" + key + "\" twice");
  }
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(std::int64_t) override { return true; }
  bool number_unsigned(std::uint64_t) override { return true; }
  bool number_float(double, const std::string&) override { return true; }
  bool string(std::string&) override { return true; }
  bool binary(Json::binary_t&) override { return true; }
  // The parser that comes after says what is wrong.
  bool parse_error(std::size_t, const std::string&, const Json::exception&) override {
    return false;
  }

 private:
  bool deeper() {
    if (++depth_ <= kMaxDepth) return true;
    throw Error(Code::invalid_argument, std::string(what_) + ": JSON nested too deeply");
  }

  std::string_view what_;
  int depth_ = 0;
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
    StrictCheck check(what);
    Json::sax_parse(text.begin(), text.end(), &check);
    return Json::parse(text.begin(), text.end());
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

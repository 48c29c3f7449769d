// A configuration of OLMo's old trainer with what is laid over it: values by key, each with where
// it comes from, and the trainer's own where nothing says it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "imports/olmo_keys.h"
#include "imports/settings.h"

namespace repro::imports {

class OlmoSource {
 public:
  // `file` is its name for messages. Error(invalid_argument) as of read_settings, and for unknown
  // keys; Error(unsupported) for a configuration of OLMo-core.
  OlmoSource(std::string_view file, std::string_view text);
  // "optimizer.betas=[0.9, 0.99]", as on the trainer's command line; `origin` is "--set" or
  // "--launch NAME". Later ones win. A value of a whole group ("compile=null") replaces its keys.
  void change(std::string_view assignment, std::string_view origin);
  // To be called once, after all changes: replaces references (`${run_name}`).
  void resolve();

  // Whether file or changes say the key.
  bool has(std::string_view path) const { return values_.contains(path); }
  // All of them, by path.
  std::vector<std::string> paths() const;
  // "FILE:LINE", "--set", or "FILE" where nothing says the key.
  std::string where(std::string_view path) const;
  // What decides the key, on one line: "optimizer.eps: 1e-8", with its origin if that is no line of
  // the file.
  std::string comment(std::string_view path) const;

  // The value or the trainer's own; "null" for null. The typed ones throw Error(invalid_argument).
  std::string shown(std::string_view path) const;
  bool is_null(std::string_view path) const;
  bool boolean(std::string_view path) const;
  double number(std::string_view path) const;
  std::int64_t integer(std::string_view path, std::int64_t low, std::int64_t high) const;
  // A list, or the one text; empty for null.
  std::vector<std::string> texts(std::string_view path) const;
  // Whether the value is one of "a|b", numbers by value.
  bool is_one_of(std::string_view path, std::string_view wanted) const;

  [[noreturn]] void fail(std::string_view path, const std::string& why,
                         const std::string& hint) const;

 private:
  struct Value {
    Setting setting;
    std::string origin;              // "" for the file
    std::optional<std::string> was;  // what the file says, where a change replaced it
  };

  Setting setting_of(std::string_view path) const;
  void put(Setting setting, std::string_view origin);

  std::string file_;
  std::map<std::string, Value, std::less<>> values_;
};

// A number as a person writes it, in both versions of YAML the same: "1e-6", "5e12", "0.1". nullopt
// for hexadecimal, octal, "1_000", infinities.
std::optional<double> find_plain_number(std::string_view text);

}  // namespace repro::imports

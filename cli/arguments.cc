#include "cli/arguments.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>

#include "artifacts/base/error.h"
#include "artifacts/base/number_text.h"
#include "artifacts/base/spelling.h"

namespace repro::cli {
namespace {

CLI::Option* declare(CLI::App& app, const OptionSpec& spec) {
  if (spec.kind == ValueKind::flag || spec.kind == ValueKind::maybe) {
    CLI::Option* option = app.add_flag(spec.name);
    return option->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  }
  CLI::Option* option = app.add_option(spec.name, [](const CLI::results_t&) { return true; });
  if (spec.kind == ValueKind::many) {
    if (spec.positional()) {
      option->expected(-1);
    } else {
      option->expected(1)->allow_extra_args(false);
    }
    option->take_all();
  }
  return option;
}

[[noreturn]] void fail_usage(const std::string& message, std::string_view command,
                             const std::string& suggestion = "") {
  const std::string help = fmt::format("`repro help {}` lists the options", command);
  throw Error(Code::invalid_argument, message,
              suggestion.empty() ? help : fmt::format("did you mean {}? {}", suggestion, help));
}

[[noreturn]] void fail_unknown_option(std::span<const OptionSpec> options, std::string_view word,
                                      std::string_view command) {
  const std::string name(word.substr(0, word.find('=')));
  std::vector<std::string> names;
  for (const auto& list : {options, common_options()}) {
    for (const OptionSpec& spec : list) {
      if (!spec.positional()) names.push_back(spec.key());
    }
  }
  fail_usage(fmt::format("`repro {}` has no option {}", command, name), command,
             find_nearest(name, names).value_or(""));
}

void check_extras(std::span<const OptionSpec> options, const std::vector<std::string>& extras,
                  std::string_view command) {
  for (const std::string& word : extras) {
    if (word.size() > 1 && word.starts_with('-') && word != "--") {
      fail_unknown_option(options, word, command);
    }
  }
  for (const std::string& word : extras) {
    if (word == "--") continue;
    fail_usage(fmt::format("`repro {}` does not know what to do with '{}'", command, word),
               command);
  }
}

std::vector<std::string> values_of(const OptionSpec& spec, const CLI::Option& option) {
  std::vector<std::string> values = option.results();
  if (spec.kind != ValueKind::maybe) return values;
  for (std::string& value : values) {
    if (value == "true") value.clear();  // CLI11's word for "without a value"
  }
  return values;
}

}  // namespace

std::span<const OptionSpec> common_options() {
  static const std::array<OptionSpec, 3> kOptions = {{
      {"--json", ValueKind::flag, "", "one JSON object per line, for programs"},
      {"-C", ValueKind::one, "DIR", "run as if started in DIR"},
      {"-h,--help", ValueKind::flag, "", "show this help"},
  }};
  return kOptions;
}

Arguments parse_arguments(std::span<const OptionSpec> options, std::span<const std::string> words,
                          std::string_view command) {
  CLI::App app;
  app.set_help_flag("");
  app.allow_extras(true);
  std::vector<std::pair<OptionSpec, CLI::Option*>> declared;
  for (const auto& list : {options, common_options()}) {
    for (const OptionSpec& spec : list) declared.emplace_back(spec, declare(app, spec));
  }
  std::vector<std::string> reversed(words.rbegin(), words.rend());  // as CLI11 wants it
  try {
    app.parse(reversed);
  } catch (const CLI::ParseError& error) {
    fail_usage(fmt::format("`repro {}`: {}", command, error.what()), command);
  }
  Arguments arguments;
  for (const auto& [spec, option] : declared) {
    arguments.values_[spec.key()] = values_of(spec, *option);
  }
  if (arguments.has("--help")) return arguments;
  check_extras(options, app.remaining(), command);
  for (const auto& [spec, option] : declared) {
    if (spec.required == Required::yes && option->count() == 0) {
      fail_usage(fmt::format("`repro {}` needs {} ({})", command, spec.key(), spec.help), command);
    }
  }
  return arguments;
}

const std::vector<std::string>& Arguments::all(std::string_view key) const {
  const auto found = values_.find(key);
  REPRO_CHECK(found != values_.end());
  return found->second;
}

const std::string& Arguments::text(std::string_view key) const {
  static const std::string kNone;
  const auto& values = all(key);
  return values.empty() ? kNone : values.back();
}

std::optional<std::string> Arguments::find(std::string_view key) const {
  return has(key) ? std::optional(text(key)) : std::nullopt;
}

std::optional<std::int64_t> Arguments::find_count(std::string_view key,
                                                  std::int64_t minimum) const {
  if (!has(key)) return std::nullopt;
  const auto value = find_integer(text(key));
  if (!value || *value < minimum) {
    throw Error(
        Code::invalid_argument,
        fmt::format("{} is '{}'; expected a whole number of at least {}", key, text(key), minimum));
  }
  return value;
}

}  // namespace repro::cli

#include "train/tokenizer/split_pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <fmt/format.h>
#include <pcre2.h>

#include <algorithm>
#include <array>
#include <cstdint>

#include "artifacts/base/error.h"

namespace repro::train {
namespace {

// Steps of one match. A pattern that goes back over a long run of blanks takes some a byte; one
// that tries all ways to cut a run takes exponentially many, and is stopped.
std::uint32_t step_limit(std::size_t size) {
  constexpr std::size_t kLeast = 1'000'000;
  constexpr std::size_t kPerByte = 16;
  return static_cast<std::uint32_t>(std::min<std::size_t>(kLeast + size * kPerByte, UINT32_MAX));
}

struct FreeCode {
  void operator()(pcre2_code* code) const { pcre2_code_free(code); }
};
struct FreeMatchData {
  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
};
struct FreeMatchContext {
  void operator()(pcre2_match_context* context) const { pcre2_match_context_free(context); }
};

std::string pcre2_message(int code) {
  std::array<PCRE2_UCHAR, 256> text{};
  pcre2_get_error_message(code, text.data(), text.size());
  return reinterpret_cast<const char*>(text.data());
}

}  // namespace

struct SplitPattern::State {
  std::unique_ptr<pcre2_code, FreeCode> code;
};

SplitPattern::SplitPattern(const std::string& regex, std::string_view what)
    : state_(std::make_unique<State>()) {
  check_regex(regex, what);
  int error = 0;
  PCRE2_SIZE offset = 0;
  state_->code.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(regex.data()), regex.size(),
                                   PCRE2_UTF | PCRE2_UCP, &error, &offset, nullptr));
  if (!state_->code) {
    throw Error(Code::invalid_argument, fmt::format("{}: the regex \"{}\" is broken at byte {}: {}",
                                                    what, regex, offset, pcre2_message(error)));
  }
  std::uint32_t matches_empty = 0;
  pcre2_pattern_info(state_->code.get(), PCRE2_INFO_MATCHEMPTY, &matches_empty);
  if (matches_empty != 0) {
    throw Error(Code::unsupported,
                fmt::format("{}: the regex \"{}\" can match an empty text", what, regex));
  }
  // Where the processor has no JIT, pcre2_match interprets and finds the same.
  pcre2_jit_compile(state_->code.get(), PCRE2_JIT_COMPLETE);
}

SplitPattern::SplitPattern(SplitPattern&&) noexcept = default;
SplitPattern::~SplitPattern() = default;

struct Matcher::State {
  std::unique_ptr<pcre2_match_data, FreeMatchData> data;
  std::unique_ptr<pcre2_match_context, FreeMatchContext> context;
};

Matcher::Matcher() : state_(std::make_unique<State>()) {
  state_->data.reset(pcre2_match_data_create(1, nullptr));
  state_->context.reset(pcre2_match_context_create(nullptr));
  REPRO_CHECK(state_->data && state_->context);
}

Matcher::~Matcher() = default;

bool Matcher::find(const SplitPattern& pattern, std::string_view shadow, std::size_t from,
                   std::size_t& begin, std::size_t& end) {
  pcre2_set_match_limit(state_->context.get(), step_limit(shadow.size()));
  const auto match = [&](std::uint32_t options) {
    return pcre2_match(pattern.state_->code.get(), reinterpret_cast<PCRE2_SPTR>(shadow.data()),
                       shadow.size(), from, options | PCRE2_NO_UTF_CHECK, state_->data.get(),
                       state_->context.get());
  };
  int result = match(0);
  // The JIT has 32 KiB of stack; the interpreter takes what it needs from the heap.
  if (result == PCRE2_ERROR_JIT_STACKLIMIT) result = match(PCRE2_NO_JIT);
  if (result == PCRE2_ERROR_NOMATCH) return false;
  if (result < 0) {
    throw Error(Code::unsupported, fmt::format("the tokenizer's regex fails at byte {}: {}", from,
                                               pcre2_message(result)));
  }
  const PCRE2_SIZE* offsets = pcre2_get_ovector_pointer(state_->data.get());
  begin = offsets[0];
  end = offsets[1];
  return true;
}

}  // namespace repro::train

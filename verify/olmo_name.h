// What the name of a checkpoint of OLMo says: folders of the old trainer ("step1000",
// "step1000-unsharded"), revisions on the Hugging Face hub ("stage1-step1000-tokens5B",
// "stage2-ingredient2-step11931-tokens51B"; some early ones lack the stage). Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace repro::verify {

struct OlmoName {
  std::int64_t stage = 0;       // 0: not said
  std::int64_t ingredient = 0;  // 0: not said
  std::int64_t step = 0;
  std::optional<std::int64_t> billions;  // tokens, in 10^9, rounded up

  bool operator==(const OlmoName&) const = default;
};

// The revision, and here the folder, of the released model itself; it says no step.
inline constexpr std::string_view kMainName = "main";

// The whole of `name`, without a folder; nullopt for any other text. Numbers are at most 2^48.
std::optional<OlmoName> find_olmo_name(std::string_view name);

// ceil(step * tokens_per_step / 10^9), as the names of revisions have it. Both at most 2^48;
// nullopt where the product does not fit 63 bits.
std::optional<std::int64_t> billions_of_tokens(std::int64_t step, std::int64_t tokens_per_step);

// A path or URL with neither scheme nor empty, "." and trailing parts: equal for two spellings of
// one folder. "https://a.org//b/./c/" is "a.org/b/c".
std::string plain_location(std::string_view location);

}  // namespace repro::verify

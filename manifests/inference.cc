#include "manifests/inference.h"

#include <limits>
#include <nlohmann/json.hpp>
#include <span>

#include "manifests/json_fields.h"
#include "manifests/text_checks.h"

namespace repro::manifests {
namespace {

constexpr std::size_t kMaxHexDigits = std::size_t{1} << 30;

std::string hex_of(std::string_view bytes) {
  return hex_encode({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
}

int digit_value(char digit) { return digit <= '9' ? digit - '0' : digit - 'a' + 10; }

std::string bytes_of(const Json& json, std::string_view what) {
  require(json.is_string(), what, "the bytes of a text are no text");
  const std::string& digits = json.get_ref<const std::string&>();
  require(is_hex(digits, 0, kMaxHexDigits) && digits.size() % 2 == 0, what,
          "the bytes of a text are not pairs of hex digits");
  std::string bytes;
  for (std::size_t i = 0; i < digits.size(); i += 2) {
    bytes += static_cast<char>(digit_value(digits[i]) * 16 + digit_value(digits[i + 1]));
  }
  return bytes;
}

Json text_json(const ModelText& text) {
  return {{"as_ids", text.as_ids},
          {"bytes", hex_of(text.bytes)},
          {"context", text.context ? Json(hex_of(*text.context)) : Json()},
          {"ids", text.ids}};
}

ModelText parse_text(const Json& json, std::string_view what) {
  check_json_keys(json, {"as_ids", "bytes", "context", "ids"}, {}, what);
  ModelText text;
  text.as_ids = json_bool(json, "as_ids", what);
  text.bytes = bytes_of(json.at("bytes"), what);
  const Json& context = json.at("context");
  if (!context.is_null()) text.context = bytes_of(context, what);
  for (const Json& id : json_array(json, "ids", what)) {
    require(id.is_number_unsigned() && id <= std::numeric_limits<std::uint32_t>::max(), what,
            "an id of a text is out of range");
    text.ids.push_back(id.get<std::uint32_t>());
  }
  return text;
}

void require_count(std::int64_t count, std::int64_t least, const std::string& name,
                   std::string_view what) {
  if (count >= least && count <= kMaxInferenceCount) return;
  fail_field(what, name + " is " + std::to_string(count) + ", not in " + std::to_string(least) +
                       ".." + std::to_string(kMaxInferenceCount));
}

}  // namespace

void check_inference(const InferenceRequest& request, std::string_view what) {
  require_count(request.batch, 1, "batch", what);
  require_count(request.max_tokens, 1, "max-tokens", what);
  require_count(request.samples, 1, "samples", what);
  require_count(request.top_k, 0, "top-k", what);
  require(request.seed >= 0, what, "its seed is negative");
  require(request.profile.empty() || request.profile == "exact" || request.profile == "native",
          what, "its profile is unknown");
  for (const ModelText& text : request.texts) {
    require(!text.context || !(text.as_ids || request.each_token), what,
            "a context goes with a text of bytes, of which the sum is asked");
  }
  require(is_plain_text(request.temperature, 64), what, "its temperature is no printable text");
  require(is_plain_text(request.top_p, 64), what, "its top-p is no printable text");
}

Json inference_json(const InferenceRequest& request) {
  Json texts = Json::array();
  for (const ModelText& text : request.texts) texts.push_back(text_json(text));
  return {{"batch", request.batch},
          {"each_token", request.each_token},
          {"max_tokens", request.max_tokens},
          {"profile", request.profile},
          {"samples", request.samples},
          {"seed", request.seed},
          {"temperature", request.temperature},
          {"texts", texts},
          {"top_k", request.top_k},
          {"top_p", request.top_p}};
}

InferenceRequest inference_from_json(const Json& json, std::string_view what) {
  check_json_keys(json,
                  {"batch", "each_token", "max_tokens", "profile", "samples", "seed", "temperature",
                   "texts", "top_k", "top_p"},
                  {}, what);
  InferenceRequest request;
  request.batch = json_int(json, "batch", what);
  request.each_token = json_bool(json, "each_token", what);
  request.max_tokens = json_int(json, "max_tokens", what);
  request.profile = text_field(json, "profile", what);
  request.samples = json_int(json, "samples", what);
  request.seed = json_int(json, "seed", what);
  request.top_k = json_int(json, "top_k", what);
  request.temperature = text_field(json, "temperature", what);
  request.top_p = text_field(json, "top_p", what);
  for (const Json& text : json_array(json, "texts", what)) {
    request.texts.push_back(parse_text(text, what));
  }
  return request;
}

}  // namespace repro::manifests

#include "cli/hf_settings.h"

#include <optional>

#include "artifacts/base/number_text.h"

namespace repro::cli {
namespace {

constexpr const char* kNone = "none";

std::string id_text(const std::optional<std::int64_t>& id) {
  return id ? std::to_string(*id) : kNone;
}

}  // namespace

HfSettings make_hf_settings(const imports::HfConfig& config, const std::string& dtype,
                            const std::string& revision) {
  HfSettings settings = {{"dtype", dtype},
                         {"bos_token_id", id_text(config.begin_of_text)},
                         {"pad_token_id", id_text(config.padding)}};
  if (!revision.empty()) settings["revision"] = revision;
  return settings;
}

void read_hf_settings(const HfSettings& settings, imports::HfConfig& config, std::string& dtype) {
  const auto begin = settings.find("bos_token_id");
  const auto padding = settings.find("pad_token_id");
  const auto known = settings.find("dtype");
  config.begin_of_text = begin == settings.end() ? std::nullopt : find_integer(begin->second);
  config.padding = padding == settings.end() ? config.end_of_text : find_integer(padding->second);
  if (known != settings.end()) dtype = known->second;
}

}  // namespace repro::cli

#include "manifests/licence.h"

#include <algorithm>

namespace repro::manifests {
namespace {

constexpr std::string_view kAnd = " AND ";
constexpr std::size_t kMaxIds = 64;
constexpr std::size_t kMaxIdBytes = 64;
constexpr std::string_view kIdCharacters =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.+-";

bool is_id(std::string_view text) {
  return !text.empty() && text.size() <= kMaxIdBytes &&
         text.find_first_not_of(kIdCharacters) == std::string_view::npos;
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return result;
}

}  // namespace

std::vector<std::string> licence_ids(std::string_view licence) {
  std::vector<std::string> ids;
  while (true) {
    const std::size_t end = licence.find(kAnd);
    ids.emplace_back(licence.substr(0, end));
    if (end == std::string_view::npos) return ids;
    licence.remove_prefix(end + kAnd.size());
  }
}

bool is_licence(std::string_view text) {
  if (text.size() > kMaxIds * (kMaxIdBytes + kAnd.size())) return false;
  const std::vector<std::string> ids = licence_ids(text);
  return ids.size() <= kMaxIds && std::all_of(ids.begin(), ids.end(), is_id);
}

bool same_licence_id(std::string_view a, std::string_view b) { return lower(a) == lower(b); }

std::string join_licences(const std::vector<std::string>& licences) {
  std::vector<std::string> ids;
  for (const std::string& licence : licences) {
    if (licence.empty()) return "";
    for (std::string& id : licence_ids(licence)) ids.push_back(std::move(id));
  }
  std::sort(ids.begin(), ids.end(),
            [](const std::string& a, const std::string& b) { return lower(a) < lower(b); });
  ids.erase(std::unique(ids.begin(), ids.end(), same_licence_id), ids.end());
  std::string joined;
  for (const std::string& id : ids) joined += (joined.empty() ? "" : std::string(kAnd)) + id;
  return joined;
}

}  // namespace repro::manifests

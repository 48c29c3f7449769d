#include "artifacts/base/error.h"
#include "artifacts/store/store.h"

namespace repro::artifacts {

void check_name(std::string_view name, std::string_view what) {
  constexpr std::size_t kMaxLength = 100;
  constexpr std::string_view kAllowed =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
  if (!name.empty() && name.size() <= kMaxLength && name[0] != '.' && name[0] != '-' &&
      name.find_first_not_of(kAllowed) == std::string_view::npos) {
    return;
  }
  throw Error(
      Code::invalid_argument,
      "\"" + std::string(name.substr(0, kMaxLength)) + "\" is not a valid " + std::string(what),
      "use 1 to 100 letters, digits, '.', '_' or '-', not beginning with '.' or '-'");
}

}  // namespace repro::artifacts

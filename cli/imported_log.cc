#include "cli/imported_log.h"

namespace repro::cli {
namespace {

constexpr std::uint64_t kMaxBytes = std::uint64_t{64} << 20;

}  // namespace

std::optional<LoadedLog> find_imported_log(const artifacts::Store& store, std::string_view name) {
  for (const artifacts::Ref& ref : store.list_refs(kLogRefs)) {
    if (ref.name != name) continue;
    const std::string what = "imported log " + ref.name;
    LoadedLog loaded;
    loaded.log = manifests::parse_imported_log(store.get(ref.target, kMaxBytes), what);
    loaded.records = manifests::parse_records(store.get(loaded.log.records, kMaxBytes), what);
    return loaded;
  }
  return std::nullopt;
}

}  // namespace repro::cli

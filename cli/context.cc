#include "cli/context.h"

#include "artifacts/base/environment.h"
#include "artifacts/base/error.h"

namespace repro::cli {

std::optional<artifacts::Store> Context::find_store(const std::string& folder) {
  const auto found = artifacts::Store::find(*files_, folder);
  if (!found) return std::nullopt;
  return artifacts::Store::open(*files_, *found);
}

bool Context::has_store() {
  if (store_) return true;
  const auto named = find_environment("REPRO_STORE");
  if (named && !named->empty()) {
    store_.emplace(artifacts::Store::open(*files_, absolute_path(*named)));
  } else {
    store_ = find_store(absolute_path("."));
  }
  return store_.has_value();
}

artifacts::Store& Context::store() {
  if (!has_store()) {
    throw Error(Code::not_found, "no store in " + absolute_path(".") + " or above it",
                "`repro init` makes one here; `repro -C DIR` works elsewhere");
  }
  return *store_;
}

artifacts::Catalogue& Context::catalogue() {
  if (!catalogue_) {
    catalogue_.emplace(
        artifacts::Catalogue::open(join_path(store().folder(), "index/catalogue.sqlite")));
  }
  return *catalogue_;
}

}  // namespace repro::cli

// The mapping behind imports/olmo_config.h: one importer makes one recipe. Internal to this folder.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
#include <string>
#include <utility>

#include "artifacts/base/number_text.h"
#include "imports/olmo_config.h"
#include "imports/olmo_source.h"
#include "manifests/config.h"
#include "manifests/recipe.h"

namespace repro::imports {

inline constexpr std::int64_t kMaxCount = std::int64_t{1} << 40;
inline constexpr std::int64_t kMaxTokens = std::int64_t{1} << 52;  // as the key takes

class OlmoImporter {
 public:
  OlmoImporter(const OlmoSource& source, const OlmoOptions& options)
      : source_(source), options_(options) {}

  void map_all(const std::string& name);
  OlmoImport take(const std::string& header);

 private:
  using Sources = std::initializer_list<const char*>;

  // Sets a key of the recipe; its comment names `sources` and `more`.
  void put(const char* key, const std::string& value, Sources sources, const std::string& more);
  void put_as_it_is(const char* key, const char* source) {
    put(key, decimal_text(source_.number(source)), {source}, "");
  }
  void put_integer(const char* key, const char* source, std::int64_t low, std::int64_t high) {
    put(key, std::to_string(source_.integer(source, low, high)), {source}, "");
  }
  void keep(manifests::Notes& notes, const char* section, const std::string& path,
            const std::string& reason);
  void not_compute(const std::string& path, const std::string& reason) {
    keep(config_.not_computed, "not_computed", path, reason);
  }
  void note(const std::string& path, const std::string& reason) {
    keep(config_.notes, "notes", path, reason);
  }

  void check_fixed(const OlmoKey& key) const;
  void follow_table();
  void map_width();
  void map_model();
  void map_norms();
  void map_initialisation();
  void map_data();
  void map_filter();
  void map_evaluators();
  void map_optimizer();
  void map_loss();
  double tokens_a_step() const;
  std::pair<double, std::string> horizon_in_steps();
  void map_warmup_begin(bool warms_up);
  std::string count_of(const std::string& key, double tokens) const;
  void map_schedule();
  void map_warmup(bool tokens);
  void map_restart();

  const OlmoSource& source_;
  const OlmoOptions& options_;
  manifests::Config config_;
  manifests::RecipeComments comments_;
  std::map<std::string, std::string, std::less<>> reasons_;  // of notes, by source key
  std::map<std::string, std::string, std::less<>> becomes_;  // of mapped keys
};

}  // namespace repro::imports

// A store in a scratch folder, and ways to make datasets in it.
#pragma once

#include <string>
#include <vector>

#include "artifacts/base/clock.h"
#include "artifacts/index/catalogue.h"
#include "artifacts/store/store.h"
#include "tests/support/temporary_folder.h"
#include "tests/train/data/bytes.h"
#include "train/data/ingest.h"

namespace repro::train {

class DataFixture {
 public:
  DataFixture()
      : store_(artifacts::Store::init(system_file_system(), scratch_ / ".repro")),
        catalogue_(artifacts::Catalogue::open(scratch_ / "catalogue.sqlite")) {}

  const support::TemporaryFolder& scratch() const { return scratch_; }
  artifacts::Store& store() { return store_; }

  Ingested add(const IngestSpec& spec) { return ingest(store_, catalogue_, system_clock(), spec); }
  Ingested add(const std::string& name, const std::vector<std::string>& paths) {
    IngestSpec spec;
    spec.name = name;
    spec.paths = paths;
    return add(spec);
  }

 private:
  support::TemporaryFolder scratch_;
  artifacts::Store store_;
  artifacts::Catalogue catalogue_;
};

// A dataset as `ingest` would make it, cut into shards of at most `max_shard_bytes`.
manifests::Dataset make_dataset(artifacts::Store& store,
                                const std::vector<std::vector<std::uint32_t>>& documents,
                                std::int64_t max_shard_bytes);

}  // namespace repro::train

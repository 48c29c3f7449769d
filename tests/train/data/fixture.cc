#include "tests/train/data/fixture.h"

#include "train/data/shard_writer.h"

namespace repro::train {

manifests::Dataset make_dataset(artifacts::Store& store,
                                const std::vector<std::vector<std::uint32_t>>& documents,
                                std::int64_t max_shard_bytes) {
  ShardWriter writer(store, 2, max_shard_bytes);
  for (const auto& document : documents) {
    writer.add(document, "test");
    writer.end_document();
  }
  manifests::Dataset dataset;
  dataset.tokenizer = "ids/1";
  dataset.vocab_size = writer.counts().vocab_size();
  dataset.shards = writer.finish();
  for (const auto& document : documents) {
    dataset.sources.push_back({.path = "source" + std::to_string(dataset.sources.size()),
                               .digest = {},
                               .size = static_cast<std::int64_t>(document.size()),
                               .documents = 1});
  }
  return dataset;
}

}  // namespace repro::train

#include "train/data/stored_tokenizer.h"

#include <string>

namespace repro::train {

std::unique_ptr<Tokenizer> open_tokenizer(const artifacts::Store& store,
                                          const manifests::Dataset& dataset) {
  if (!dataset.tokenizer_file) return make_tokenizer(dataset.tokenizer);
  return make_tokenizer(dataset.tokenizer, store.get(*dataset.tokenizer_file),
                        "tokenizer file " + dataset.tokenizer_file->short_hex());
}

}  // namespace repro::train

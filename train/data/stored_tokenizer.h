// The tokenizer of a dataset that is in the store.
#pragma once

#include <memory>

#include "artifacts/store/store.h"
#include "manifests/dataset.h"
#include "train/tokenizer/tokenizer.h"

namespace repro::train {

// Errors: those of Store (a tokenizer file that is missing or damaged), and of make_tokenizer.
std::unique_ptr<Tokenizer> open_tokenizer(const artifacts::Store& store,
                                          const manifests::Dataset& dataset);

}  // namespace repro::train

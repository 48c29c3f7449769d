#include "train/models/open_sequences.h"

#include <string>

namespace repro::train {

void check_extension(std::span<const std::uint32_t> tokens, std::int64_t length,
                     std::int64_t capacity, std::int64_t vocab_size) {
  const auto count = static_cast<std::int64_t>(tokens.size());
  if (count == 0) throw Error(Code::invalid_argument, "no tokens to extend a sequence by");
  if (count > capacity - length) {
    throw Error(Code::invalid_argument,
                "a sequence of " + std::to_string(length) + " tokens has room for " +
                    std::to_string(capacity - length) + " more, not " + std::to_string(count));
  }
  for (const std::uint32_t id : tokens) {
    if (static_cast<std::int64_t>(id) < vocab_size) continue;
    throw Error(Code::invalid_argument, "id " + std::to_string(id) +
                                            " is outside the model's vocabulary of " +
                                            std::to_string(vocab_size));
  }
}

}  // namespace repro::train

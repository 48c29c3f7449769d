// Built-in sources: corpora that a small generator writes, integers only, so that golden values and
// demonstrations rest on the same bytes everywhere. What they give for a size never changes: tests
// hold the SHA-256 of each. Pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace repro::train {

inline constexpr std::int64_t kDefaultTextBytes = 300'000;
inline constexpr std::int64_t kMaxTextBytes = std::int64_t{1} << 28;
inline constexpr std::int64_t kMaxBuiltinVocab = std::int64_t{1} << 20;
inline constexpr std::int64_t kMaxBuiltinIds = std::int64_t{1} << 28;

// Documents of English-like sentences, together exactly `num_bytes` bytes of ASCII (the last one is
// cut). A longer corpus begins with the shorter one.
std::vector<std::string> make_prose(std::int64_t num_bytes);

// Documents of sentences about small sums ("Three and four make seven."), together exactly
// `num_bytes` bytes of ASCII (the last one is cut): for a mid-training that teaches what prose does
// not. A longer corpus begins with the shorter one.
std::vector<std::string> make_sums(std::int64_t num_bytes);

// `count` ids below `vocab_size`. Three in four follow from the one before by a fixed map with two
// bits of chance into the first sixteenth of the ids, so there is something to learn; the others
// are drawn with small ids more likely. A longer corpus begins with the shorter one.
std::vector<std::uint32_t> make_ids(std::int64_t vocab_size, std::int64_t count);

}  // namespace repro::train

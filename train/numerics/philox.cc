#include "train/numerics/philox.h"

#include <string>

namespace repro::train {

void fill_truncated_normal(std::uint64_t seed, std::string_view name, double deviation,
                           double cutoff, std::span<float> out, std::uint64_t first) {
  const std::uint64_t key = stream_key(seed, "init/1:" + std::string(name));
  const float factor = static_cast<float>(deviation);
  const float limit = static_cast<float>(cutoff);
  // One block serves four elements; only a value that was cut needs another.
  const std::uint64_t end = first + out.size();
  for (std::uint64_t begin = first; begin < end; begin += 4) {
    const std::uint64_t block = begin >> 2;
    const PhiloxBlock words = philox4x32_10(
        key, {{static_cast<std::uint32_t>(block), static_cast<std::uint32_t>(block >> 32), 0, 0}});
    for (std::uint64_t i = begin; i < begin + 4 && i < end; ++i) {
      float z = normal32(words.word[i & 3]);
      if (!(abs32(z) <= limit)) z = truncated_normal32(key, i, limit);
      out[i - first] = z * factor;
    }
  }
}

}  // namespace repro::train

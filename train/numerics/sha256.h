// SHA-256 of bytes that lie where the code runs, for host and device: FIPS 180-4, sections 4.1.2,
// 4.2.2, 5.1.1, 5.3.3 and 6.2.2. For trees of digests over tensors that never leave a device; what
// is hashed on the host goes through artifacts/base/digest.h. Little-endian machines.
//
// The message is a prefix byte and the bytes. So no word of it lies in a word of memory: each is
// the last byte of the word before it and three of its own.
#pragma once

#include <cstddef>
#include <cstdint>

#include "train/numerics/host_device.h"

namespace repro::train {

inline constexpr int kSha256Alignment = 16;  // of what is hashed and of digests, in bytes

struct Sha256State {
  std::uint32_t word[8] = {0x6A09E667U, 0xBB67AE85U, 0x3C6EF372U, 0xA54FF53AU,
                           0x510E527FU, 0x9B05688CU, 0x1F83D9ABU, 0x5BE0CD19U};
};

namespace detail {

inline constexpr int kSha256Bytes = 64;  // of a block
inline constexpr int kSha256Words = 16;

REPRO_HD std::uint32_t rotate_right(std::uint32_t x, int by) { return x >> by | x << (32 - by); }
REPRO_HD std::uint32_t reverse_bytes(std::uint32_t x) {
  return x >> 24 | (x >> 8 & 0xFF00U) | (x << 8 & 0xFF0000U) | x << 24;
}

// The message schedule lives in the 16 words it needs, which stay in registers where all rounds are
// unrolled: then every index is a constant.
REPRO_HD void sha256_block(Sha256State& state, std::uint32_t (&w)[kSha256Words]) {
  constexpr std::uint32_t kRoundConstants[64] = {
      0x428A2F98U, 0x71374491U, 0xB5C0FBCFU, 0xE9B5DBA5U, 0x3956C25BU, 0x59F111F1U, 0x923F82A4U,
      0xAB1C5ED5U, 0xD807AA98U, 0x12835B01U, 0x243185BEU, 0x550C7DC3U, 0x72BE5D74U, 0x80DEB1FEU,
      0x9BDC06A7U, 0xC19BF174U, 0xE49B69C1U, 0xEFBE4786U, 0x0FC19DC6U, 0x240CA1CCU, 0x2DE92C6FU,
      0x4A7484AAU, 0x5CB0A9DCU, 0x76F988DAU, 0x983E5152U, 0xA831C66DU, 0xB00327C8U, 0xBF597FC7U,
      0xC6E00BF3U, 0xD5A79147U, 0x06CA6351U, 0x14292967U, 0x27B70A85U, 0x2E1B2138U, 0x4D2C6DFCU,
      0x53380D13U, 0x650A7354U, 0x766A0ABBU, 0x81C2C92EU, 0x92722C85U, 0xA2BFE8A1U, 0xA81A664BU,
      0xC24B8B70U, 0xC76C51A3U, 0xD192E819U, 0xD6990624U, 0xF40E3585U, 0x106AA070U, 0x19A4C116U,
      0x1E376C08U, 0x2748774CU, 0x34B0BCB5U, 0x391C0CB3U, 0x4ED8AA4AU, 0x5B9CCA4FU, 0x682E6FF3U,
      0x748F82EEU, 0x78A5636FU, 0x84C87814U, 0x8CC70208U, 0x90BEFFFAU, 0xA4506CEBU, 0xBEF9A3F7U,
      0xC67178F2U};
  Sha256State now = state;
  auto& [a, b, c, d, e, f, g, h] = now.word;
  REPRO_UNROLL
  for (int t = 0; t < 64; ++t) {
    std::uint32_t& word = w[t % 16];
    if (t >= 16) {
      const std::uint32_t near = w[(t + 14) % 16];
      const std::uint32_t far = w[(t + 1) % 16];
      word += (rotate_right(near, 17) ^ rotate_right(near, 19) ^ near >> 10) + w[(t + 9) % 16] +
              (rotate_right(far, 7) ^ rotate_right(far, 18) ^ far >> 3);
    }
    const std::uint32_t first = h +
                                (rotate_right(e, 6) ^ rotate_right(e, 11) ^ rotate_right(e, 25)) +
                                ((e & f) ^ (~e & g)) + kRoundConstants[t] + word;
    const std::uint32_t second = (rotate_right(a, 2) ^ rotate_right(a, 13) ^ rotate_right(a, 22)) +
                                 ((a & b) ^ (a & c) ^ (b & c));
    h = g;
    g = f;
    f = e;
    e = d + first;
    d = c;
    c = b;
    b = a;
    a = first + second;
  }
  for (int i = 0; i < 8; ++i) state.word[i] += now.word[i];
}

// 64 bytes, in loads of 16: lanes may read far from each other, and then what counts is how much
// one load brings.
REPRO_HD void load_words(const std::byte* from, std::uint32_t (&w)[kSha256Words]) {
  REPRO_UNROLL
  for (int i = 0; i < kSha256Words; i += 4) {
    __builtin_memcpy(w + i, __builtin_assume_aligned(from + 4 * i, kSha256Alignment), 16);
  }
}
// The same of the last bytes, fewer than 64, then the 0x80 that ends them (not where `bytes` is
// below 0: it came before), then zeros.
REPRO_HD void load_last_words(const std::byte* from, std::int64_t bytes,
                              std::uint32_t (&w)[kSha256Words]) {
  REPRO_UNROLL
  for (int word = 0; word < kSha256Words; ++word) {
    w[word] = 0;
    REPRO_UNROLL
    for (int i = 0; i < 4; ++i) {
      const int at = 4 * word + i;
      if (at == bytes) w[word] |= 0x80U << (8 * i);
      if (at < bytes) w[word] |= static_cast<std::uint32_t>(from[at]) << (8 * i);
    }
  }
}

}  // namespace detail

// The state after `prefix` and `bytes` bytes, padding included. `data` is 16-byte aligned; not read
// where there are no bytes.
REPRO_HD Sha256State sha256_prefixed(std::byte prefix, const std::byte* data, std::int64_t bytes) {
  constexpr std::int64_t kEnding = 1 + 8;  // 0x80 and the length
  const std::int64_t blocks =
      (1 + bytes + kEnding + detail::kSha256Bytes - 1) / detail::kSha256Bytes;
  const std::uint64_t bits = (1 + static_cast<std::uint64_t>(bytes)) * 8;
  Sha256State state;
  std::uint32_t before = static_cast<std::uint32_t>(prefix);
  for (std::int64_t block = 0; block < blocks; ++block) {
    const std::int64_t begin = block * detail::kSha256Bytes;
    std::uint32_t w[detail::kSha256Words];
    if (bytes - begin >= detail::kSha256Bytes) {
      detail::load_words(data + begin, w);
    } else {
      detail::load_last_words(data + begin, bytes - begin, w);
    }
    REPRO_UNROLL
    for (std::uint32_t& word : w) {
      const std::uint32_t next = detail::reverse_bytes(word);
      word = before << 24 | next >> 8;
      before = next;
    }
    if (block == blocks - 1) {
      w[14] = static_cast<std::uint32_t>(bits >> 32);
      w[15] = static_cast<std::uint32_t>(bits);
    }
    detail::sha256_block(state, w);
  }
  return state;
}

// The digest's 32 bytes; `digest` is 16-byte aligned.
REPRO_HD void write_digest(Sha256State state, void* digest) {
  for (std::uint32_t& word : state.word) word = detail::reverse_bytes(word);
  __builtin_memcpy(__builtin_assume_aligned(digest, kSha256Alignment), state.word,
                   sizeof(state.word));
}

}  // namespace repro::train

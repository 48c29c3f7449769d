// SHA-256 for devices against the examples of FIPS 180-4 (NIST, "Examples with Intermediate
// Values") and against OpenSSL.
#include "train/numerics/sha256.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "artifacts/base/digest.h"

namespace repro::train {
namespace {

Digest written(const Sha256State& state) {
  alignas(kSha256Alignment) Digest digest;
  write_digest(state, &digest);
  return digest;
}

// The digest of a message that is not empty: its first byte is the prefix.
Digest digest_of(std::string_view message) {
  const std::span<const std::byte> bytes = as_bytes(message);
  const std::vector<std::byte> rest(bytes.begin() + 1, bytes.end());  // aligned
  return written(
      sha256_prefixed(bytes.front(), rest.data(), static_cast<std::int64_t>(rest.size())));
}

TEST(Sha256Program, ABlockOfNoBytes) {
  Sha256State state;
  std::uint32_t padding[detail::kSha256Words] = {0x80000000U};
  detail::sha256_block(state, padding);
  EXPECT_EQ(written(state).hex(),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(Sha256Program, TheExamplesOfTheStandard) {
  EXPECT_EQ(digest_of("abc").hex(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(digest_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq").hex(),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(digest_of(std::string(1000000, 'a')).hex(),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

// Lengths on both sides of every boundary of a block, of its padding and of a chunk.
std::vector<std::size_t> lengths() {
  std::vector<std::size_t> lengths;
  for (std::size_t n = 0; n <= 300; ++n) lengths.push_back(n);
  for (std::size_t n = 65536 - 70; n <= 65536 + 70; ++n) lengths.push_back(n);
  return lengths;
}

TEST(Sha256Program, EveryLengthAndPrefixAsOpenSsl) {
  std::mt19937 random(1);
  for (const std::size_t length : lengths()) {
    std::vector<std::byte> bytes(length);
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
    const auto prefix = static_cast<std::byte>(length % 3 == 0 ? 0 : random());
    Sha256 hasher;
    const Digest want = hasher.update(std::span(&prefix, 1)).update(bytes).finish();
    const Sha256State state =
        sha256_prefixed(prefix, bytes.data(), static_cast<std::int64_t>(length));
    ASSERT_EQ(written(state), want) << length;
  }
}

TEST(Sha256Program, WhatFollowsTheBytesCountsNothing) {
  std::vector<std::byte> bytes(128, std::byte{7});
  const Digest want = written(sha256_prefixed(std::byte{0}, bytes.data(), 61));
  for (std::size_t i = 61; i < bytes.size(); ++i) bytes[i] = std::byte{0xFF};
  EXPECT_EQ(written(sha256_prefixed(std::byte{0}, bytes.data(), 61)), want);
}

}  // namespace
}  // namespace repro::train

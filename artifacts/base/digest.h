// SHA-256 digests (FIPS 180-4, through OpenSSL EVP) and their text form.
//
// A `Digest` is a value of 32 bytes, ordered bytewise; its text is 64 lower-case hex digits.
// `Sha256` hashes a stream and may be copied half way (the copy goes on independently).
// Thread rules: a `Sha256` belongs to one thread; everything else is pure.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace repro {

struct Digest {
  static constexpr std::size_t kSize = 32;
  std::array<std::uint8_t, kSize> bytes{};

  auto operator<=>(const Digest&) const = default;
  std::string hex() const;
  // The first `digits` hex digits, for people.
  std::string short_hex(std::size_t digits = 12) const { return hex().substr(0, digits); }
};

// Exactly 64 lower-case hex digits, else nullopt.
std::optional<Digest> find_digest(std::string_view hex);
// As `find_digest`, but throws Error(corruption) naming `what`.
Digest parse_digest(std::string_view hex, std::string_view what);

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256& other);
  Sha256& operator=(const Sha256& other);
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  Sha256& update(std::span<const std::byte> bytes);
  Sha256& update(std::string_view text);
  // The digest of everything so far; the hasher can go on afterwards.
  Digest digest() const;
  // The digest, and the hasher starts anew. Cheaper than `digest` (no copy of the state).
  Digest finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

Digest sha256(std::span<const std::byte> bytes);
Digest sha256(std::string_view text);

std::string hex_encode(std::span<const std::uint8_t> bytes);

inline std::span<const std::byte> as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

}  // namespace repro

#include "artifacts/base/digest.h"

#include <openssl/evp.h>

#include <utility>

#include "artifacts/base/error.h"

namespace repro {
namespace {

int nibble(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

void check_ssl(int ok) {
  if (ok != 1) throw Error(Code::environment, "OpenSSL cannot compute SHA-256");
}

// Fetching the algorithm costs microseconds, which matters for 64 KiB leaves: do it once.
const EVP_MD* sha256_algorithm() {
  static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  if (algorithm == nullptr) throw Error(Code::environment, "OpenSSL offers no SHA-256");
  return algorithm;
}

}  // namespace

std::string hex_encode(std::span<const std::uint8_t> bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (std::uint8_t byte : bytes) {
    text.push_back(kDigits[byte >> 4]);
    text.push_back(kDigits[byte & 15]);
  }
  return text;
}

std::string Digest::hex() const { return hex_encode(bytes); }

std::optional<Digest> find_digest(std::string_view hex) {
  if (hex.size() != 2 * Digest::kSize) return std::nullopt;
  Digest digest;
  for (std::size_t i = 0; i < Digest::kSize; ++i) {
    const int high = nibble(hex[2 * i]);
    const int low = nibble(hex[2 * i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    digest.bytes[i] = static_cast<std::uint8_t>(high * 16 + low);
  }
  return digest;
}

Digest parse_digest(std::string_view hex, std::string_view what) {
  if (auto digest = find_digest(hex)) return *digest;
  throw Error(Code::corruption, std::string(what) + " is not a SHA-256 digest: \"" +
                                    std::string(hex.substr(0, 80)) + "\"");
}

struct Sha256::State {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  State() {
    if (context == nullptr) throw Error(Code::environment, "out of memory for a SHA-256 state");
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { EVP_MD_CTX_free(context); }
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
  check_ssl(EVP_DigestInit_ex2(state_->context, sha256_algorithm(), nullptr));
}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

Sha256::Sha256(const Sha256& other) : state_(std::make_unique<State>()) {
  check_ssl(EVP_MD_CTX_copy_ex(state_->context, other.state_->context));
}

Sha256& Sha256::operator=(const Sha256& other) {
  if (this != &other) check_ssl(EVP_MD_CTX_copy_ex(state_->context, other.state_->context));
  return *this;
}

Sha256& Sha256::update(std::span<const std::byte> bytes) {
  check_ssl(EVP_DigestUpdate(state_->context, bytes.data(), bytes.size()));
  return *this;
}

Sha256& Sha256::update(std::string_view text) { return update(as_bytes(text)); }

Digest Sha256::digest() const { return Sha256(*this).finish(); }

Digest Sha256::finish() {
  Digest digest;
  check_ssl(EVP_DigestFinal_ex(state_->context, digest.bytes.data(), nullptr));
  check_ssl(EVP_DigestInit_ex2(state_->context, nullptr, nullptr));
  return digest;
}

Digest sha256(std::span<const std::byte> bytes) { return Sha256().update(bytes).finish(); }
Digest sha256(std::string_view text) { return sha256(as_bytes(text)); }

}  // namespace repro

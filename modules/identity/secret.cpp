#include "modules/identity/secret.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include <cstdint>
#include <stdexcept>

#include "modules/identity/identity.hpp"

namespace whitebrick::identity {
namespace {

constexpr std::size_t kTokenBytes = 32;
constexpr std::size_t kPasswordLength = 20;
// Without what a person confuses: 0 O, 1 I l.
constexpr std::string_view kPasswordAlphabet = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789";

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

}  // namespace

std::string random_bytes(std::size_t count) {
  std::string bytes(count, '\0');
  if (RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(count)) != 1) {
    throw std::runtime_error("the system has no random numbers");
  }
  return bytes;
}

std::string hmac_sha256(std::string_view key, std::string_view text) {
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  unsigned length = 0;
  if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), bytes_of(text), text.size(),
           reinterpret_cast<unsigned char*>(digest.data()), &length) == nullptr) {
    throw std::runtime_error("HMAC-SHA-256 is not available");
  }
  return digest;
}

std::string base64url(std::string_view bytes) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string text;
  std::uint32_t window = 0;
  int bits = 0;
  for (const char c : bytes) {
    window = (window << 8) | static_cast<unsigned char>(c);
    for (bits += 8; bits >= 6; bits -= 6) text += kDigits[(window >> (bits - 6)) & 63];
  }
  if (bits > 0) text += kDigits[(window << (6 - bits)) & 63];
  return text;
}

std::string generate_token() { return base64url(random_bytes(kTokenBytes)); }

std::string generate_password() {
  // Bytes beyond the last whole multiple are thrown away: each letter is equally likely.
  constexpr std::size_t kFair = 256 - 256 % kPasswordAlphabet.size();
  std::string password;
  while (password.size() < kPasswordLength) {
    for (const char c : random_bytes(kPasswordLength)) {
      const auto value = static_cast<unsigned char>(c);
      if (value < kFair && password.size() < kPasswordLength) {
        password += kPasswordAlphabet[value % kPasswordAlphabet.size()];
      }
    }
  }
  return password;
}

}  // namespace whitebrick::identity

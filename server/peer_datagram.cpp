#include "server/peer_datagram.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <bit>
#include <cstring>

namespace whitebrick {

namespace {

static_assert(std::endian::native == std::endian::little);
constexpr std::string_view kMagic = "WBW1";
constexpr std::size_t kHead = kMagic.size() + 2;
constexpr std::size_t kMac = 32;
static_assert(kHead + kHashesPerDatagram * 8 + kMac <= kMaxDatagram);

std::string mac(std::string_view secret, std::string_view text) {
  std::string result(kMac, '\0');
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(),
       reinterpret_cast<unsigned char*>(result.data()), nullptr);
  return result;
}

}  // namespace

std::string write_datagram(std::string_view secret, std::span<const std::uint64_t> hashes) {
  const auto count = static_cast<std::uint16_t>(hashes.size());
  std::string bytes(kHead + hashes.size_bytes(), '\0');
  std::memcpy(bytes.data(), kMagic.data(), kMagic.size());
  std::memcpy(bytes.data() + kMagic.size(), &count, sizeof count);
  if (count > 0) std::memcpy(bytes.data() + kHead, hashes.data(), hashes.size_bytes());
  return bytes + mac(secret, bytes);
}

std::optional<std::vector<std::uint64_t>> read_datagram(std::string_view secret, std::string_view bytes) {
  if (bytes.size() < kHead + kMac || !bytes.starts_with(kMagic)) return std::nullopt;
  std::uint16_t count = 0;
  std::memcpy(&count, bytes.data() + kMagic.size(), sizeof count);
  if (bytes.size() != kHead + std::size_t{count} * 8 + kMac) return std::nullopt;
  const std::string_view signed_part = bytes.substr(0, bytes.size() - kMac);
  const std::string expected = mac(secret, signed_part);
  if (CRYPTO_memcmp(expected.data(), bytes.data() + signed_part.size(), kMac) != 0) return std::nullopt;
  std::vector<std::uint64_t> hashes(count);
  if (count > 0) std::memcpy(hashes.data(), bytes.data() + kHead, hashes.size() * 8);
  return hashes;
}

std::string derived_key(std::string_view secret, std::string_view purpose) { return mac(secret, purpose); }

}  // namespace whitebrick

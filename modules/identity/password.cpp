#include "modules/identity/password.hpp"

#include <argon2.h>

#include <cstdio>
#include <stdexcept>

#include "modules/identity/secret.hpp"

namespace whitebrick::identity {
namespace {

constexpr std::uint32_t kSaltBytes = 16;
constexpr std::uint32_t kHashBytes = 32;

}  // namespace

std::string hash_password(const std::string& password, const HashCost& cost) {
  const std::string salt = random_bytes(kSaltBytes);
  std::string hash(
      argon2_encodedlen(cost.passes, cost.memory_kib, cost.lanes, kSaltBytes, kHashBytes, Argon2_id), '\0');
  const int result =
      argon2id_hash_encoded(cost.passes, cost.memory_kib, cost.lanes, password.data(), password.size(),
                            salt.data(), salt.size(), kHashBytes, hash.data(), hash.size());
  if (result != ARGON2_OK) throw std::runtime_error(std::string("Argon2: ") + argon2_error_message(result));
  hash.resize(hash.find('\0'));
  return hash;
}

bool matches(const std::string& password, const std::string& hash) {
  return argon2id_verify(hash.c_str(), password.data(), password.size()) == ARGON2_OK;
}

std::optional<HashCost> cost_of(const std::string& hash) {
  HashCost cost;
  if (std::sscanf(hash.c_str(), "$argon2id$v=%*u$m=%u,t=%u,p=%u$", &cost.memory_kib, &cost.passes,
                  &cost.lanes) != 3) {
    return std::nullopt;
  }
  return cost;
}

bool is_weaker(const std::string& hash, const HashCost& wanted) {
  const auto cost = cost_of(hash);
  return !cost || cost->memory_kib < wanted.memory_kib || cost->passes < wanted.passes;
}

}  // namespace whitebrick::identity

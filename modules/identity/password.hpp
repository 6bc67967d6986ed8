#pragma once
// Argon2id over libargon2. Hashes are PHC strings:
// $argon2id$v=19$m=19456,t=2,p=1$<salt>$<hash>
//
// The reference implementation takes the memory of each hash from the heap and gives it
// back; how many run at once is HashGate's business.

#include <cstdint>
#include <optional>
#include <string>

namespace whitebrick::identity {

struct HashCost {
  std::uint32_t memory_kib = 0;
  std::uint32_t passes = 0;
  std::uint32_t lanes = 0;
};

// Throws std::runtime_error for a cost that Argon2 does not know.
std::string hash_password(const std::string& password, const HashCost&);
// Compares in constant time. False also for a text that is no hash.
bool matches(const std::string& password, const std::string& hash);

// What the hash was made with; nothing when the text is no Argon2id hash.
std::optional<HashCost> cost_of(const std::string& hash);
// Made with less than is wanted now.
bool is_weaker(const std::string& hash, const HashCost& wanted);

}  // namespace whitebrick::identity

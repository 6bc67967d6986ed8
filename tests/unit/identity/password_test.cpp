#include "modules/identity/password.hpp"

#include <gtest/gtest.h>

#include <set>

#include "modules/identity/identity.hpp"
#include "modules/identity/secret.hpp"
#include "server/digest.hpp"

namespace whitebrick::identity {
namespace {

constexpr HashCost kCheap{.memory_kib = 64, .passes = 2, .lanes = 1};

TEST(Password, OnlyTheSamePasswordMatches) {
  const std::string hash = hash_password("correct horse battery", kCheap);
  EXPECT_TRUE(matches("correct horse battery", hash));
  EXPECT_FALSE(matches("correct horse batterY", hash));
  EXPECT_FALSE(matches("", hash));
  EXPECT_FALSE(matches("correct horse battery", "not a hash"));
  EXPECT_FALSE(matches("", ""));
}

TEST(Password, EachHashHasItsOwnSalt) {
  EXPECT_NE(hash_password("same", kCheap), hash_password("same", kCheap));
}

TEST(Password, TheHashSaysWhatItCost) {
  const std::string hash = hash_password("x", kCheap);
  EXPECT_TRUE(hash.starts_with("$argon2id$v=19$m=64,t=2,p=1$")) << hash;
  const auto cost = cost_of(hash);
  ASSERT_TRUE(cost);
  EXPECT_EQ(cost->memory_kib, 64u);
  EXPECT_EQ(cost->passes, 2u);
  EXPECT_EQ(cost->lanes, 1u);
  EXPECT_FALSE(cost_of("$argon2i$v=19$m=64,t=2,p=1$x$y"));
}

TEST(Password, WeakerIsLessMemoryOrFewerPasses) {
  const std::string hash = hash_password("x", kCheap);
  EXPECT_FALSE(is_weaker(hash, kCheap));
  EXPECT_FALSE(is_weaker(hash, {.memory_kib = 32, .passes = 1, .lanes = 1}));
  EXPECT_TRUE(is_weaker(hash, {.memory_kib = 65, .passes = 2, .lanes = 1}));
  EXPECT_TRUE(is_weaker(hash, {.memory_kib = 64, .passes = 3, .lanes = 1}));
  EXPECT_TRUE(is_weaker("rubbish", kCheap));
}

TEST(Secret, KnownAnswers) {
  // RFC 4648 section 10 and its URL alphabet; FIPS 180-4; RFC 4231 case 2.
  EXPECT_EQ(base64url(""), "");
  EXPECT_EQ(base64url("f"), "Zg");
  EXPECT_EQ(base64url("fo"), "Zm8");
  EXPECT_EQ(base64url("foobar"), "Zm9vYmFy");
  EXPECT_EQ(base64url("\xFB\xEF\xBE\xFF\xFF"), "----__8");
  EXPECT_EQ(sha256("abc").substr(0, 4), "\xBA\x78\x16\xBF");
  EXPECT_EQ(hmac_sha256("Jefe", "what do ya want for nothing?").substr(0, 4), "\x5B\xDC\xC1\x46");
}

TEST(Secret, TokensAndPasswordsAreLongAndNeverTheSame) {
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) {
    const std::string token = generate_token();
    EXPECT_EQ(token.size(), 43u);
    const std::string password = generate_password();
    EXPECT_EQ(password.size(), 20u);
    EXPECT_EQ(password.find_first_of("0O1Il"), std::string::npos);
    EXPECT_TRUE(seen.insert(token).second);
    EXPECT_TRUE(seen.insert(password).second);
  }
}

}  // namespace
}  // namespace whitebrick::identity

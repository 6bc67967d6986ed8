// The rules of peers that need no database: the datagram and the order of sweeps.

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "server/peer_datagram.hpp"
#include "server/sweep_order.hpp"

namespace whitebrick {
namespace {

const std::string kSecret(32, 's');

TEST(PeerDatagram, CarriesHashesUnderTheSecret) {
  std::vector<std::uint64_t> hashes(kHashesPerDatagram);
  for (std::size_t i = 0; i < hashes.size(); ++i) hashes[i] = i * 0x9e3779b97f4a7c15U;
  const std::string bytes = write_datagram(kSecret, hashes);
  EXPECT_LE(bytes.size(), kMaxDatagram);
  EXPECT_EQ(read_datagram(kSecret, bytes), hashes);
  EXPECT_EQ(read_datagram(kSecret, write_datagram(kSecret, {})), std::vector<std::uint64_t>{});
}

TEST(PeerDatagram, RefusesEveryChangedByteEveryLengthAndEveryOtherSecret) {
  const std::vector<std::uint64_t> hashes{1, 2};
  const std::string bytes = write_datagram(kSecret, hashes);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    std::string changed = bytes;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_FALSE(read_datagram(kSecret, changed)) << i;
    EXPECT_FALSE(read_datagram(kSecret, bytes.substr(0, i))) << i;
  }
  EXPECT_FALSE(read_datagram(kSecret, bytes + "x"));
  EXPECT_FALSE(read_datagram(std::string(32, 't'), bytes));
}

TEST(PeerDatagram, DerivesKeysThatDifferByPurpose) {
  EXPECT_EQ(derived_key(kSecret, "a").size(), 32U);
  EXPECT_NE(derived_key(kSecret, "a"), derived_key(kSecret, "b"));
}

TEST(SweepOrder, AsksForEachKeyOnceARoundAndForOneKindAtATime) {
  std::vector<WaitKey> keys;
  for (int i = 0; i < 25; ++i) keys.push_back("queue:" + std::to_string(i));
  for (int i = 0; i < 5; ++i) keys.push_back("queue-x:" + std::to_string(i));
  for (int i = 0; i < 3; ++i) keys.push_back("unknown:" + std::to_string(i));
  const auto known = [](std::string_view kind) { return kind != "unknown"; };
  for (int round = 0; round < 2; ++round) {
    std::multiset<WaitKey> asked;
    WaitKey cursor;
    for (int query = 0; query < 4; ++query) {  // 5 queue-x, 25 queue in tens
      const auto part = next_keys(keys, cursor, 10, known);
      ASSERT_FALSE(part.empty());
      EXPECT_LE(part.size(), 10U);
      for (const WaitKey& key : part) {
        EXPECT_EQ(kind_of(key), kind_of(part.front()));
        asked.insert(key);
      }
      cursor = part.back();
    }
    EXPECT_EQ(asked.size(), 30U);
    EXPECT_EQ(std::set<WaitKey>(asked.begin(), asked.end()).size(), 30U);
    EXPECT_EQ(next_keys(keys, cursor, 10, known), next_keys(keys, "", 10, known));  // the next round
    std::reverse(keys.begin(), keys.end());
  }
  EXPECT_TRUE(next_keys({"unknown:1"}, "", 10, known).empty());
  EXPECT_TRUE(next_keys({}, "queue:1", 10, known).empty());
}

}  // namespace
}  // namespace whitebrick

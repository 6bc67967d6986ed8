#include "modules/availability/reach_cache.hpp"

#include <openssl/rand.h>

#include <boost/multi_index/hashed_index.hpp>
#include <boost/multi_index/identity.hpp>
#include <boost/multi_index/sequenced_index.hpp>
#include <boost/multi_index_container.hpp>
#include <mutex>
#include <stdexcept>
#include <string_view>

#include "server/sip_hash.hpp"

namespace whitebrick::availability {

struct ReachCache::Kept {
  ReachAsker asker;
  std::string number;
  Stamps owner;
  std::uint64_t asker_rights = 0;
  Time since, until;  // good from here to before there
  Reach reach;
  RestsOn rests_on = RestsOn::kSessions;

  std::size_t bytes() const {
    constexpr std::size_t kNode = 64;  // of the container and the allocator
    return sizeof(Kept) + kNode + number.capacity();
  }
};

namespace {

namespace mi = boost::multi_index;

struct Key {
  const ReachAsker& asker;
  std::string_view number;
};

using HashKey = std::array<std::uint64_t, 2>;

HashKey random_key() {
  HashKey key{};
  if (RAND_bytes(reinterpret_cast<unsigned char*>(key.data()), sizeof key) != 1)
    throw std::runtime_error("no random numbers");
  return key;
}

// Keyed, because who asks chooses the numbers.
struct HashOf {
  HashKey key = random_key();
  template <class Named>
  std::size_t operator()(const Named& named) const {
    return sip_hash({key[0] ^ named.asker.user_id, key[1] ^ named.asker.service_id}, named.number);
  }
};
struct SameKey {
  template <class A, class B>
  bool operator()(const A& a, const B& b) const {
    return a.asker == b.asker && std::string_view(a.number) == std::string_view(b.number);
  }
};

// Of a service nothing but itself counts. 0: there is no stamp.
constexpr std::uint64_t kNoUser = 1;
std::uint64_t rights_of(const ReachAsker& asker, const StampsRead& read) {
  if (asker.user_id == 0) return kNoUser;
  const auto stamps = read.of(bucket_of_asker(asker.user_id));
  return stamps ? stamps->rights : 0;
}

bool same(const Stamps& a, const Stamps& b, RestsOn rests_on) {
  return a.rights == b.rights && (rests_on == RestsOn::kRights || a.modes == b.modes) &&
         (rests_on != RestsOn::kSessions || a.sessions == b.sessions);
}

}  // namespace

struct ReachCache::Shard {
  using Entries = mi::multi_index_container<
      Kept, mi::indexed_by<mi::sequenced<>, mi::hashed_unique<mi::identity<Kept>, HashOf, SameKey>>>;
  mutable std::mutex mutex;
  Entries entries;  // asked for last, first
  std::size_t bytes = 0;

  auto find(const ReachAsker& asker, const std::string& number) {
    auto& by_key = entries.get<1>();
    return entries.project<0>(by_key.find(Key{asker, number}, by_key.hash_function(), by_key.key_eq()));
  }
  void drop(Entries::iterator entry) {
    bytes -= entry->bytes();
    entries.erase(entry);
  }
};

ReachCache::ReachCache(std::size_t most_bytes)
    : most_bytes_(most_bytes / kShards), shards_(std::make_unique<std::array<Shard, kShards>>()) {}
ReachCache::~ReachCache() = default;

ReachCache::Shard& ReachCache::shard_of(const std::string& number) {
  return (*shards_)[bucket_of_number(number) % kShards];
}

bool ReachCache::knows(const ReachAsker& asker, const std::string& number) {
  Shard& shard = shard_of(number);
  const std::lock_guard lock(shard.mutex);
  return shard.find(asker, number) != shard.entries.end();
}

bool ReachCache::find(const ReachAsker& asker, const std::string& number, const StampsRead& read,
                      Reach& reach) {
  const auto owner = read.of(bucket_of_number(number));
  if (!owner) return false;
  Shard& shard = shard_of(number);
  const std::lock_guard lock(shard.mutex);
  const auto entry = shard.find(asker, number);
  if (entry == shard.entries.end()) return false;
  if (read.at() < entry->since || read.at() >= entry->until || !same(*owner, entry->owner, entry->rests_on) ||
      rights_of(asker, read) != entry->asker_rights) {
    return false;
  }
  reach = entry->reach;
  shard.entries.relocate(shard.entries.begin(), entry);
  return true;
}

void ReachCache::keep(const ReachAsker& asker, const std::string& number, const Reach& reach,
                      RestsOn rests_on, const StampsRead& read, Time until) {
  const auto owner = read.of(bucket_of_number(number));
  const std::uint64_t rights = rights_of(asker, read);
  if (!owner || rights == 0 || until <= read.at()) return;
  Kept kept{asker, number, *owner, rights, read.at(), until, reach, rests_on};
  const std::size_t size = kept.bytes();
  if (size > most_bytes_) return;
  Shard& shard = shard_of(number);
  const std::lock_guard lock(shard.mutex);
  const auto old = shard.find(asker, number);
  if (old != shard.entries.end()) shard.drop(old);
  shard.entries.push_front(std::move(kept));
  shard.bytes += size;
  while (shard.bytes > most_bytes_) shard.drop(std::prev(shard.entries.end()));
}

std::size_t ReachCache::bytes() const {
  std::size_t bytes = 0;
  for (const Shard& shard : *shards_) {
    const std::lock_guard lock(shard.mutex);
    bytes += shard.bytes;
  }
  return bytes;
}

}  // namespace whitebrick::availability

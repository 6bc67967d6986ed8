#pragma once
// Entries by key, bounded by their bytes; what was used longest ago goes first. In shards, so that those who
// ask at once seldom wait for one another. Thread-safe.
//
// An Entry has a Key (compared by ==, with a `number` and the salt() of what else it is), key() and bytes().

#include <openssl/rand.h>

#include <array>
#include <boost/multi_index/hashed_index.hpp>
#include <boost/multi_index/mem_fun.hpp>
#include <boost/multi_index/sequenced_index.hpp>
#include <boost/multi_index_container.hpp>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <stdexcept>
#include <utility>

#include "modules/availability/stamps.hpp"
#include "server/sip_hash.hpp"

namespace whitebrick::availability {

template <class Entry>
class LruShards {
 public:
  using Key = typename Entry::Key;

  explicit LruShards(std::size_t most_bytes) : most_bytes_(most_bytes / kShards) {}

  // Good or not.
  bool knows(const Key& key) const {
    const Shard& shard = shard_of(key);
    const std::lock_guard lock(shard.mutex);
    const auto& by_key = shard.entries.template get<1>();
    return by_key.find(key) != by_key.end();
  }
  // What `use` answers of the entry, which counts as used when that is true. False: there is none.
  template <class Use>
  bool use(const Key& key, Use&& use) {
    Shard& shard = shard_of(key);
    const std::lock_guard lock(shard.mutex);
    const auto entry = shard.find(key);
    if (entry == shard.entries.end() || !use(*entry)) return false;
    shard.entries.relocate(shard.entries.begin(), entry);
    return true;
  }
  void put(Entry&& entry) {
    const std::size_t size = bytes_of(entry);
    if (size > most_bytes_) return;
    Shard& shard = shard_of(entry.key());
    const std::lock_guard lock(shard.mutex);
    const auto old = shard.find(entry.key());
    if (old != shard.entries.end()) shard.drop(old);
    shard.entries.push_front(std::move(entry));
    shard.bytes += size;
    while (shard.bytes > most_bytes_) shard.drop(std::prev(shard.entries.end()));
  }
  std::size_t bytes() const {
    std::size_t bytes = 0;
    for (const Shard& shard : shards_) {
      const std::lock_guard lock(shard.mutex);
      bytes += shard.bytes;
    }
    return bytes;
  }

 private:
  // Keyed, because who asks chooses the numbers.
  struct HashOf {
    std::array<std::uint64_t, 2> random = random_key();
    std::size_t operator()(const Key& key) const {
      const auto salt = key.salt();
      return sip_hash({random[0] ^ salt[0], random[1] ^ salt[1]}, key.number);
    }
    static std::array<std::uint64_t, 2> random_key() {
      std::array<std::uint64_t, 2> key{};
      if (RAND_bytes(reinterpret_cast<unsigned char*>(key.data()), sizeof key) != 1)
        throw std::runtime_error("no random numbers");
      return key;
    }
  };
  using ByKey =
      boost::multi_index::hashed_unique<boost::multi_index::const_mem_fun<Entry, Key, &Entry::key>, HashOf>;
  using Entries =
      boost::multi_index_container<Entry,
                                   boost::multi_index::indexed_by<boost::multi_index::sequenced<>, ByKey>>;

  static std::size_t bytes_of(const Entry& entry) {
    constexpr std::size_t kNode = 64;  // of the container and the allocator
    return entry.bytes() + kNode;
  }

  struct Shard {
    mutable std::mutex mutex;
    Entries entries;  // used last, first
    std::size_t bytes = 0;

    auto find(const Key& key) { return entries.template project<0>(entries.template get<1>().find(key)); }
    void drop(typename Entries::iterator entry) {
      bytes -= bytes_of(*entry);
      entries.erase(entry);
    }
  };

  static constexpr std::size_t kShards = 16;
  const Shard& shard_of(const Key& key) const { return shards_[bucket_of_number(key.number) % kShards]; }
  Shard& shard_of(const Key& key) { return shards_[bucket_of_number(key.number) % kShards]; }

  const std::size_t most_bytes_;  // of a shard
  std::array<Shard, kShards> shards_;
};

}  // namespace whitebrick::availability

#include "modules/availability/owner_cache.hpp"

#include <algorithm>
#include <string_view>

#include "modules/availability/lru_shards.hpp"

namespace whitebrick::availability {

bool KeptOwner::holds(const Stamps& now, Time at, RestsOn rests_on) const {
  return at >= since && at < good_until(rests_on) && same(now, stamps, rests_on);
}

Time KeptOwner::good_until(RestsOn rests_on) const {
  return rests_on == RestsOn::kRights ? until : std::min(until, facts.modes_until);
}

struct OwnerCache::Kept {
  struct Key {
    std::string_view number;
    std::array<std::uint64_t, 2> salt() const { return {}; }
    friend bool operator==(const Key&, const Key&) = default;
  };

  std::string number;
  std::shared_ptr<const KeptOwner> owner;

  Key key() const { return {number}; }
  std::size_t bytes() const {
    constexpr std::size_t kTexts = 64;  // of a mode
    return sizeof(Kept) + number.capacity() + sizeof(KeptOwner) +
           owner->facts.modes.size() * (sizeof(OwnerFacts::ActiveMode) + kTexts);
  }
};

struct OwnerCache::State {
  LruShards<Kept> kept;
};

OwnerCache::OwnerCache(std::size_t most_bytes) : state_(new State{LruShards<Kept>(most_bytes)}) {}
OwnerCache::~OwnerCache() = default;

std::shared_ptr<const KeptOwner> OwnerCache::find(const std::string& number) {
  std::shared_ptr<const KeptOwner> found;
  state_->kept.use({number}, [&](const Kept& kept) {
    found = kept.owner;
    return true;
  });
  return found;
}

void OwnerCache::keep(const std::string& number, const OwnerFacts& facts, const StampsRead& read,
                      Time until) {
  const auto stamps = read.of(bucket_of_number(number));
  if (!stamps || until <= read.at()) return;
  state_->kept.put({number, std::make_shared<const KeptOwner>(KeptOwner{facts, *stamps, read.at(), until})});
}

}  // namespace whitebrick::availability

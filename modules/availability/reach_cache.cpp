#include "modules/availability/reach_cache.hpp"

#include <string_view>

#include "modules/availability/lru_shards.hpp"

namespace whitebrick::availability {

struct ReachCache::Kept {
  struct Key {
    ReachAsker asker;
    std::string_view number;
    std::array<std::uint64_t, 2> salt() const { return {asker.user_id, asker.service_id}; }
    friend bool operator==(const Key&, const Key&) = default;
  };

  ReachAsker asker;
  std::string number;
  Stamps owner;
  std::uint64_t asker_rights = 0;
  Time since, until;  // good from here to before there
  Reach reach;
  RestsOn rests_on = RestsOn::kSessions;

  Key key() const { return {asker, number}; }
  std::size_t bytes() const { return sizeof(Kept) + number.capacity(); }
};

struct ReachCache::State {
  LruShards<Kept> kept;
};

namespace {

// Of a service nothing but itself counts. 0: there is no stamp.
constexpr std::uint64_t kNoUser = 1;
std::uint64_t rights_of(const ReachAsker& asker, const StampsRead& read) {
  if (asker.user_id == 0) return kNoUser;
  const auto stamps = read.of(bucket_of_asker(asker.user_id));
  return stamps ? stamps->rights : 0;
}

}  // namespace

ReachCache::ReachCache(std::size_t most_bytes) : state_(new State{LruShards<Kept>(most_bytes)}) {}
ReachCache::~ReachCache() = default;

bool ReachCache::knows(const ReachAsker& asker, const std::string& number) const {
  return state_->kept.knows({asker, number});
}

bool ReachCache::find(const ReachAsker& asker, const std::string& number, const StampsRead& read,
                      Reach& reach) {
  const auto owner = read.of(bucket_of_number(number));
  return owner && state_->kept.use({asker, number}, [&](const Kept& kept) {
    if (read.at() < kept.since || read.at() >= kept.until || !same(*owner, kept.owner, kept.rests_on) ||
        rights_of(asker, read) != kept.asker_rights) {
      return false;
    }
    reach = kept.reach;
    return true;
  });
}

void ReachCache::keep(const ReachAsker& asker, const std::string& number, const Reach& reach,
                      RestsOn rests_on, const StampsRead& read, Time until) {
  const auto owner = read.of(bucket_of_number(number));
  const std::uint64_t rights = rights_of(asker, read);
  if (!owner || rights == 0 || until <= read.at()) return;
  state_->kept.put({asker, number, *owner, rights, read.at(), until, reach, rests_on});
}

std::size_t ReachCache::bytes() const { return state_->kept.bytes(); }

}  // namespace whitebrick::availability

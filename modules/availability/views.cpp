// What askers may see of owners, whoever they are and whether they exist: by the same statements.
#include <algorithm>
#include <map>

#include "db/list.hpp"
#include "modules/availability/availability.hpp"
#include "modules/availability/owner_cache.hpp"
#include "modules/availability/reach_cache.hpp"
#include "modules/availability/right_rows.hpp"
#include "modules/availability/view_rows.hpp"
#include "server/check.hpp"
#include "server/log.hpp"

namespace whitebrick::availability {
namespace {

// A service asks in a user's name, or in its own.
ReachAsker asker_of(std::uint64_t user_id, std::uint64_t service_id) {
  return {user_id, user_id == 0 ? service_id : 0};
}

std::vector<Bucket> buckets_of(const std::vector<std::string>& numbers) {
  std::vector<Bucket> buckets;
  buckets.reserve(numbers.size());
  for (const std::string& number : numbers) buckets.push_back(bucket_of_number(number));
  return buckets;
}

}  // namespace

std::vector<View> Availability::views(db::Session& db, std::uint64_t asker_user_id, std::uint64_t service_id,
                                      const std::vector<std::string>& numbers) {
  check::count(numbers.size(), check::kMaxItems, "contact");
  if (numbers.empty()) return {};
  const ReachAsker asker = asker_of(asker_user_id, service_id);
  const ViewRows rows(db, asker.user_id, asker.service_id, numbers, {});
  std::vector<View> views;
  views.reserve(numbers.size());
  for (const std::string& number : numbers) views.push_back(rows.view(asker.user_id, number));
  return views;
}

std::vector<View> Availability::views_by(db::Session& db, const std::string& number,
                                         const std::vector<std::uint64_t>& asker_user_ids) {
  check::count(asker_user_ids.size(), check::kMaxItems, "contact");
  if (asker_user_ids.empty()) return {};
  const ViewRows rows(db, asker_user_ids, number);
  std::vector<View> views;
  views.reserve(asker_user_ids.size());
  for (const std::uint64_t asker : asker_user_ids) views.push_back(rows.view(asker, number));
  return views;
}

void Availability::start(db::Pool& pool) {
  auto lease = pool.lease();
  if (stamps_are_set(lease.session())) return;
  log::warning(
      "availability.nothing_kept",
      {{"reason", "triggers are missing, or the privilege TRIGGER to see them (db/schema.md, Views)"}});
  reaches_ = std::make_unique<ReachCache>(0);
  owners_ = std::make_unique<OwnerCache>(0);
}

namespace {

// Answers one question: by what is kept, then by what is read of those that are left.
class ReachReader {
 public:
  ReachReader(db::Session& db, ReachCache& reaches, OwnerCache& owners, const ReachAsker& asker,
              const std::vector<std::string>& numbers)
      : db_(db),
        reaches_(reaches),
        owners_(owners),
        asker_(asker),
        numbers_(numbers),
        reached_(numbers.size()) {}

  void find_kept();
  void read_others();

  std::vector<Reach>& reached() { return reached_; }
  // What a grant for once would change, and its places.
  std::vector<View>& views_for_once() { return views_for_once_; }
  const std::vector<std::size_t>& places_for_once() const { return places_for_once_; }

 private:
  void take(std::size_t place, View&&, const StampsRead&, Time until);

  db::Session& db_;
  ReachCache& reaches_;
  OwnerCache& owners_;
  const ReachAsker asker_;
  const std::vector<std::string>& numbers_;
  std::vector<Reach> reached_;
  std::vector<std::size_t> others_;  // places
  std::vector<View> views_for_once_;
  std::vector<std::size_t> places_for_once_;
};

void ReachReader::take(std::size_t place, View&& view, const StampsRead& stamps, Time until) {
  reached_[place] = reach_of(view.facts);
  if (needs_grant_for_once(view.facts)) {
    places_for_once_.push_back(place);
    views_for_once_.push_back(std::move(view));
    return;
  }
  reaches_.keep(asker_, numbers_[place], reached_[place], rests_on(view.facts), stamps, until);
}

// By one statement: stamps of all, and what is between the asker and those of whom only the owner is kept.
// None if nothing is kept: then stamps are read together with everything else.
void ReachReader::find_kept() {
  std::map<std::size_t, std::shared_ptr<const KeptOwner>> known;  // by place
  bool some = false;
  std::size_t modes_for_some = 0;
  for (std::size_t i = 0; i < numbers_.size(); ++i) {
    const bool all = reaches_.knows(asker_, numbers_[i]);
    some = some || all;
    if (all) continue;
    auto owner = owners_.find(numbers_[i]);
    if (!owner) continue;
    modes_for_some += owner->facts.modes_for_some().size();
    if (modes_for_some <= db::kMaxList) known.emplace(i, std::move(owner));
  }
  std::optional<RightRows> rights;
  StampsRead stamps;
  if (!known.empty()) {
    std::vector<const OwnerFacts*> facts;
    for (const auto& [place, owner] : known) facts.push_back(&owner->facts);
    stamps = rights.emplace(db_, asker_, facts, buckets_of(numbers_)).stamps();
  } else if (some) {
    stamps = read_stamps(db_, buckets_of(numbers_), bucket_of_asker(asker_.user_id));
  }
  for (std::size_t i = 0; i < numbers_.size(); ++i) {
    const auto owner = known.find(i);
    if (owner == known.end()) {
      if (!some || !reaches_.find(asker_, numbers_[i], stamps, reached_[i])) others_.push_back(i);
      continue;
    }
    const KeptOwner& kept = *owner->second;
    const AskerRights right = rights->of(kept.facts);
    View view = view_of(kept.facts, right, asker_.user_id, numbers_[i]);
    const RestsOn on = rests_on(view.facts);
    const auto now = stamps.of(bucket_of_number(numbers_[i]));
    if (now && kept.holds(*now, stamps.at(), on))
      take(i, std::move(view), stamps, std::min(kept.good_until(on), right.until));
    else
      others_.push_back(i);
  }
}

void ReachReader::read_others() {
  if (others_.empty()) return;
  std::vector<std::string> asked;
  asked.reserve(others_.size());
  for (const std::size_t place : others_) asked.push_back(numbers_[place]);
  const ViewRows rows(db_, asker_.user_id, asker_.service_id, asked, buckets_of(asked));
  for (const std::size_t place : others_) {
    const std::string& number = numbers_[place];
    View view = rows.view(asker_.user_id, number);
    const Time until = rows.valid_until(asker_.user_id, number, rests_on(view.facts));
    take(place, std::move(view), rows.stamps(), until);
    owners_.keep(number, rows.owner(number), rows.stamps(), rows.horizon());
  }
}

}  // namespace

std::vector<Reach> Availability::reach(db::Session& db, std::uint64_t asker_user_id, std::uint64_t service_id,
                                       const std::vector<std::string>& numbers, OneShot one_shot) {
  check::count(numbers.size(), check::kMaxItems, "contact");
  if (numbers.empty()) return {};
  ReachReader reader(db, *reaches_, *owners_, asker_of(asker_user_id, service_id), numbers);
  reader.find_kept();
  reader.read_others();
  if (one_shot == OneShot::kLeave) return std::move(reader.reached());
  auto& once = reader.views_for_once();
  use_grants(db, once);
  for (std::size_t i = 0; i < once.size(); ++i)
    reader.reached()[reader.places_for_once()[i]] = reach_of(once[i].facts);
  return std::move(reader.reached());
}

}  // namespace whitebrick::availability

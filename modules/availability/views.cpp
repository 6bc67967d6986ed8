// What askers may see of owners, whoever they are and whether they exist: by the same statements.
#include <algorithm>

#include "modules/availability/availability.hpp"
#include "modules/availability/reach_cache.hpp"
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
  cache_ = std::make_unique<ReachCache>(0);
}

namespace {

// Puts what is kept into its place; answers the places of the others. With none kept, stamps are read
// together with everything else.
std::vector<std::size_t> find_kept(db::Session& db, ReachCache& cache, const ReachAsker& asker,
                                   const std::vector<std::string>& numbers, std::vector<Reach>& reached) {
  const bool some = std::ranges::any_of(numbers, [&](const auto& n) { return cache.knows(asker, n); });
  StampsRead stamps;
  if (some) stamps = read_stamps(db, buckets_of(numbers), bucket_of_asker(asker.user_id));
  std::vector<std::size_t> others;
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    if (!some || !cache.find(asker, numbers[i], stamps, reached[i])) others.push_back(i);
  }
  return others;
}

}  // namespace

std::vector<Reach> Availability::reach(db::Session& db, std::uint64_t asker_user_id, std::uint64_t service_id,
                                       const std::vector<std::string>& numbers, OneShot one_shot) {
  check::count(numbers.size(), check::kMaxItems, "contact");
  if (numbers.empty()) return {};
  const ReachAsker asker = asker_of(asker_user_id, service_id);
  std::vector<Reach> reached(numbers.size());
  const auto others = find_kept(db, *cache_, asker, numbers, reached);
  if (others.empty()) return reached;

  std::vector<std::string> asked;
  asked.reserve(others.size());
  for (const std::size_t place : others) asked.push_back(numbers[place]);
  const ViewRows rows(db, asker.user_id, asker.service_id, asked, buckets_of(asked));
  std::vector<std::size_t> once;  // by a grant that is used up by it
  std::vector<View> seen_once;
  for (const std::size_t place : others) {
    const std::string& number = numbers[place];
    View view = rows.view(asker.user_id, number);
    reached[place] = reach_of(view.facts);
    if (needs_grant_for_once(view.facts)) {
      if (one_shot == OneShot::kLeave) continue;
      once.push_back(place);
      seen_once.push_back(std::move(view));
      continue;
    }
    const RestsOn on = rests_on(view.facts);
    cache_->keep(asker, number, reached[place], on, rows.stamps(), rows.valid_until(number, on));
  }
  use_grants(db, seen_once);
  for (std::size_t i = 0; i < once.size(); ++i) reached[once[i]] = reach_of(seen_once[i].facts);
  return reached;
}

}  // namespace whitebrick::availability

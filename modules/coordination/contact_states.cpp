#include "modules/coordination/contact_states.hpp"

#include <algorithm>
#include <set>
#include <tuple>

#include "modules/coordination/contact_names.hpp"
#include "modules/coordination/contents.hpp"
#include "db/list.hpp"
#include "server/check.hpp"

namespace whitebrick::coordination {
namespace {

using db::in_list;
using db::in_pieces;
using db::kListSizes;
using db::kMaxList;

constexpr std::size_t kChunk = 500;    // sessions or contacts in one background transaction
constexpr int kStateLifetime = 86400;  // seconds; a later snapshot has it anyway
constexpr std::string_view kComponent = "coordination";

// Concerns no profile: only components are told.
void publish_internal(db::Session& db, events::Events& events, std::string type, std::string content) {
  events::NewEvent event;
  event.type = std::move(type);
  event.content = std::move(content);
  event.ttl_seconds = kStateLifetime;
  event.wait_for_terminal = false;
  events.publish(db, std::string(kComponent), event);
}

}  // namespace

void publish_session_changed(db::Session& db, events::Events& events, const std::string& number,
                             std::uint64_t told_up_to) {
  publish_internal(db, events, "session.changed", watchers_content({number, told_up_to}));
}

ContactStates::ContactStates(profiles::Profiles& profiles, availability::Availability& availability,
                             events::Events& events, Wake& wake)
    : profiles_(profiles), availability_(availability), events_(events), wake_(wake) {}

std::vector<WatchedContact> ContactStates::snapshot(db::Session& db, std::uint64_t user_id,
                                                    const std::vector<std::uint64_t>& sessions) {
  const Watchers watchers = lock(db, sessions);
  const auto compared = compare_wanted(db, user_id, watchers);
  std::vector<Told> news;
  std::vector<WatchedContact> contacts;
  Numbers left_out;
  for (const Watch& watch : compared.watches) {
    if (contacts.size() == check::kMaxItems) {
      left_out[watch.told.session_id].push_back(watch.told.number);
      continue;
    }
    if (watch.news) news.push_back(watch.told);
    contacts.push_back({watchers.at(watch.told.session_id).profile, watch.told.number, watch.told.reach});
  }
  store(db, watchers, news);
  // Not told yet, whatever was told before: the refresh finds them to be news.
  for (const auto& [session, numbers] : left_out) forget(db, session, numbers);
  const bool all_forgotten = forget_some(db, compared.unwanted);
  if (!left_out.empty() || !all_forgotten)
    publish_internal(db, events_, "session.refresh", refresh_content({user_id, 0}));
  add_names(db, contacts);
  return contacts;
}

namespace {

constexpr std::size_t kRefreshed = 20;  // sessions, each with all its contacts, that one transaction compares
constexpr std::string_view kSessionsOfUser = R"sql(
SELECT id FROM access_session WHERE user_id = ? AND id > ? ORDER BY id LIMIT 20)sql";

}  // namespace

void ContactStates::refresh(db::Session& db, std::uint64_t user_id, std::uint64_t done_up_to) {
  const auto sessions = db.query(
      kSessionsOfUser, [](const db::Row& row) { return row.id("id"); }, user_id, done_up_to);
  const Watchers watchers = lock(db, sessions);
  const auto compared = compare_wanted(db, user_id, watchers);
  std::vector<Told> news;
  for (const Watch& watch : compared.watches) {
    if (watch.news) news.push_back(watch.told);
  }
  const bool more = news.size() > kChunk;
  if (more) news.resize(kChunk);
  tell(db, watchers, news);
  // What is told or forgotten now is no news when it is compared again: this ends.
  if (!forget_some(db, compared.unwanted) || more) {
    publish_internal(db, events_, "session.refresh", refresh_content({user_id, done_up_to}));
  } else if (sessions.size() == kRefreshed) {
    publish_internal(db, events_, "session.refresh", refresh_content({user_id, sessions.back()}));
  }
}

namespace {

constexpr std::string_view kSessionsWatching = R"sql(
SELECT access_session_id FROM contact_watch WHERE number = ? AND access_session_id > ?
ORDER BY access_session_id LIMIT 500)sql";
const std::string kToldOf = R"sql(
SELECT access_session_id, number, told_state, told_offers FROM contact_watch
WHERE number = ? AND access_session_id IN ()sql";

}  // namespace

void ContactStates::tell_watchers(db::Session& db, const std::string& number, std::uint64_t told_up_to) {
  const auto sessions = db.query(
      kSessionsWatching, [](const db::Row& row) { return row.id("access_session_id"); }, number, told_up_to);
  if (sessions.empty()) return;
  const Watchers watchers = lock(db, sessions);

  std::vector<db::Value> args{number};
  const std::string list = in_list(sessions, args);
  auto before = db.query_with(kToldOf + list + ")", read_told, args);
  std::erase_if(before, [&](const Told& told) { return !watchers.contains(told.session_id); });
  tell(db, watchers, differences(watchers, before, see(db, watchers, before)));
  if (sessions.size() == kChunk) publish_session_changed(db, events_, number, sessions.back());
}

std::vector<ContactStates::Told> ContactStates::differences(const Watchers& watchers,
                                                            const std::vector<Told>& before,
                                                            const Seen& seen) {
  std::vector<Told> changed;
  for (const Told& told : before) {
    const auto now = seen.at({watchers.at(told.session_id).user_id, told.number});
    if (now != told.reach) changed.push_back({told.session_id, told.number, now});
  }
  return changed;
}

namespace {

const std::string kLockSessions = R"sql(
SELECT id, user_id, profile_id, subscription_id, state_version FROM access_session
WHERE id IN ()sql";
const std::string kProfileNames = R"sql(
SELECT id, name FROM profile WHERE id IN ()sql";

}  // namespace

// In the order of the ids, so that two who lock the same sessions do not wait for each other.
ContactStates::Watchers ContactStates::lock(db::Session& db, const std::vector<std::uint64_t>& sessions) {
  Watchers watchers;
  std::set<std::uint64_t> profile_ids;
  in_pieces(sessions, kMaxList, [&](const std::vector<std::uint64_t>& piece) {
    std::vector<db::Value> args;
    const std::string list = in_list(piece, args);
    const auto rows = db.query_with(
        kLockSessions + list + ") ORDER BY id FOR UPDATE",
        [](const db::Row& row) {
          return Watcher{row.id("id"),
                         row.id("user_id"),
                         row.id("profile_id"),
                         row.id("subscription_id"),
                         row.id("state_version"),
                         {}};
        },
        args);
    for (const Watcher& watcher : rows) {
      profile_ids.insert(watcher.profile_id);
      watchers.emplace(watcher.id, watcher);
    }
  });

  std::map<std::uint64_t, std::string> names;
  in_pieces(std::vector<std::uint64_t>(profile_ids.begin(), profile_ids.end()), kMaxList,
            [&](const std::vector<std::uint64_t>& piece) {
              std::vector<db::Value> args;
              const std::string list = in_list(piece, args);
              db.query_with(
                  kProfileNames + list + ")",
                  [&](const db::Row& row) { return names.emplace(row.id("id"), row.text("name")).second; },
                  args);
            });
  for (auto& [id, watcher] : watchers) watcher.profile = names[watcher.profile_id];
  return watchers;
}

namespace {

const std::string kWatchesOf = R"sql(
SELECT access_session_id, number, told_state, told_offers FROM contact_watch
WHERE access_session_id IN ()sql";

}  // namespace

ContactStates::Told ContactStates::read_told(const db::Row& row) {
  return {row.id("access_session_id"),
          row.text("number"),
          {static_cast<Connectability>(row.number("told_state")),
           static_cast<availability::Offers>(row.number("told_offers"))}};
}

std::vector<ContactStates::Told> ContactStates::stored(db::Session& db, const Watchers& watchers) {
  std::vector<std::uint64_t> sessions;
  for (const auto& [id, watcher] : watchers) sessions.push_back(id);
  std::vector<Told> all;
  in_pieces(sessions, kMaxList, [&](const std::vector<std::uint64_t>& piece) {
    std::vector<db::Value> args;
    const std::string list = in_list(piece, args);
    const auto rows = db.query_with(kWatchesOf + list + ")", read_told, args);
    all.insert(all.end(), rows.begin(), rows.end());
  });
  return all;
}

namespace {

const std::string kForget = R"sql(
DELETE FROM contact_watch WHERE access_session_id = ? AND number IN ()sql";
// Assigned from left to right: whole_version is the new version.
constexpr std::string_view kNothingSince = R"sql(
UPDATE access_session SET state_version = state_version + 1, whole_version = state_version,
  told_at = UTC_TIMESTAMP(6) WHERE id = ?)sql";

}  // namespace

void ContactStates::forget(db::Session& db, std::uint64_t session, const std::vector<std::string>& numbers) {
  if (numbers.empty()) return;
  db.execute(kNothingSince, session);
  wake_after(db, {session});
  in_pieces(numbers, kMaxList, [&](const std::vector<std::string>& piece) {
    std::vector<db::Value> args{session};
    const std::string list = in_list(piece, args);
    db.execute_with(kForget + list + ")", args);
  });
}

// What one transaction takes; answers whether that was all.
bool ContactStates::forget_some(db::Session& db, const Numbers& unwanted) {
  std::size_t room = kChunk;
  for (const auto& [session, numbers] : unwanted) {
    const auto some = numbers.begin() + static_cast<std::ptrdiff_t>(std::min(room, numbers.size()));
    forget(db, session, {numbers.begin(), some});
    if (some != numbers.end()) return false;
    room -= numbers.size();
  }
  return true;
}

void ContactStates::wake_after(db::Session& db, const std::vector<std::uint64_t>& sessions) {
  std::vector<WaitKey> keys;
  keys.reserve(sessions.size());
  for (const auto id : sessions) keys.push_back(Coordination::states_key(id));
  db.after_commit([this, keys = std::move(keys)] { wake_.wake(keys); });
}

// What each session should be told of the contacts its profile wants, beside what it was told.
ContactStates::Compared ContactStates::compare_wanted(db::Session& db, std::uint64_t user_id,
                                                      const Watchers& watchers) {
  std::map<std::uint64_t, std::map<std::string, Reach>> told;
  for (const Told& row : stored(db, watchers)) told[row.session_id].emplace(row.number, row.reach);

  std::map<std::uint64_t, std::vector<std::string>> wanted;  // by profile
  std::vector<std::string> numbers;
  std::set<std::string> known;
  for (const auto& [id, watcher] : watchers) {
    if (wanted.contains(watcher.profile_id)) continue;
    const auto& list = wanted[watcher.profile_id] = profiles_.wanted_contacts(db, watcher.profile_id);
    for (const auto& number : list) {
      if (known.insert(number).second) numbers.push_back(number);
    }
  }
  std::map<std::string, Reach> seen;
  in_pieces(numbers, kMaxList, [&](const std::vector<std::string>& piece) {
    const auto views = availability_.views(db, user_id, 0, piece);
    for (std::size_t i = 0; i < piece.size(); ++i) seen[piece[i]] = reach_of(views[i]);
  });

  Compared compared;
  for (const auto& [id, watcher] : watchers) {
    auto& before = told[id];
    for (const auto& number : wanted[watcher.profile_id]) {
      const auto now = seen.at(number);
      const auto row = before.find(number);
      compared.watches.push_back({{id, number, now}, row == before.end() || row->second != now});
      if (row != before.end()) before.erase(row);
    }
    for (const auto& [number, reach] : before) compared.unwanted[id].push_back(number);
  }
  return compared;
}

// How each of these users sees each of these numbers, by as few queries as the two allow.
ContactStates::Seen ContactStates::see(db::Session& db, const Watchers& watchers,
                                       const std::vector<Told>& asked) {
  std::map<std::string, std::set<std::uint64_t>> by_number;
  std::map<std::uint64_t, std::set<std::string>> by_user;
  for (const Told& told : asked) {
    const auto user = watchers.at(told.session_id).user_id;
    by_number[told.number].insert(user);
    by_user[user].insert(told.number);
  }
  Seen seen;
  const auto note = [&](std::uint64_t user, const std::string& number, const availability::View& view) {
    seen[{user, number}] = reach_of(view);
  };
  if (by_number.size() <= by_user.size()) {
    for (const auto& [number, users] : by_number) {
      const std::vector<std::uint64_t> askers(users.begin(), users.end());
      const auto views = availability_.views_by(db, number, askers);
      for (std::size_t i = 0; i < askers.size(); ++i) note(askers[i], number, views[i]);
    }
  } else {
    for (const auto& [user, numbers] : by_user) {
      const std::vector<std::string> list(numbers.begin(), numbers.end());
      const auto views = availability_.views(db, user, 0, list);
      for (std::size_t i = 0; i < list.size(); ++i) note(user, list[i], views[i]);
    }
  }
  return seen;
}

namespace {

const std::string kNextVersion = R"sql(
UPDATE access_session SET state_version = state_version + 1, told_at = UTC_TIMESTAMP(6) WHERE id IN ()sql";
constexpr std::string_view kStoreWatches = R"sql(
INSERT INTO contact_watch (access_session_id, number, told_state, told_offers, version, checked, told_at)
VALUES )sql";
constexpr std::string_view kStoredWatch = "(?,?,?,?,?,0,UTC_TIMESTAMP(6))";
constexpr std::string_view kOverTold = R"sql(
ON DUPLICATE KEY UPDATE told_state = VALUES(told_state), told_offers = VALUES(told_offers), version = VALUES(version), checked = 0, told_at = VALUES(told_at))sql";

}  // namespace

void ContactStates::store(db::Session& db, const Watchers& watchers, const std::vector<Told>& news) {
  std::set<std::uint64_t> sessions;
  for (const Told& told : news) sessions.insert(told.session_id);
  in_pieces(std::vector<std::uint64_t>(sessions.begin(), sessions.end()), kMaxList,
            [&](const std::vector<std::uint64_t>& piece) {
              std::vector<db::Value> args;
              const std::string list = in_list(piece, args);
              db.execute_with(kNextVersion + list + ")", args);
              wake_after(db, piece);
            });
  std::size_t at = 0;
  for (auto size = kListSizes.rbegin(); size != kListSizes.rend(); ++size) {
    for (; news.size() - at >= *size; at += *size) {
      std::string text(kStoreWatches);
      std::vector<db::Value> args;
      for (std::size_t i = 0; i < *size; ++i) {
        const Told& told = news[at + i];
        text.append(i == 0 ? "" : ",").append(kStoredWatch);
        args.insert(args.end(), {told.session_id, told.number, static_cast<int>(told.reach.state),
                                 told.reach.offers, watchers.at(told.session_id).state_version + 1});
      }
      db.execute_with(text.append(kOverTold), args);
    }
  }
}

// One event for all who are told the same, however many they are.
void ContactStates::tell(db::Session& db, const Watchers& watchers, const std::vector<Told>& news) {
  store(db, watchers, news);
  struct Recipients {
    std::set<std::uint64_t> profiles;
    std::vector<std::uint64_t> subscriptions;
  };
  std::map<std::tuple<std::string, Reach, std::string>, Recipients> groups;
  std::set<std::string> numbers;
  for (const Told& told : news) {
    const Watcher& watcher = watchers.at(told.session_id);
    Recipients& recipients = groups[{told.number, told.reach, watcher.profile}];
    if (shows_existence(told.reach.state)) numbers.insert(told.number);
    recipients.profiles.insert(watcher.profile_id);
    recipients.subscriptions.push_back(watcher.subscription_id);
  }
  const ContactNames names = names_of(db, numbers);
  for (const auto& [what, recipients] : groups) {
    const auto& [number, reach, profile] = what;
    const auto name = names.find(number);
    events::NewEvent event;
    event.type = "contact.state";
    event.content = contact_state_content(
        {.profile = profile,
         .contact = number,
         .reach = reach,
         .display_name = name == names.end() || !shows_existence(reach.state) ? std::nullopt
                                                                              : std::optional(name->second)});
    event.state_key = number;
    event.profiles.assign(recipients.profiles.begin(), recipients.profiles.end());
    event.ttl_seconds = kStateLifetime;
    event.wait_for_terminal = false;
    events_.publish_to(db, std::string(kComponent), event, recipients.subscriptions);
  }
}

}  // namespace whitebrick::coordination

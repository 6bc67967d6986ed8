// The log (patent 13.7): what was published, to be read by transmitter, recipients and
// administrators.

#include <algorithm>
#include <chrono>
#include <limits>
#include <set>
#include <string_view>

#include "modules/events/events.hpp"
#include "modules/events/lists.hpp"
#include "modules/events/names.hpp"
#include "modules/events/patterns.hpp"
#include "modules/events/subscriptions.hpp"

namespace whitebrick::events {
namespace {

using Args = std::vector<db::Value>;
using Ids = std::vector<std::uint64_t>;

// What every source of event ids is searched with: (after, last], a period and a type.
struct Window {
  std::uint64_t after = 0, last = 0;
  std::optional<Time> since, until;
  std::optional<std::string> type;
  int limit = 100;
};

// One source of event ids: `from` ends in WHERE and its own condition, whose arguments are `args`;
// the event is `e`.
Ids find_ids(db::Session& db, std::string_view from, Args args, const Window& window) {
  std::string sql = "SELECT STRAIGHT_JOIN e.id AS id ";
  sql += from;
  sql += " AND e.id > ? AND e.id <= ?";
  args.emplace_back(window.after);
  args.emplace_back(window.last);
  if (window.since) {
    sql += " AND e.created_at >= ?";
    args.emplace_back(*window.since);
  }
  if (window.until) {
    sql += " AND e.created_at <= ?";
    args.emplace_back(*window.until);
  }
  if (window.type && window.type->ends_with(".*")) {
    const TypeRange range = range_of(*window.type);
    sql += " AND e.type >= ? AND e.type < ?";
    args.emplace_back(range.first);
    args.emplace_back(range.second);
  } else if (window.type && *window.type != "*") {
    sql += " AND e.type = ?";
    args.emplace_back(*window.type);
  }
  sql += " ORDER BY e.id LIMIT ?";
  args.emplace_back(window.limit);
  return db.query_with(
      sql, [](const db::Row& row) { return row.id("id"); }, args);
}

constexpr std::string_view kFromAll = "FROM event e WHERE TRUE";
constexpr std::string_view kFromTransmitted = "FROM event e WHERE e.service_id = ?";
constexpr std::string_view kFromPending =
    "FROM delivery d JOIN event e ON e.id = d.event_id WHERE d.queue_id = ? AND d.subscription_id = ?";
constexpr std::string_view kFromHistory =
    "FROM delivery_history h JOIN event e ON e.id = h.event_id WHERE h.subscription_id = ?";
constexpr std::string_view kFromTargets =
    "FROM event_target t JOIN event e ON e.id = t.event_id WHERE t.profile_id = ?";

// Ids grow with time but for the length of a transaction, so a period is a range of ids
// with this much to spare.
constexpr std::chrono::seconds kSpare{60};

constexpr std::string_view kSelectEnds = R"sql(
  SELECT COALESCE(MIN(id), 0) AS first, COALESCE(MAX(id), 0) AS last FROM event)sql";

constexpr std::string_view kSelectFrom = R"sql(
  SELECT id, created_at FROM event WHERE id >= ? ORDER BY id LIMIT 1)sql";

struct Ends {
  std::uint64_t first, last;
};

// The first id that is not older, by halving.
std::uint64_t first_since(db::Session& db, Ends ends, Time time) {
  struct Dated {
    std::uint64_t id;
    Time created_at;
  };
  std::uint64_t low = ends.first;
  std::uint64_t high = ends.last + 1;
  while (low < high) {
    const std::uint64_t middle = low + (high - low) / 2;
    const auto next = db.query_one(
        kSelectFrom,
        [](const db::Row& row) {
          return Dated{row.id("id"), row.time("created_at")};
        },
        middle);
    if (!next || next->created_at >= time)
      high = middle;
    else
      low = next->id + 1;
  }
  return low;
}

Window window_of(db::Session& db, const LogQuery& query) {
  Window window{query.after_event_id.value_or(0),
                std::numeric_limits<std::int64_t>::max(),
                query.since,
                query.until,
                query.type,
                query.max_events};
  if (!query.since && !query.until) return window;
  const Ends ends = db.query_one(kSelectEnds, [](const db::Row& row) {
                        return Ends{row.id("first"), row.id("last")};
                      }).value();
  if (query.since) {
    const std::uint64_t first = first_since(db, ends, *query.since - kSpare);
    window.after = std::max(window.after, first == 0 ? 0 : first - 1);
  }
  if (query.until) window.last = first_since(db, ends, *query.until + kSpare);
  return window;
}

constexpr std::string_view kSelectProfiles = R"sql(
  SELECT id FROM profile WHERE user_id = ?)sql";

constexpr std::string_view kSelectTerminals = R"sql(
  SELECT id FROM terminal WHERE user_id = ?)sql";

class Search {
 public:
  Search(db::Session& db, const Window& window) : db_(db), window_(window) {}

  void all() { add(kFromAll, {}); }
  void of_service(std::uint64_t service_id) {
    add(kFromTransmitted, {service_id});
    of_party({PartyKind::kService, service_id});
  }
  void of_user(std::uint64_t user_id) {
    const auto id = [](const db::Row& row) { return row.id("id"); };
    for (const auto profile : db_.query(kSelectProfiles, id, user_id)) add(kFromTargets, {profile});
    for (const auto terminal : db_.query(kSelectTerminals, id, user_id))
      of_party({PartyKind::kTerminal, terminal});
  }
  // The first ones of all sources together.
  Ids found() const {
    Ids ids(found_.begin(), found_.end());
    if (ids.size() > static_cast<std::size_t>(window_.limit))
      ids.resize(static_cast<std::size_t>(window_.limit));
    return ids;
  }

 private:
  void of_party(Party party) {
    for (const SubscriptionRow& row : subscriptions_of(db_, party)) {
      add(kFromPending, {row.queue_id, row.id});
      add(kFromHistory, {row.id});
    }
  }
  void add(std::string_view from, Args args) {
    const Ids ids = find_ids(db_, from, std::move(args), window_);
    found_.insert(ids.begin(), ids.end());
  }

  db::Session& db_;
  const Window& window_;
  std::set<std::uint64_t> found_;
};

constexpr std::string_view kSelectEvents = R"sql(
  SELECT e.id AS id, e.type AS type, e.content AS content, e.created_at AS created_at, e.service_id AS service_id,
         e.component AS component, v.name AS service_name, v.provider AS provider
    FROM event e LEFT JOIN service v ON v.account_id = e.service_id
   WHERE e.id IN ()sql";

std::vector<Event> load_events(db::Session& db, const Ids& ids) {
  std::vector<Event> events;
  in_pieces(ids, [&](std::span<const std::uint64_t> piece) {
    Args args;
    const std::string sql = std::string(kSelectEvents) + in_list(piece, args) + ") ORDER BY e.id";
    const auto some = db.query_with(
        sql,
        [](const db::Row& row) {
          Event event;
          event.id = row.id("id");
          event.type = row.text("type");
          event.content = row.bytes("content").value;
          event.published_at = row.time("created_at");
          event.transmitter.service_id = row.id("service_id");
          event.transmitter.component = row.text_or_null("component").value_or("");
          event.transmitter.service = row.text_or_null("service_name").value_or("");
          event.transmitter.provider = row.text_or_null("provider").value_or("");
          return event;
        },
        args);
    events.insert(events.end(), some.begin(), some.end());
  });
  return events;
}

void name_targets(db::Session& db, std::vector<Event>& events, const TargetReader& reader,
                  const std::function<bool(const Event&)>& which) {
  Ids ids;
  for (const Event& event : events) {
    if (which(event)) ids.push_back(event.id);
  }
  if (ids.empty()) return;
  const TargetNames names = target_names(db, ids, reader);
  for (Event& event : events) {
    const auto [first, last] = names.equal_range(event.id);
    for (auto name = first; name != last; ++name) event.profiles.push_back(name->second);
  }
}

}  // namespace

std::vector<Event> Events::log(db::Session& db, const Caller& caller, const LogQuery& query) {
  const Window window = window_of(db, query);
  Search search(db, window);
  if (caller.role == Role::kAdmin)
    search.all();
  else if (caller.role == Role::kService)
    search.of_service(caller.account_id);
  else if (caller.role == Role::kUser)
    search.of_user(caller.user_id);
  std::vector<Event> events = load_events(db, search.found());
  if (caller.role == Role::kUser) {
    name_targets(db, events, {.service_id = {}, .user_id = caller.user_id},
                 [](const Event&) { return true; });
  } else if (caller.role == Role::kAdmin) {
    name_targets(db, events, {}, [](const Event&) { return true; });
  } else {
    // A transmitter knows whom it addressed, a recipient only its own subscribers.
    const auto own = [&](const Event& event) { return event.transmitter.service_id == caller.account_id; };
    name_targets(db, events, {}, own);
    name_targets(db, events, {.service_id = caller.account_id, .user_id = {}}, std::not_fn(own));
  }
  return events;
}

}  // namespace whitebrick::events

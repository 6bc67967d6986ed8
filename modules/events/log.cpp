// The log (patent 13.7): what was published, to be read by transmitter, recipients and
// administrators.

#include <algorithm>
#include <limits>
#include <set>
#include <string_view>

#include "db/list.hpp"
#include "modules/events/content_size.hpp"
#include "modules/events/event_row.hpp"
#include "modules/events/event_times.hpp"
#include "modules/events/events.hpp"
#include "modules/events/names.hpp"
#include "modules/events/patterns.hpp"
#include "modules/events/subscriptions.hpp"

namespace whitebrick::events {
namespace {

using Args = std::vector<db::Value>;
using Ids = std::vector<std::uint64_t>;

// A call looks at so many events of each source at most, so that its cost does not grow with the log; and at
// so many in all, or a few of each, so that it does not grow with the number of subscriptions either.
constexpr std::size_t kMostLooked = 5000;
constexpr std::size_t kMostLookedInAll = 20'000;
constexpr std::size_t kLeastLooked = 10;
constexpr std::size_t kSourcesAtOnce = 64;

constexpr std::uint64_t kEnd = std::numeric_limits<std::int64_t>::max();

// What every source of event ids is searched with: (after, last], and what selects.
struct Window {
  std::uint64_t after = 0, last = kEnd;
  std::optional<Time> since, until;
  std::optional<std::string> type;
  std::optional<std::uint64_t> transmitter_id;
  std::size_t limit = 100;

  std::size_t most_looked(std::size_t sources) const {
    const std::size_t wanted = selects() ? std::max(kMostLooked, limit) : limit;
    return std::min(wanted, std::max(kLeastLooked, kMostLookedInAll / std::max<std::size_t>(sources, 1)));
  }
  bool selects() const { return since || until || transmitter_id || (type && *type != "*"); }
};

// Of some sources: the first ids that were selected, and up to where it was searched.
struct Part {
  Ids ids;
  std::uint64_t searched = kEnd;
};

// `AND` conditions on the event `e`.
std::string selection(const Window& window, Args& args) {
  std::string sql;
  if (window.since) {
    sql += " AND e.created_at >= ?";
    args.emplace_back(*window.since);
  }
  if (window.until) {
    sql += " AND e.created_at <= ?";
    args.emplace_back(*window.until);
  }
  if (window.transmitter_id) {
    sql += " AND e.service_id = ?";
    args.emplace_back(*window.transmitter_id);
  }
  if (!window.type || *window.type == "*") return sql;
  if (!window.type->ends_with(".*")) {
    args.emplace_back(*window.type);
    return sql + " AND e.type = ?";
  }
  const TypeRange range = range_of(*window.type);
  args.emplace_back(range.first);
  args.emplace_back(range.second);
  return sql + " AND e.type >= ? AND e.type < ?";
}

// The candidates of one source, in the order of their ids: on an index of `key`, if any, and `column`.
struct Source {
  std::string_view table, key, column, also;
};
constexpr Source kAll{"event", "", "id", ""};
constexpr Source kTransmitted{"event", "service_id", "id", ""};
constexpr Source kPending{"delivery", "queue_id", "event_id", " AND subscription_id = ?"};
constexpr Source kDead{"dead_delivery", "queue_id", "event_id", " AND subscription_id = ?"};
constexpr Source kHistory{"delivery_history", "subscription_id", "event_id", ""};
constexpr Source kTargets{"event_target", "profile_id", "event_id", ""};

// `values` are those of the key and of what is asked `also`. An equality for the key would make MariaDB
// read all of its entries from the first one on: two bounds make it begin where the window does.
std::string candidates(const Source& source, const Args& values, const Window& window, std::size_t most,
                       Args& args) {
  const std::string column(source.column), key(source.key);
  std::string sql = column + " AS id FROM " + std::string(source.table) + " WHERE ";
  if (!key.empty()) {
    sql += key + " >= ? AND " + key + " <= ? AND ";
    args.insert(args.end(), {values.at(0), values.at(0)});
  }
  sql.append(column).append(" > ? AND ").append(column).append(" <= ?").append(source.also);
  args.insert(args.end(), {window.after, window.last});
  if (!source.also.empty()) args.push_back(values.at(1));
  sql += " ORDER BY ";
  if (!key.empty()) sql += key + ", ";
  args.emplace_back(most);
  return sql.append(column).append(" LIMIT ?");
}

// Those of several sources of one kind, filled up to a list's size with the last one.
std::string candidates(const Source& source, const std::vector<Args>& values, const Window& window,
                       std::size_t most, Args& args) {
  std::string sql;
  for (std::size_t i = 0; i < db::list_size(values.size()); ++i) {
    sql += i == 0 ? "((SELECT " : ") UNION ALL (SELECT ";
    sql += std::to_string(i) + " AS source, ";
    sql += candidates(source, values[std::min(i, values.size() - 1)], window, most, args);
  }
  return sql + ")) AS c";
}

constexpr std::string_view kSelectFound = R"sql(
  SELECT STRAIGHT_JOIN DISTINCT e.id AS id FROM )sql";
constexpr std::string_view kJoinEvent = R"sql(
    JOIN event e ON e.id = c.id WHERE TRUE)sql";
constexpr std::string_view kCountLooked = R"sql(
  SELECT COUNT(*) AS number, MAX(c.id) AS last FROM )sql";

Part search_sources(db::Session& db, const Source& source, const std::vector<Args>& values,
                    const Window& window, std::size_t most) {
  Args candidate_args;
  const std::string from = candidates(source, values, window, most, candidate_args);
  Args args = candidate_args;
  std::string sql(kSelectFound);
  sql.append(from).append(kJoinEvent).append(selection(window, args)).append(" ORDER BY e.id LIMIT ?");
  args.emplace_back(window.limit);
  Part part;
  part.ids = db.query_with(
      sql, [](const db::Row& row) { return row.id("id"); }, args);
  if (part.ids.size() == window.limit) {
    part.searched = part.ids.back();
    if (values.size() == 1) return part;  // the others may have been searched less far
  }
  db.query_with(
      std::string(kCountLooked).append(from).append(" GROUP BY c.source"),
      [&](const db::Row& row) {
        if (row.id("number") >= most) part.searched = std::min(part.searched, row.id("last"));
        return 0;
      },
      candidate_args);
  return part;
}

Window window_of(db::Session& db, const LogQuery& query) {
  Window window{query.after_event_id.value_or(0),
                kEnd,
                query.since,
                query.until,
                query.type,
                query.transmitter_id,
                static_cast<std::size_t>(query.max_events)};
  if (query.since) {
    const std::uint64_t first = first_event_since(db, *query.since);
    window.after = std::max(window.after, first == 0 ? 0 : first - 1);
  }
  if (query.until) window.last = first_event_after(db, *query.until);
  return window;
}

constexpr std::string_view kSelectProfiles = R"sql(
  SELECT id FROM profile WHERE user_id = ?)sql";

constexpr std::string_view kSelectTerminals = R"sql(
  SELECT id FROM terminal WHERE user_id = ?)sql";

class Search {
 public:
  Search(db::Session& db, const Window& window) : db_(db), window_(window) {}

  void all() {
    if (window_.transmitter_id)
      add(kTransmitted, {{*window_.transmitter_id}});
    else
      add(kAll, {{}});
  }
  void of_service(std::uint64_t service_id) {
    add(kTransmitted, {{service_id}});
    add(party_subscriptions(db_, {PartyKind::kService, service_id}));
  }
  void of_user(std::uint64_t user_id) {
    const auto id = [](const db::Row& row) { return row.id("id"); };
    std::vector<Args> profiles;
    for (const auto profile : db_.query(kSelectProfiles, id, user_id)) profiles.push_back({profile});
    add(kTargets, profiles);
    std::vector<SubscriptionRow> subscriptions;
    for (const auto terminal : db_.query(kSelectTerminals, id, user_id)) {
      const auto some = party_subscriptions(db_, {PartyKind::kTerminal, terminal});
      subscriptions.insert(subscriptions.end(), some.begin(), some.end());
    }
    add(subscriptions);
  }
  // The first ones of all sources together, up to where all were searched.
  Part found() const {
    Part part{{}, searched_};
    for (const std::uint64_t id : found_) {
      if (id > searched_) break;
      part.ids.push_back(id);
      if (part.ids.size() < window_.limit) continue;
      part.searched = id;
      break;
    }
    return part;
  }

 private:
  void add(const std::vector<SubscriptionRow>& subscriptions) {
    std::vector<Args> in_queue, alone;
    for (const SubscriptionRow& row : subscriptions) {
      in_queue.push_back({row.queue_id, row.id});
      alone.push_back({row.id});
    }
    add(kPending, in_queue);
    add(kDead, in_queue);
    add(kHistory, alone);
  }
  void add(const Source& source, const std::vector<Args>& values) {
    const std::size_t most = window_.most_looked(values.size());
    db::in_pieces(values, kSourcesAtOnce, [&](const std::vector<Args>& piece) {
      const Part part = search_sources(db_, source, piece, window_, most);
      found_.insert(part.ids.begin(), part.ids.end());
      searched_ = std::min(searched_, part.searched);
    });
  }

  db::Session& db_;
  const Window& window_;
  std::set<std::uint64_t> found_;
  std::uint64_t searched_ = kEnd;
};

constexpr std::string_view kSelectEvents = R"sql(
  SELECT e.id AS id, e.type AS type, e.content AS content, e.created_at AS created_at, e.service_id AS service_id,
         e.component AS component, v.name AS service_name, v.provider AS provider
    FROM event e LEFT JOIN service v ON v.account_id = e.service_id
   WHERE e.id IN ()sql";

std::vector<Event> load_events(db::Session& db, const Ids& ids) {
  std::vector<Event> events;
  db::in_pieces(ids, db::kMaxList, [&](const std::vector<std::uint64_t>& piece) {
    Args args;
    const std::string sql = std::string(kSelectEvents) + db::in_list(piece, args) + ") ORDER BY e.id";
    const auto some = db.query_with(
        sql,
        [](const db::Row& row) {
          Event event = read_event(row);
          event.id = row.id("id");
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

LogPage Events::log(db::Session& db, const Caller& caller, const LogQuery& query) {
  const Window window = window_of(db, query);
  Search search(db, window);
  if (caller.role == Role::kAdmin)
    search.all();
  else if (caller.role == Role::kService)
    search.of_service(caller.account_id);
  else if (caller.role == Role::kUser)
    search.of_user(caller.user_id);
  Part found = search.found();
  if (const std::size_t fitting = count_fitting(db, found.ids); fitting < found.ids.size()) {
    found.ids.resize(fitting);
    found.searched = found.ids.back();
  }
  LogPage page;
  std::vector<Event>& events = page.events;
  events = load_events(db, found.ids);
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
  page.more = found.searched != kEnd && found.searched < window.last;
  if (page.more)
    page.last_event_id = found.searched;
  else if (!events.empty())
    page.last_event_id = events.back().id;
  return page;
}

}  // namespace whitebrick::events

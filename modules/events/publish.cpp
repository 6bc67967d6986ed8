// Publishing: an event, its targets and one delivery per subscription, stored in the
// publisher's transaction; whoever waits is woken after its commit.

#include <algorithm>
#include <map>
#include <set>
#include <string_view>
#include <tuple>

#include "db/list.hpp"
#include "modules/events/capacity.hpp"
#include "modules/events/coalesce.hpp"
#include "modules/events/events.hpp"
#include "modules/events/fan_out.hpp"
#include "modules/events/lists.hpp"
#include "modules/events/recipients.hpp"
#include "modules/events/waking.hpp"
#include "server/fault.hpp"

namespace whitebrick::events {
namespace {

using Args = std::vector<db::Value>;
using Ids = std::vector<std::uint64_t>;

Ids distinct(Ids ids) {
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return ids;
}

constexpr std::size_t kMostPushes = 1000;          // named to a publisher in one answer
constexpr std::size_t kMostTargets = 2000;         // of all events that a service publishes at once
constexpr std::size_t kMostTargetsNoted = 65'535;  // what the column holds: more is as good

struct TargetRow {
  std::uint64_t event_id;
  std::uint64_t profile_id;
};

constexpr std::string_view kInsertEvents = R"sql(
  INSERT INTO event (type, service_id, component, content, targets, may_wait, created_at, expires_at) VALUES )sql";
constexpr std::string_view kEventRow =
    "(?, ?, ?, ?, ?, ?, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6) + INTERVAL ? SECOND)";

// Ids in the order of the events: rows are made and returned in the order given.
Ids insert_events(db::Session& db, const Source& source, const std::vector<NewEvent>& events) {
  Ids ids;
  Args args;
  for (const std::size_t size : kBlockSizes) {
    while (events.size() - ids.size() >= size) {
      args.clear();
      for (std::size_t i = ids.size(); i < ids.size() + size; ++i) {
        args.emplace_back(events[i].type);
        args.emplace_back(source.service_id);
        args.emplace_back(source.component.empty() ? std::nullopt : std::optional(source.component));
        args.emplace_back(db::Bytes{events[i].content});
        args.emplace_back(std::min(events[i].profiles.size(), kMostTargetsNoted));
        args.emplace_back(events[i].wait_for_terminal);
        args.emplace_back(events[i].ttl_seconds);
      }
      const auto made = db.query_with(
          std::string(kInsertEvents) + repeated(kEventRow, size) + " RETURNING id",
          [](const db::Row& row) { return row.id("id"); }, args);
      ids.insert(ids.end(), made.begin(), made.end());
    }
  }
  return ids;
}

constexpr std::string_view kInsertTargets = R"sql(
  INSERT INTO event_target (event_id, profile_id) VALUES )sql";

constexpr std::string_view kInsertWaiting = R"sql(
  INSERT INTO waiting_event (event_id, profile_id) VALUES )sql";

void insert_targets(db::Session& db, std::string_view insert, const std::vector<TargetRow>& rows) {
  insert_rows(db, insert, "(?, ?)", rows, [](const TargetRow& row, Args& args) {
    args.emplace_back(row.event_id);
    args.emplace_back(row.profile_id);
  });
}

void insert_states(db::Session& db, const Source& source, const std::vector<NewEvent>& events,
                   const Ids& ids) {
  std::vector<StateRow> rows;
  for (std::size_t i = 0; i < events.size(); ++i) {
    if (events[i].state_key.empty()) continue;
    rows.push_back({events[i].state_key, events[i].type, source.service_id, source.component, ids[i]});
  }
  note_states(db, rows);
}

// A component is never refused.
WhenFull when_full(const Source& source) {
  return source.service_id == 0 ? WhenFull::kSuspend : WhenFull::kRefuse;
}

using ByType = std::map<std::string, Recipients>;

// Looked up once for the whole batch.
ByType recipients_by_type(db::Session& db, const Source& source, const std::vector<NewEvent>& events) {
  struct Need {
    bool for_services = false;
    Ids profiles;
  };
  std::map<std::string, Need> needs;
  for (const NewEvent& event : events) {
    Need& need = needs[event.type];
    if (event.profiles.empty()) need.for_services = true;
    need.profiles.insert(need.profiles.end(), event.profiles.begin(), event.profiles.end());
  }
  ByType found;
  for (auto& [type, need] : needs) {
    found.emplace(type,
                  find_recipients(db, type, source.service_id, need.for_services, distinct(need.profiles)));
  }
  return found;
}

// Targets of events that may wait, which no connected terminal hears of. What is fanned out waits later.
std::vector<TargetRow> find_waiting(const ByType& by_type, const std::vector<NewEvent>& events,
                                    const Ids& ids, const std::vector<bool>& behind) {
  std::vector<TargetRow> waiting;
  for (std::size_t i = 0; i < events.size(); ++i) {
    if (!events[i].wait_for_terminal || behind[i]) continue;
    for (const std::uint64_t profile : events[i].profiles) {
      if (!by_type.at(events[i].type).has_terminal(profile)) waiting.push_back({ids[i], profile});
    }
  }
  return waiting;
}

// A service is not told how many terminals are connected (K5).
void count_recipient(const Source& source, const Recipient& recipient, std::size_t& pushes,
                     Published& published) {
  if (source.service_id != 0 && recipient.kind != PartyKind::kService) return;
  ++published.recipients;
  if (recipient.pushed && ++pushes <= kMostPushes) published.pushed.push_back(recipient.subscription_id);
}

std::vector<Recipient> recipients_of(const ByType& by_type, const NewEvent& event) {
  auto to = by_type.at(event.type).of(event.profiles);
  if (!event.for_services)
    std::erase_if(to, [](const Recipient& recipient) { return recipient.kind == PartyKind::kService; });
  return to;
}

bool is_component(const Recipient& recipient) { return recipient.kind == PartyKind::kComponent; }

// Which events are delivered behind the publisher's transaction: one with too many recipients, or all
// of a batch with too many, or of a transmitter that has others under way like this.
std::vector<bool> find_behind(const ByType& by_type, const std::vector<NewEvent>& events, bool busy) {
  std::size_t deliveries = 0;
  std::vector<std::size_t> most;  // of each
  for (const NewEvent& event : events) {
    most.push_back(by_type.at(event.type).most(event.profiles));
    deliveries += most.back();
  }
  std::vector<bool> behind;
  for (std::size_t i = 0; i < events.size(); ++i) {
    const bool alone =
        most[i] > kMostAtOnce || (events[i].profiles.empty() && by_type.at(events[i].type).fan_out);
    behind.push_back(most[i] > 0 && (busy || alone || deliveries > kMostDeliveries));
  }
  return behind;
}

// Of a batch's states, those that a later one of it with the same recipients makes way for.
std::vector<bool> find_overtaken(const std::vector<NewEvent>& events) {
  std::set<std::tuple<std::string, std::string, Ids, bool>> later;
  std::vector<bool> overtaken(events.size());
  for (std::size_t i = events.size(); i-- > 0;) {
    const NewEvent& one = events[i];
    overtaken[i] = !one.state_key.empty() &&
                   !later.emplace(one.type, one.state_key, one.profiles, one.for_services).second;
  }
  return overtaken;
}

// Components are few, and told at once. Answers what is left.
std::vector<Recipient> keep_components(std::vector<Recipient>& to) {
  std::vector<Recipient> others = to;
  std::erase_if(others, is_component);
  std::erase_if(to, [](const Recipient& recipient) { return !is_component(recipient); });
  return others;
}

// `events` have each target once. `busy`: the source has events under way in the fan-out.
std::vector<Published> store(db::Session& db, Wake& wake, const Source& source,
                             const std::vector<NewEvent>& events, bool busy) {
  const Ids ids = insert_events(db, source, events);
  const auto by_type = recipients_by_type(db, source, events);
  const auto behind = find_behind(by_type, events, busy);
  std::vector<TargetRow> targets;
  std::vector<DeliveryRow> deliveries;
  std::vector<Published> published;
  const auto overtaken = find_overtaken(events);
  std::map<std::uint64_t, std::size_t> later;  // deliveries by queue
  Ids later_states;
  std::size_t pushes = 0;
  for (std::size_t i = 0; i < events.size(); ++i) {
    auto to = recipients_of(by_type, events[i]);
    published.push_back({ids[i], 0});
    for (const std::uint64_t profile : events[i].profiles) targets.push_back({ids[i], profile});
    if (behind[i]) {
      if (!events[i].state_key.empty() && !overtaken[i]) later_states.push_back(ids[i]);
      for (const Recipient& recipient : keep_components(to)) {
        if (!overtaken[i]) ++later[recipient.queue_id];
        count_recipient(source, recipient, pushes, published.back());
      }
    }
    for (const Recipient& recipient : to) deliveries.push_back({ids[i], recipient});
  }
  insert_targets(db, kInsertTargets, targets);
  insert_targets(db, kInsertWaiting, find_waiting(by_type, events, ids, behind));
  insert_states(db, source, events, ids);
  deliver(db, deliveries, when_full(source));
  if (when_full(source) == WhenFull::kRefuse) require_room(db, later, later_states, ids.back());
  wake_recipients(db, wake, deliveries);
  auto event = published.begin();
  for (const DeliveryRow& delivery : deliveries) {  // in the order of the events
    while (event->event_id != delivery.event_id) ++event;
    count_recipient(source, delivery.recipient, pushes, *event);
  }
  for (std::size_t i = 0; i < events.size(); ++i) {
    if (!behind[i]) continue;
    if (!events[i].profiles.empty()) {
      fan_out_to_targets(db, wake, ids[i], source, events[i].for_services);
      continue;
    }
    fan_out_by_type(db, wake, ids[i]);
    if (by_type.at(events[i].type).fan_out)
      published[i].recipients += count_general(db, events[i].type, source.service_id);
  }
  return published;
}

NewEvent with_distinct_targets(NewEvent event) {
  event.profiles = distinct(std::move(event.profiles));
  return event;
}

// Answers whether events of the service are under way in the fan-out (is_fanning_out).
bool require_declared(db::Session& db, std::uint64_t service_id, const std::vector<NewEvent>& events) {
  std::set<std::string> types;
  for (const NewEvent& event : events) types.insert(event.type);
  std::map<std::string, bool> declared;  // and live?
  bool busy = false;
  const std::vector<std::string> names(types.begin(), types.end());
  db::in_pieces(names, db::kMaxList, [&](const std::vector<std::string>& piece) {
    Args args{service_id, service_id, service_id};
    const std::string sql = R"sql(
  SELECT type, live,
         EXISTS (SELECT 1 FROM fanout_target f WHERE f.service_id = ?)
         OR EXISTS (SELECT STRAIGHT_JOIN 1 FROM fanout f JOIN event e ON e.id = f.event_id WHERE e.service_id = ?) AS busy
    FROM event_declaration WHERE service_id = ? AND type IN ()sql" +
                            db::in_list(piece, args) + ")";
    db.query_with(
        sql,
        [&](const db::Row& row) {
          busy = row.flag("busy");
          return declared[row.text("type")] = row.flag("live");
        },
        args);
  });
  bool live = false;
  for (const std::string& type : types) {
    if (!declared.contains(type)) {
      throw Fault(FaultCode::EVENT_NOT_DECLARED,
                  "Declare the event type '" + type + "' before publishing it.", "type");
    }
    live = live || declared[type];
  }
  if (!live) throw Fault(FaultCode::NOT_CONNECTED, "Connect the service before it publishes.");
  return busy;
}

void require_few_targets(const std::vector<NewEvent>& events) {
  std::size_t targets = 0;
  for (const NewEvent& event : events) targets += event.profiles.size();
  if (targets > kMostTargets)
    throw Fault(FaultCode::LIMIT_EXCEEDED, "At most 2000 target profiles in all events of a call.",
                "profile");
}

void require_subscribed(db::Session& db, std::uint64_t service_id, const std::vector<NewEvent>& events) {
  Ids profiles;
  for (const NewEvent& event : events)
    profiles.insert(profiles.end(), event.profiles.begin(), event.profiles.end());
  profiles = distinct(std::move(profiles));
  std::size_t subscribed = 0;
  db::in_pieces(profiles, db::kMaxList, [&](const std::vector<std::uint64_t>& piece) {
    Args args{service_id};
    const std::string sql = R"sql(
  SELECT profile_id FROM profile_service WHERE service_id = ? AND profile_id IN ()sql" +
                            db::in_list(piece, args) + ")";
    subscribed += db.query_with(
                        sql, [](const db::Row& row) { return row.id("profile_id"); }, args)
                      .size();
  });
  if (subscribed != profiles.size()) {
    throw Fault(FaultCode::FORBIDDEN, "A target profile does not subscribe to the service.", "profile");
  }
}

}  // namespace

std::vector<Published> Events::publish(db::Session& db, const Caller& service,
                                       const std::vector<NewEvent>& events) {
  if (events.empty()) return {};
  require_few_targets(events);
  std::vector<NewEvent> batch;
  batch.reserve(events.size());
  for (const NewEvent& event : events) batch.push_back(with_distinct_targets(event));
  const bool busy = require_declared(db, service.account_id, batch);
  require_subscribed(db, service.account_id, batch);
  auto published = store(db, wake_, {service.account_id, ""}, batch, busy);
  for (std::size_t i = 0; i < batch.size(); ++i) {
    if (const auto& within = batch[i].respond_within_seconds)
      ask_for_response(db, service.account_id, published[i].event_id, *within);
  }
  return published;
}

Published Events::publish(db::Session& db, const std::string& component, const NewEvent& event) {
  const Source source{0, component};
  return store(db, wake_, source, {with_distinct_targets(event)}, is_fanning_out(db, source)).front();
}

std::size_t Events::publish_about(db::Session& db, const NewEvent& event, const Ids& subscription_ids,
                                  const std::string& type, std::size_t deliveries_before) {
  if (subscription_ids.empty()) return 0;
  const Source source{0, "events"};
  const std::size_t deliveries = deliveries_before + subscription_ids.size();
  if (deliveries > kMostAtOnce || is_fanning_out(db, source)) {
    fan_out_about(db, wake_, insert_events(db, source, {event}).front(), type);
    return 0;
  }
  publish_to(db, source.component, event, subscription_ids);
  return subscription_ids.size();
}

Published Events::publish_to(db::Session& db, const std::string& component, const NewEvent& event,
                             std::span<const std::uint64_t> subscription_ids) {
  const Source source{0, component};
  const NewEvent stored = with_distinct_targets(event);
  const Ids subscriptions = distinct({subscription_ids.begin(), subscription_ids.end()});
  const std::uint64_t id = insert_events(db, source, {stored}).front();
  insert_states(db, source, {stored}, {id});
  if (std::max(subscriptions.size(), stored.profiles.size()) > kMostAtOnce || is_fanning_out(db, source)) {
    fan_out_to(db, wake_, id, source, subscriptions, stored.profiles);
    return {id, subscriptions.size()};
  }
  std::vector<TargetRow> targets;
  for (const std::uint64_t profile : stored.profiles) targets.push_back({id, profile});
  insert_targets(db, kInsertTargets, targets);
  std::vector<DeliveryRow> deliveries;
  for (const Recipient& recipient : recipients_by_id(db, subscriptions))
    deliveries.push_back({id, recipient});
  deliver(db, deliveries, WhenFull::kSuspend);
  wake_recipients(db, wake_, deliveries);
  return {id, deliveries.size()};
}

}  // namespace whitebrick::events

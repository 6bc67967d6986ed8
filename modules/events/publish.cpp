// Publishing: an event, its targets and one delivery per subscription, stored in the
// publisher's transaction; whoever waits is woken after its commit.

#include <algorithm>
#include <map>
#include <set>
#include <string_view>

#include "db/list.hpp"
#include "modules/events/capacity.hpp"
#include "modules/events/coalesce.hpp"
#include "modules/events/events.hpp"
#include "modules/events/lists.hpp"
#include "modules/events/recipients.hpp"
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

constexpr std::size_t kMostPushes = 1000;  // named to a publisher in one answer

struct Source {
  std::uint64_t service_id = 0;
  std::optional<std::string> component;
};

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
        args.emplace_back(source.component);
        args.emplace_back(db::Bytes{events[i].content});
        args.emplace_back(events[i].profiles.size());
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
    rows.push_back(
        {events[i].state_key, events[i].type, source.service_id, source.component.value_or(""), ids[i]});
  }
  note_states(db, rows);
}

// A component is never refused.
WhenFull when_full(const Source& source) { return source.component ? WhenFull::kSuspend : WhenFull::kRefuse; }

void wake_queues(db::Session& db, Wake& wake, const std::vector<DeliveryRow>& rows) {
  std::set<std::uint64_t> queues;
  for (const DeliveryRow& row : rows) queues.insert(row.recipient.queue_id);
  if (queues.empty()) return;
  std::vector<WaitKey> keys;
  const auto pushed = [](const DeliveryRow& row) { return row.recipient.pushed; };
  if (std::any_of(rows.begin(), rows.end(), pushed)) keys.push_back(Events::push_key());
  for (const std::uint64_t queue : queues) keys.push_back(Events::wait_key(queue));
  db.after_commit([&wake, keys = std::move(keys)] { wake.wake(keys); });
}

// Recipients by type, looked up once for the whole batch.
std::map<std::string, Recipients> recipients_by_type(db::Session& db, const Source& source,
                                                     const std::vector<NewEvent>& events) {
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
  std::map<std::string, Recipients> found;
  for (auto& [type, need] : needs) {
    found.emplace(type,
                  find_recipients(db, type, source.service_id, need.for_services, distinct(need.profiles)));
  }
  return found;
}

// Targets of events that may wait, for which no terminal is connected.
std::vector<TargetRow> find_waiting(db::Session& db, const std::vector<NewEvent>& events, const Ids& ids) {
  Ids profiles;
  for (const NewEvent& event : events) {
    if (event.wait_for_terminal)
      profiles.insert(profiles.end(), event.profiles.begin(), event.profiles.end());
  }
  std::vector<TargetRow> waiting;
  if (profiles.empty()) return waiting;
  const Ids connected = distinct(profiles_with_terminal(db, distinct(profiles)));
  for (std::size_t i = 0; i < events.size(); ++i) {
    if (!events[i].wait_for_terminal) continue;
    for (const std::uint64_t profile : events[i].profiles) {
      if (!std::binary_search(connected.begin(), connected.end(), profile))
        waiting.push_back({ids[i], profile});
    }
  }
  return waiting;
}

// Ids of events grow with their place in the batch. A service is not told how many terminals are
// connected (K5).
void count_recipients(const Source& source, const std::vector<DeliveryRow>& deliveries,
                      std::vector<Published>& published) {
  std::size_t pushes = 0;
  for (const DeliveryRow& delivery : deliveries) {
    if (source.service_id != 0 && delivery.recipient.kind != PartyKind::kService) continue;
    const auto event =
        std::lower_bound(published.begin(), published.end(), delivery.event_id,
                         [](const Published& one, std::uint64_t id) { return one.event_id < id; });
    ++event->recipients;
    if (delivery.recipient.pushed && ++pushes <= kMostPushes)
      event->pushed.push_back(delivery.recipient.subscription_id);
  }
}

constexpr std::string_view kInsertFanOut = R"sql(
  INSERT INTO fanout (event_id) VALUES (?))sql";

// Answers how many subscriptions it will reach.
std::uint64_t start_fan_out(db::Session& db, Wake& wake, std::uint64_t event_id, const std::string& type,
                            std::uint64_t service_id) {
  db.execute(kInsertFanOut, event_id);
  db.after_commit([&wake] { wake.wake({Events::fan_out_key()}); });
  return count_general(db, type, service_id);
}

// `events` have each target once.
std::vector<Published> store(db::Session& db, Wake& wake, const Source& source,
                             const std::vector<NewEvent>& events) {
  const Ids ids = insert_events(db, source, events);
  const auto recipients = recipients_by_type(db, source, events);
  std::vector<TargetRow> targets;
  std::vector<DeliveryRow> deliveries;
  for (std::size_t i = 0; i < events.size(); ++i) {
    auto to = recipients.at(events[i].type).of(events[i].profiles);
    if (!events[i].for_services) {
      std::erase_if(to, [](const Recipient& recipient) { return recipient.kind == PartyKind::kService; });
    }
    for (const Recipient& recipient : to) deliveries.push_back({ids[i], recipient});
    for (const std::uint64_t profile : events[i].profiles) targets.push_back({ids[i], profile});
  }
  insert_targets(db, kInsertTargets, targets);
  insert_targets(db, kInsertWaiting, find_waiting(db, events, ids));
  insert_states(db, source, events, ids);
  deliver(db, deliveries, when_full(source));
  wake_queues(db, wake, deliveries);
  std::vector<Published> published;
  for (const std::uint64_t id : ids) published.push_back({id, 0});
  count_recipients(source, deliveries, published);
  for (std::size_t i = 0; i < events.size(); ++i) {
    if (events[i].profiles.empty() && recipients.at(events[i].type).fan_out) {
      published[i].recipients += start_fan_out(db, wake, ids[i], events[i].type, source.service_id);
    }
  }
  return published;
}

NewEvent with_distinct_targets(NewEvent event) {
  event.profiles = distinct(std::move(event.profiles));
  return event;
}

void require_declared(db::Session& db, std::uint64_t service_id, const std::vector<NewEvent>& events) {
  std::set<std::string> types;
  for (const NewEvent& event : events) types.insert(event.type);
  std::map<std::string, bool> declared;  // and live?
  db::in_pieces(std::vector<std::string>(types.begin(), types.end()), db::kMaxList,
                [&](const std::vector<std::string>& piece) {
                  Args args{service_id};
                  const std::string sql = R"sql(
  SELECT type, live FROM event_declaration WHERE service_id = ? AND type IN ()sql" +
                                          db::in_list(piece, args) + ")";
                  db.query_with(
                      sql, [&](const db::Row& row) { return declared[row.text("type")] = row.flag("live"); },
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
  std::vector<NewEvent> batch;
  batch.reserve(events.size());
  for (const NewEvent& event : events) batch.push_back(with_distinct_targets(event));
  require_declared(db, service.account_id, batch);
  require_subscribed(db, service.account_id, batch);
  auto published = store(db, wake_, {service.account_id, std::nullopt}, batch);
  for (std::size_t i = 0; i < batch.size(); ++i) {
    if (const auto& within = batch[i].respond_within_seconds)
      ask_for_response(db, service.account_id, published[i].event_id, *within);
  }
  return published;
}

Published Events::publish(db::Session& db, const std::string& component, const NewEvent& event) {
  return store(db, wake_, {0, component}, {with_distinct_targets(event)}).front();
}

namespace {

std::vector<DeliveryRow> deliveries_to(db::Session& db, std::uint64_t event_id, const Ids& subscription_ids) {
  std::vector<DeliveryRow> rows;
  db::in_pieces(subscription_ids, db::kMaxList, [&](const std::vector<std::uint64_t>& piece) {
    Args args;
    const std::string sql = R"sql(
  SELECT id, queue_id FROM subscription WHERE id IN ()sql" +
                            db::in_list(piece, args) + ")";
    const auto some = db.query_with(
        sql,
        [&](const db::Row& row) {
          return DeliveryRow{event_id, {row.id("id"), row.id("queue_id")}};
        },
        args);
    rows.insert(rows.end(), some.begin(), some.end());
  });
  return rows;
}

}  // namespace

namespace {

constexpr std::string_view kInsertFanOutAbout = R"sql(
  INSERT INTO fanout (event_id, about_type, about_service) VALUES (?, ?, ?))sql";

}  // namespace

void Events::publish_about(db::Session& db, const NewEvent& event, const Ids& subscription_ids,
                           const std::string& type, std::uint64_t service_id) {
  if (subscription_ids.empty()) return;
  if (subscription_ids.size() <= kMostAtOnce) {
    publish_to(db, "events", event, subscription_ids);
    return;
  }
  db.execute(kInsertFanOutAbout, insert_events(db, {0, "events"}, {event}).front(), type, service_id);
  db.after_commit([this] { wake_.wake({fan_out_key()}); });
}

Published Events::publish_to(db::Session& db, const std::string& component, const NewEvent& event,
                             std::span<const std::uint64_t> subscription_ids) {
  const NewEvent stored = with_distinct_targets(event);
  const std::uint64_t id = insert_events(db, {0, component}, {stored}).front();
  std::vector<TargetRow> targets;
  for (const std::uint64_t profile : stored.profiles) targets.push_back({id, profile});
  insert_targets(db, kInsertTargets, targets);
  auto deliveries = deliveries_to(db, id, distinct({subscription_ids.begin(), subscription_ids.end()}));
  insert_states(db, {0, component}, {stored}, {id});
  deliver(db, deliveries, WhenFull::kSuspend);
  wake_queues(db, wake_, deliveries);
  std::vector<Published> published{{id, 0}};
  count_recipients({0, component}, deliveries, published);
  return published.front();
}

}  // namespace whitebrick::events

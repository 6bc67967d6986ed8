#include "modules/events/subscriptions.hpp"

#include <algorithm>
#include <set>
#include <string_view>

#include "db/list.hpp"
#include "modules/events/capacity.hpp"
#include "modules/events/ended.hpp"
#include "modules/events/lists.hpp"
#include "modules/events/patterns.hpp"
#include "modules/events/push.hpp"
#include "server/fault.hpp"

namespace whitebrick::events {
namespace {

constexpr std::size_t kMostPatterns = 1000;

unsigned number(PartyKind kind) { return static_cast<unsigned>(kind); }

SubscriptionRow read_subscription(const db::Row& row) {
  return {row.id("id"),
          row.id("queue_id"),
          {static_cast<PartyKind>(row.number("owner_kind")), row.id("owner_id")},
          row.text("name"),
          row.id_or_null("profile_id"),
          row.id_or_null("transmitter_id")};
}

constexpr std::string_view kSelectSubscription = R"sql(
  SELECT id, queue_id, owner_kind, owner_id, name, profile_id, transmitter_id FROM subscription
   WHERE owner_kind = ? AND owner_id = ? AND name = ?)sql";

constexpr std::string_view kSelectSubscriptions = R"sql(
  SELECT id, queue_id, owner_kind, owner_id, name, profile_id, transmitter_id FROM subscription
   WHERE owner_kind = ? AND owner_id = ? ORDER BY id)sql";

}  // namespace

std::optional<SubscriptionRow> find_subscription(db::Session& db, Party owner, const std::string& name) {
  return db.query_one(kSelectSubscription, read_subscription, number(owner.kind), owner.id, name);
}

std::vector<SubscriptionRow> party_subscriptions(db::Session& db, Party owner) {
  return db.query(kSelectSubscriptions, read_subscription, number(owner.kind), owner.id);
}

void require_patterns(const std::vector<std::string>& patterns) {
  if (patterns.size() > kMostPatterns) {
    throw Fault(FaultCode::LIMIT_EXCEEDED, "At most 1000 event types in one subscription.", "type");
  }
  for (const std::string& pattern : patterns) {
    if (is_pattern(pattern)) continue;
    throw Fault(FaultCode::INVALID_ARGUMENT, "Give an event type, a prefix of types (call.*) or *.", "type");
  }
}

namespace {

constexpr std::string_view kUpdateSubscription = R"sql(
  UPDATE subscription SET queue_id = ?, profile_id = ?, transmitter_id = ? WHERE id = ?)sql";

constexpr std::string_view kInsertSubscription = R"sql(
  INSERT INTO subscription (queue_id, owner_kind, owner_id, name, profile_id, transmitter_id, created_at)
  VALUES (?, ?, ?, ?, ?, ?, UTC_TIMESTAMP(6))
      ON DUPLICATE KEY UPDATE id = LAST_INSERT_ID(id), queue_id = VALUES(queue_id),
         profile_id = VALUES(profile_id), transmitter_id = VALUES(transmitter_id))sql";

}  // namespace

std::uint64_t write_subscription(db::Session& db, const SubscriptionRow& row) {
  if (const auto found = find_subscription(db, row.owner, row.name)) {
    db.execute(kUpdateSubscription, row.queue_id, row.profile_id, row.transmitter_id, found->id);
    return found->id;
  }
  return db.insert(kInsertSubscription, row.queue_id, number(row.owner.kind), row.owner.id, row.name,
                   row.profile_id, row.transmitter_id);
}

namespace {

constexpr std::string_view kSelectPatterns = R"sql(
  SELECT pattern FROM subscription_pattern WHERE subscription_id = ?)sql";

constexpr std::string_view kDeletePattern = R"sql(
  DELETE FROM subscription_pattern WHERE pattern = ? AND subscription_id = ?)sql";

constexpr std::string_view kInsertPatterns = R"sql(
  INSERT IGNORE INTO subscription_pattern (pattern, subscription_id) VALUES )sql";

}  // namespace

void write_patterns(db::Session& db, std::uint64_t subscription_id,
                    const std::vector<std::string>& patterns) {
  const auto stored = db.query(
      kSelectPatterns, [](const db::Row& row) { return row.text("pattern"); }, subscription_id);
  const std::set<std::string> before(stored.begin(), stored.end());
  const std::set<std::string> after(patterns.begin(), patterns.end());
  for (const std::string& pattern : before) {
    if (!after.contains(pattern)) db.execute(kDeletePattern, pattern, subscription_id);
  }
  std::vector<std::string> added;
  std::set_difference(after.begin(), after.end(), before.begin(), before.end(), std::back_inserter(added));
  insert_rows(db, kInsertPatterns, "(?, ?)", added,
              [&](const std::string& pattern, std::vector<db::Value>& args) {
                args.emplace_back(pattern);
                args.emplace_back(subscription_id);
              });
}

namespace {

constexpr std::string_view kOfTypes = R"sql(
  SELECT d.type AS type FROM event_declaration d WHERE d.type IN ()sql";

constexpr std::string_view kOfRange = R"sql(
  SELECT d.type AS type FROM event_declaration d WHERE (d.type >= ? AND d.type < ?)sql";

constexpr std::string_view kHeardOf = R"sql()
     AND d.live = 1 AND d.service_id = COALESCE(?, d.service_id)
     AND (? IS NULL OR EXISTS (SELECT 1 FROM profile_service ps WHERE ps.profile_id = ? AND ps.service_id = d.service_id))
   LIMIT 1)sql";

bool is_heard_of(db::Session& db, std::string sql, std::vector<db::Value> args,
                 const TransmittersHeard& heard) {
  args.insert(args.end(), {heard.transmitter_id, heard.profile_id, heard.profile_id});
  return !db.query_with(
                sql.append(kHeardOf), [](const db::Row& row) { return row.text("type"); }, args)
              .empty();
}

bool is_range_transmitted(db::Session& db, const std::string& pattern, const TransmittersHeard& heard) {
  const TypeRange range = range_of(pattern);
  return is_heard_of(db, std::string(kOfRange), {range.first, range.second}, heard);
}

bool any_type_transmitted(db::Session& db, const std::vector<std::string>& types,
                          const TransmittersHeard& heard) {
  bool any = false;
  db::in_pieces(types, db::kMaxList, [&](const std::vector<std::string>& piece) {
    std::vector<db::Value> args;
    std::string sql = std::string(kOfTypes) + db::in_list(piece, args);
    any = any || is_heard_of(db, std::move(sql), std::move(args), heard);
  });
  return any;
}

constexpr std::string_view kCountDeliveries = R"sql(
  SELECT COUNT(*) AS pending
    FROM (SELECT 1 FROM delivery FORCE INDEX (ix_delivery_subscription)
           WHERE subscription_id = ? AND queue_id = ? LIMIT ?) AS some)sql";

}  // namespace

bool any_transmitted(db::Session& db, const std::vector<std::string>& patterns,
                     const TransmittersHeard& heard) {
  if (!heard.transmitter_id && std::ranges::any_of(patterns, covers_reserved)) return true;
  std::vector<std::string> types, ranges;
  for (const std::string& pattern : patterns) (pattern.ends_with('*') ? ranges : types).push_back(pattern);
  return any_type_transmitted(db, types, heard) || std::ranges::any_of(ranges, [&](const std::string& one) {
           return is_range_transmitted(db, one, heard);
         });
}

Subscription describe(db::Session& db, const SubscriptionRow& row, const std::vector<std::string>& patterns) {
  Subscription described{row.id, row.queue_id, row.name, false, 0};
  described.available = any_transmitted(db, patterns, {row.transmitter_id, row.profile_id});
  described.backlog = db.query_one(
                            kCountDeliveries, [](const db::Row& r) { return r.id("pending"); }, row.id,
                            row.queue_id, kMostBacklog)
                          .value_or(0);
  return described;
}

namespace {

// A subscription that had expired or was suspended collects again.
constexpr std::string_view kConfigureQueue = R"sql(
  UPDATE queue SET lifetime = COALESCE(?, lifetime), max_pending = COALESCE(?, max_pending), state = 0,
         state_at = NULL, held = 0, expires_at = UTC_TIMESTAMP(6) + INTERVAL lifetime SECOND
   WHERE id = ?)sql";

// To be counted against its new limit.
constexpr std::string_view kForgetDepth = R"sql(
  UPDATE queue_depth SET due_event = 0 WHERE queue_id = ?)sql";

}  // namespace

namespace {

constexpr int kMostSubscriptions = 5000;

// Besides the one for answers, which is made where nobody can be refused.
constexpr std::string_view kCountSubscriptions = R"sql(
  SELECT COUNT(*) AS subscriptions FROM subscription WHERE owner_kind = ? AND owner_id = ? AND name <> ?)sql";

void require_few(db::Session& db, Party owner) {
  const auto subscriptions = db.query_one(
      kCountSubscriptions, [](const db::Row& row) { return row.number("subscriptions"); }, number(owner.kind),
      owner.id, std::string(Events::kResponses));
  if (subscriptions.value_or(0) > kMostSubscriptions)
    throw Fault(FaultCode::LIMIT_EXCEEDED, "A service has at most 5,000 subscriptions.", "name");
}

}  // namespace

Subscription Events::subscribe(db::Session& db, Party owner, const SubscriptionRequest& request) {
  require_patterns(request.patterns);
  if (owner.kind == PartyKind::kService && request.name == Events::kTerminals) {
    throw Fault(FaultCode::INVALID_ARGUMENT, "The name 'terminals' means the queue of a portal's terminals.",
                "name");
  }
  SubscriptionRow row{0,
                      open_queue(db, owner, request.name),
                      owner,
                      request.name,
                      request.profile_id,
                      request.transmitter_id};
  row.id = write_subscription(db, row);
  if (owner.kind == PartyKind::kService && request.name != kResponses) require_few(db, owner);
  write_patterns(db, row.id, request.patterns);
  db.execute(kConfigureQueue, request.lifetime_seconds, request.max_pending, row.queue_id);
  if (request.max_pending) db.execute(kForgetDepth, row.queue_id);
  if (owner.kind == PartyKind::kService) write_push(db, *egress_, row, request);
  if (request.push) db.after_commit([this] { wake_.wake({push_key()}); });
  return describe(db, row, request.patterns);
}

namespace {

constexpr std::string_view kRenew = R"sql(
  UPDATE queue SET lifetime = COALESCE(?, lifetime), state = 0, state_at = NULL, held = 0,
         expires_at = UTC_TIMESTAMP(6) + INTERVAL lifetime SECOND
   WHERE id = ?)sql";

constexpr std::string_view kSelectExpiry = R"sql(
  SELECT expires_at FROM queue WHERE id = ?)sql";

}  // namespace

std::optional<Time> Events::renew_subscription(db::Session& db, Party owner, const std::string& name,
                                               std::optional<int> lifetime_seconds) {
  const auto row = find_subscription(db, owner, name);
  if (!row) throw Fault(FaultCode::NOT_FOUND, "The service has no such subscription.", "name");
  db.execute(kRenew, lifetime_seconds, row->queue_id);
  return db
      .query_one(
          kSelectExpiry, [](const db::Row& r) { return r.time_or_null("expires_at"); }, row->queue_id)
      .value_or(std::nullopt);
}

namespace {

constexpr std::string_view kDeleteUnusedQueue = R"sql(
  DELETE q FROM queue q LEFT JOIN subscription s ON s.queue_id = q.id
   WHERE q.owner_kind = ? AND q.owner_id = ? AND q.name = ? AND s.id IS NULL)sql";

}  // namespace

bool Events::unsubscribe(db::Session& db, Party owner, const std::string& name) {
  const auto row = find_subscription(db, owner, name);
  if (!row) return false;
  if (end_subscription(db, *row)) db.after_commit([this] { wake_.wake({waiting_key()}); });
  db.execute(kDeleteUnusedQueue, number(owner.kind), owner.id, name);
  db.after_commit([this, queue = row->queue_id] { wake_.wake({wait_key(queue)}); });  // its poll ends
  return true;
}

}  // namespace whitebrick::events

#include "modules/events/markers.hpp"

#include <string>
#include <string_view>

#include "server/xml_text.hpp"

namespace whitebrick::events {
namespace {

// A portal's queue has many subscriptions: one of them bears it.
constexpr std::string_view kSelectBearer = R"sql(
  SELECT s.id AS id, q.name AS name FROM queue q JOIN subscription s ON s.queue_id = q.id
   WHERE q.id = ? ORDER BY s.id LIMIT 1)sql";

constexpr std::string_view kInsertEvent = R"sql(
  INSERT INTO event (type, service_id, component, content, targets, may_wait, created_at, expires_at)
  VALUES (?, 0, 'events', ?, 0, 0, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6) + INTERVAL 7 DAY))sql";

constexpr std::string_view kInsertDelivery = R"sql(
  INSERT INTO delivery (queue_id, event_id, subscription_id, visible_at) VALUES (?, ?, ?, UTC_TIMESTAMP(6)))sql";

struct Bearer {
  std::uint64_t subscription_id = 0;
  std::string name;
};

}  // namespace

void put_marker(db::Session& db, std::uint64_t queue_id, Marker marker) {
  const auto bearer = db.query_one(
      kSelectBearer,
      [](const db::Row& row) {
        return Bearer{row.id("id"), row.text("name")};
      },
      queue_id);
  if (!bearer) return;
  const bool expired = marker == Marker::kExpired;
  std::vector<XmlField> fields;
  if (!bearer->name.empty()) fields.emplace_back("subscription", bearer->name);
  const std::string content =
      xml_text(expired ? "SubscriptionExpired" : "SubscriptionSuspended", kCatalogueNamespace, fields);
  const std::string type = expired ? "subscription.expired" : "subscription.suspended";
  const auto event = db.insert(kInsertEvent, type, db::Bytes{content});
  db.execute(kInsertDelivery, queue_id, event, bearer->subscription_id);
}

}  // namespace whitebrick::events

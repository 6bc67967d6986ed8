#include "modules/coordination/contact_alerts.hpp"

#include <map>

#include "server/check.hpp"
#include "server/fault.hpp"
#include "server/xml_text.hpp"

namespace whitebrick::coordination {

using availability::Connectability;

struct ContactAlerts::Alert {
  std::uint64_t id = 0, user_id = 0, profile_id = 0;
  std::string number;
  bool once = true, reachable = false;

  static Alert read(const db::Row& row) {
    return {row.id("id"),       row.id("user_id"), row.id("profile_id"),
            row.text("number"), row.flag("once"),  row.flag("reachable")};
  }
};

namespace {

constexpr const char* kComponent = "coordination";
constexpr int kTtl = 3600;  // seconds: after an hour it is no news any more

constexpr std::string_view kRemove = R"sql(
DELETE FROM contact_alert WHERE profile_id = ? AND number = ?)sql";
constexpr std::string_view kCount = R"sql(
SELECT COUNT(*) AS alerts FROM contact_alert WHERE profile_id = ? AND number <> ?)sql";
constexpr std::string_view kPut = R"sql(
INSERT INTO contact_alert (user_id, profile_id, number, once, reachable, until_at, checked_at)
VALUES (?, ?, ?, ?, ?, ?, UTC_TIMESTAMP(6))
ON DUPLICATE KEY UPDATE once = VALUES(once), reachable = VALUES(reachable), until_at = VALUES(until_at),
  checked_at = VALUES(checked_at))sql";

}  // namespace

ContactAlerts::ContactAlerts(availability::Availability& availability, events::Events& events)
    : availability_(availability), events_(events) {}

Connectability ContactAlerts::watch(db::Session& db, const profiles::ProfileKey& asker,
                                    const ContactAlert& alert) {
  const std::string number = profiles::normalise_number(alert.contact, "contact");
  const auto state =
      availability::connectability(availability_.views(db, asker.user_id, 0, {number}).at(0).facts);
  const bool reachable = state == Connectability::kConnectable;
  const bool over = alert.until && *alert.until <= db.now();
  if (over || (reachable && alert.once)) {
    db.execute(kRemove, asker.id, number);
  } else {
    const auto others = db.query_one(
        kCount, [](const db::Row& row) { return row.number("alerts"); }, asker.id, number);
    if (others.value_or(0) >= kMaxPerProfile) {
      throw Fault(FaultCode::LIMIT_EXCEEDED, "at most 1000 contacts are watched for a profile", "contact");
    }
    db.execute(kPut, asker.user_id, asker.id, number, alert.once, reachable, alert.until);
  }
  if (reachable && !over) fire(db, asker.id, number);
  return state;
}

void ContactAlerts::fire(db::Session& db, std::uint64_t profile_id, const std::string& number) {
  events::NewEvent event;
  event.type = "contact.reachable";
  event.content = xml_text("ContactReachable", kCatalogueNamespace, {{"contact", number}});
  event.profiles = {profile_id};
  event.ttl_seconds = kTtl;
  events_.publish(db, kComponent, event);
}

namespace {

constexpr std::string_view kOnNumber = R"sql(
SELECT id, user_id, profile_id, number, once, reachable FROM contact_alert
WHERE number = ? AND (until_at IS NULL OR until_at > UTC_TIMESTAMP(6)) ORDER BY checked_at LIMIT 500)sql";
// Each of these counts once, whoever and however many look.
constexpr std::string_view kDone = R"sql(
DELETE FROM contact_alert WHERE id = ?)sql";
constexpr std::string_view kTurned = R"sql(
UPDATE contact_alert SET reachable = ? WHERE id = ? AND reachable = ?)sql";

}  // namespace

void ContactAlerts::look(db::Session& db, const std::vector<Alert>& alerts) {
  std::map<std::string, std::vector<const Alert*>> by_number;
  for (const auto& alert : alerts) by_number[alert.number].push_back(&alert);
  for (const auto& [number, watching] : by_number) {
    std::vector<std::uint64_t> askers;
    for (const Alert* alert : watching) askers.push_back(alert->user_id);
    const auto views = availability_.views_by(db, number, askers);
    for (std::size_t i = 0; i < watching.size(); ++i) {
      const Alert& alert = *watching[i];
      const bool reachable = availability::connectability(views[i].facts) == Connectability::kConnectable;
      if (reachable == alert.reachable) continue;
      const bool mine = reachable && alert.once ? db.execute(kDone, alert.id) == 1
                                                : db.execute(kTurned, reachable, alert.id, !reachable) == 1;
      if (mine && reachable) fire(db, alert.profile_id, alert.number);
    }
  }
}

namespace {

constexpr std::size_t kChunk = 500;
constexpr std::string_view kUnchecked = R"sql(
SELECT id, user_id, profile_id, number, once, reachable FROM contact_alert
WHERE checked_at < UTC_TIMESTAMP(6) - INTERVAL 30 SECOND ORDER BY checked_at LIMIT 500)sql";
constexpr std::string_view kChecked = R"sql(
UPDATE contact_alert SET checked_at = UTC_TIMESTAMP(6) WHERE id = ?)sql";
constexpr std::string_view kForget = R"sql(
DELETE FROM contact_alert WHERE until_at <= UTC_TIMESTAMP(6) LIMIT 500)sql";

}  // namespace

void ContactAlerts::number_changed(db::Session& db, const std::string& number) {
  look(db, db.query(kOnNumber, Alert::read, number));
}

void ContactAlerts::forget(db::Session& db, std::uint64_t profile_id) {
  constexpr std::string_view kOfProfile = R"sql(
DELETE FROM contact_alert WHERE profile_id = ?)sql";
  db.execute(kOfProfile, profile_id);
}

bool ContactAlerts::check(db::Pool& pool) {
  const auto forgotten = pool.in_transaction([](db::Session& db) { return db.execute(kForget); });
  const auto looked = pool.in_transaction([&](db::Session& db) {
    const auto alerts = db.query(kUnchecked, Alert::read);
    look(db, alerts);
    for (const auto& alert : alerts) db.execute(kChecked, alert.id);
    return alerts.size();
  });
  return forgotten == kChunk || looked == kChunk;
}

}  // namespace whitebrick::coordination

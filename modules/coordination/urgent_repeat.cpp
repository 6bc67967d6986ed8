// What happens to an urgent message after it was sent: told, told again, receipts.

#include "modules/coordination/urgent_contents.hpp"
#include "modules/coordination/urgent_rows.hpp"
#include "server/fault.hpp"

namespace whitebrick::coordination {
namespace {

constexpr const char* kComponent = "coordination";

constexpr std::string_view kFind = R"sql(
SELECT m.id AS id, LOWER(HEX(m.public_id)) AS public_id, m.owner_profile_id AS owner_profile_id,
  m.owner_number AS owner_number, m.sender_profile_id AS sender_profile_id, m.sender_number AS sender_number,
  u.display_name AS sender_name, m.kind AS kind, m.voice_type AS voice_type, m.content AS content,
  m.sent_at AS sent_at, m.repeats AS repeats, m.event_id AS event_id, m.repeat_event_id AS repeat_event_id,
  m.acknowledged_at IS NOT NULL AS acknowledged
FROM urgent_message m LEFT JOIN profile me ON me.id = m.sender_profile_id LEFT JOIN user u ON u.id = me.user_id
WHERE m.id = ?)sql";

}  // namespace

std::optional<UrgentMessages::Stored> UrgentMessages::find(db::Session& db, std::uint64_t id) {
  return db.query_one(
      kFind,
      [](const db::Row& row) {
        Stored stored;
        stored.id = row.id("id");
        stored.public_id = row.text("public_id");
        stored.owner_profile_id = row.id("owner_profile_id");
        stored.owner_number = row.text("owner_number");
        stored.sender_profile_id = row.id("sender_profile_id");
        stored.sender_number = row.text("sender_number");
        stored.sender_name = row.text_or_null("sender_name");
        stored.message = {static_cast<UrgentKind>(row.number("kind")), row.bytes("content").value,
                          row.text_or_null("voice_type")};
        stored.sent_at = row.time("sent_at");
        stored.repeats = static_cast<int>(row.number("repeats"));
        stored.event_ids = {row.id("event_id")};
        if (const auto last = row.id_or_null("repeat_event_id")) stored.event_ids.push_back(*last);
        stored.acknowledged = row.flag("acknowledged");
        return stored;
      },
      id);
}

// Answers the id of the event. Only the first one waits for a terminal: it is enough to be told once.
std::uint64_t UrgentMessages::tell(db::Session& db, const Stored& stored, int repeat) {
  UrgentNews news;
  news.id = stored.public_id;
  news.sender = stored.sender_number;
  news.display_name = stored.sender_name;
  news.repeat = repeat;
  if (stored.message.kind == UrgentKind::kVoice) {
    news.voice_type = stored.message.voice_type;
    news.voice_bytes = stored.message.content.size();
  } else {
    news.text = stored.message.content;
  }
  events::NewEvent event;
  event.type = "urgent.message";
  event.content = urgent_message_content(news);
  event.profiles = {stored.owner_profile_id};
  event.wait_for_terminal = repeat == 0;
  if (repeat > 0) event.ttl_seconds = kRepeatSeconds;
  return events_.publish(db, kComponent, event).event_id;
}

void UrgentMessages::tell_sender(db::Session& db, const Stored& stored, const std::string& status,
                                 const std::optional<std::string>& terminal) {
  events::NewEvent event;
  event.type = "urgent.receipt";
  event.content = urgent_receipt_content({stored.public_id, stored.owner_number, status, terminal});
  event.profiles = {stored.sender_profile_id};
  events_.publish(db, kComponent, event);
}

namespace {

constexpr std::size_t kChunk = 100;
// Only to terminals that are there, so that none is spent on nobody. Who has just come was told by the
// message that waited for him.
constexpr std::string_view kToRepeat = R"sql(
SELECT m.id AS id FROM urgent_message m WHERE m.repeat_at <= UTC_TIMESTAMP(6) AND EXISTS (
  SELECT 1 FROM access_session a
  WHERE a.profile_id = m.owner_profile_id AND a.opened_at <= UTC_TIMESTAMP(6) - INTERVAL ? SECOND)
ORDER BY m.repeat_at LIMIT 100)sql";
// Who repeats it names the repetition: of two, one does.
constexpr std::string_view kRepeat = R"sql(
UPDATE urgent_message SET repeats = repeats + 1,
  repeat_at = IF(repeats >= ?, NULL, UTC_TIMESTAMP(6) + INTERVAL ? SECOND)
WHERE id = ? AND repeats = ? AND acknowledged_at IS NULL AND repeat_at <= UTC_TIMESTAMP(6))sql";
constexpr std::string_view kSetRepeat = R"sql(
UPDATE urgent_message SET repeat_event_id = ? WHERE id = ?)sql";
constexpr std::string_view kToLook = R"sql(
SELECT id FROM urgent_message WHERE look_at <= UTC_TIMESTAMP(6) ORDER BY look_at LIMIT 100)sql";
constexpr std::string_view kLookLater = R"sql(
UPDATE urgent_message
SET look_at = UTC_TIMESTAMP(6) + INTERVAL LEAST(60, 2 + TIMESTAMPDIFF(SECOND, sent_at, UTC_TIMESTAMP(6)) DIV 10) SECOND
WHERE id = ? AND look_at IS NOT NULL)sql";
constexpr std::string_view kLookNoMore = R"sql(
UPDATE urgent_message SET look_at = NULL WHERE id = ?)sql";
constexpr std::string_view kNotified = R"sql(
UPDATE urgent_message SET notified = 1, look_at = NULL WHERE id = ? AND notified = 0)sql";
// A few at a time: each can hold 765 KiB.
constexpr std::size_t kFew = 10;
constexpr std::string_view kForget = R"sql(
DELETE FROM urgent_message WHERE sent_at < UTC_TIMESTAMP(6) - INTERVAL 30 DAY LIMIT 10)sql";
constexpr std::string_view kRemoved = R"sql(
SELECT profile_id FROM urgent_removal LIMIT 1)sql";
constexpr std::string_view kForgetOfRemoved = R"sql(
DELETE FROM urgent_message WHERE owner_profile_id = ? LIMIT 10)sql";
constexpr std::string_view kAllForgotten = R"sql(
DELETE FROM urgent_removal WHERE profile_id = ?)sql";

}  // namespace

void UrgentMessages::repeat_one(db::Session& db, std::uint64_t id) {
  const auto stored = find(db, id);
  if (!stored || stored->acknowledged) return;
  // The assignments run from left to right: the second sees the count after this one.
  if (db.execute(kRepeat, kMaxRepeats, kRepeatSeconds, id, stored->repeats) == 0) return;
  db.execute(kSetRepeat, tell(db, *stored, stored->repeats + 1), id);
}

// The receipt that a terminal has it comes from the log of events: the first delivery that a
// terminal acknowledged.
void UrgentMessages::look_for_terminal(db::Session& db, std::uint64_t id) {
  const auto stored = find(db, id);
  if (!stored) return;
  Caller log_reader;
  log_reader.role = Role::kAdmin;
  std::vector<events::Delivery> deliveries;
  try {
    for (const auto event_id : stored->event_ids) {
      const auto some = events_.deliveries(db, log_reader, event_id).deliveries;
      deliveries.insert(deliveries.end(), some.begin(), some.end());
    }
  } catch (const Fault&) {  // the log has forgotten the event
    db.execute(kLookNoMore, id);
    return;
  }
  for (const auto& delivery : deliveries) {
    if (delivery.recipient_kind != events::PartyKind::kTerminal || !delivery.notified) continue;
    if (db.execute(kNotified, id) == 0) return;
    const auto slash = delivery.recipient.find('/');
    tell_sender(db, *stored, "NOTIFIED", delivery.recipient.substr(slash + 1));
    return;
  }
  db.execute(kLookLater, id);
}

void UrgentMessages::forget(db::Session& db, std::uint64_t profile_id) {
  constexpr std::string_view kPermissionsOfProfile = R"sql(
DELETE FROM urgent_permission WHERE owner_profile_id = ?)sql";
  constexpr std::string_view kLeaveMessagesToJob = R"sql(
INSERT IGNORE INTO urgent_removal (profile_id)
SELECT owner_profile_id FROM urgent_message WHERE owner_profile_id = ? LIMIT 1)sql";
  db.execute(kPermissionsOfProfile, profile_id);
  db.execute(kLeaveMessagesToJob, profile_id);
}

bool UrgentMessages::forget_some(db::Session& db) {
  const auto removed = db.query_one(kRemoved, [](const db::Row& row) { return row.id("profile_id"); });
  if (removed && db.execute(kForgetOfRemoved, *removed) < kFew) db.execute(kAllForgotten, *removed);
  return db.execute(kForget) == kFew || removed;
}

bool UrgentMessages::repeat(db::Pool& pool) {
  auto lease = pool.lease();
  const auto read = [](const db::Row& row) { return row.id("id"); };
  const auto to_repeat = lease.session().query(kToRepeat, read, kRepeatSeconds);
  for (const auto id : to_repeat) {
    lease.in_transaction([&](db::Session& db) { repeat_one(db, id); });
  }
  for (const auto id : lease.session().query(kToLook, read)) {
    lease.in_transaction([&](db::Session& db) { look_for_terminal(db, id); });
  }
  const bool more = lease.in_transaction([&](db::Session& db) { return forget_some(db); });
  return more || to_repeat.size() == kChunk;
}

}  // namespace whitebrick::coordination

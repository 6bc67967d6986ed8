// Urgent messages: who may send, sending, reading.

#include "modules/coordination/urgent.hpp"

#include "modules/coordination/session_id.hpp"
#include "modules/coordination/urgent_rows.hpp"
#include "server/check.hpp"
#include "server/fault.hpp"

namespace whitebrick::coordination {
namespace {

constexpr std::string_view kAllow = R"sql(
INSERT INTO urgent_permission (owner_profile_id, number, voice, written, rate_per_hour, until_at)
VALUES (?, ?, ?, ?, ?, ?)
ON DUPLICATE KEY UPDATE voice = VALUES(voice), written = VALUES(written), rate_per_hour = VALUES(rate_per_hour),
  until_at = VALUES(until_at), version = version + 1)sql";
constexpr std::string_view kOthers = R"sql(
SELECT COUNT(*) AS others FROM urgent_permission WHERE owner_profile_id = ? AND number <> ?)sql";
constexpr std::string_view kRevoke = R"sql(
DELETE FROM urgent_permission WHERE owner_profile_id = ? AND number = ?)sql";

}  // namespace

UrgentMessages::UrgentMessages(profiles::Profiles& profiles, events::Events& events)
    : profiles_(profiles), events_(events) {}

bool UrgentMessages::allow(db::Session& db, const profiles::ProfileKey& owner,
                           const UrgentPermission& permission) {
  const std::string number = profiles::normalise_number(permission.contact, "contact");
  check::range(permission.rate_per_hour, 1, 1000, "ratePerHour");
  const bool revoked =
      (!permission.voice && !permission.written) || (permission.until && *permission.until <= db.now());
  if (revoked) {
    db.execute(kRevoke, owner.id, number);
    return false;
  }
  const auto others = db.query_one(
      kOthers, [](const db::Row& row) { return row.number("others"); }, owner.id, number);
  if (others.value_or(0) >= kMaxPermissions) {
    throw Fault(FaultCode::LIMIT_EXCEEDED, "at most 1000 contacts may send to a profile", "contact");
  }
  db.execute(kAllow, owner.id, number, permission.voice, permission.written, permission.rate_per_hour,
             permission.until);
  return true;
}

namespace {

constexpr std::string_view kPermissions = R"sql(
SELECT p.name AS profile, w.number AS number, w.voice AS voice, w.written AS written, w.until_at AS until_at,
  w.rate_per_hour AS rate_per_hour,
  (SELECT COUNT(*) FROM profile me JOIN urgent_message m ON m.owner_profile_id = w.owner_profile_id
     AND m.sender_profile_id = me.id AND m.sent_at > UTC_TIMESTAMP(6) - INTERVAL 1 HOUR
   WHERE me.contact_number = w.number) AS sent
FROM profile p JOIN urgent_permission w ON w.owner_profile_id = p.id
WHERE p.user_id = ? AND (? IS NULL OR p.id = ?) AND (w.until_at IS NULL OR w.until_at > UTC_TIMESTAMP(6))
ORDER BY p.name, w.number LIMIT 1000)sql";

}  // namespace

std::vector<HeldPermission> UrgentMessages::permissions(db::Session& db, std::uint64_t user_id,
                                                        std::optional<std::uint64_t> profile_id) {
  return db.query(
      kPermissions,
      [](const db::Row& row) {
        return HeldPermission{.profile = row.text("profile"),
                              .permission = {.contact = row.text("number"),
                                             .voice = row.flag("voice"),
                                             .written = row.flag("written"),
                                             .until = row.time_or_null("until_at"),
                                             .rate_per_hour = static_cast<int>(row.number("rate_per_hour"))},
                              .sent_last_hour = static_cast<int>(row.number("sent"))};
      },
      user_id, profile_id, profile_id);
}

namespace {

constexpr std::string_view kMaySend = R"sql(
SELECT w.id AS id, p.id AS owner_profile_id, p.user_id AS owner_user_id, me.id AS sender_profile_id,
  me.contact_number AS sender_number, w.rate_per_hour AS rate_per_hour
FROM profile p JOIN urgent_permission w ON w.owner_profile_id = p.id
  JOIN profile me ON me.contact_number = w.number AND me.user_id = ? AND (? = 0 OR me.id = ?)
WHERE p.contact_number = ? AND IF(? = 1, w.voice, w.written) = 1
  AND (w.until_at IS NULL OR w.until_at > UTC_TIMESTAMP(6))
ORDER BY w.id LIMIT 1)sql";
// Two messages at once meet here, on any node: the count below sees what the other one stored.
constexpr std::string_view kUsePermission = R"sql(
UPDATE urgent_permission SET version = version + 1 WHERE id = ?)sql";
constexpr std::string_view kSentLately = R"sql(
SELECT COUNT(*) AS sent,
  COALESCE(TIMESTAMPDIFF(SECOND, UTC_TIMESTAMP(6), MIN(sent_at) + INTERVAL 1 HOUR), 0) AS seconds_left
FROM urgent_message
WHERE owner_profile_id = ? AND sender_profile_id = ? AND sent_at > UTC_TIMESTAMP(6) - INTERVAL 1 HOUR)sql";
constexpr std::string_view kInsertMessage = R"sql(
INSERT INTO urgent_message (public_id, owner_profile_id, owner_user_id, owner_number, sender_profile_id, sender_number,
  kind, voice_type, content, sent_at, repeat_at, event_id, look_at)
VALUES (UNHEX(?), ?, ?, ?, ?, ?, ?, ?, ?, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6) + INTERVAL ? SECOND, 0,
  UTC_TIMESTAMP(6)))sql";
constexpr std::string_view kSetEvent = R"sql(
UPDATE urgent_message SET event_id = ? WHERE id = ?)sql";

struct Permission {
  std::uint64_t id, owner_profile_id, owner_user_id, sender_profile_id;
  std::string sender_number;
  std::uint64_t rate_per_hour;
};

void demand_rate(db::Session& db, const Permission& permission) {
  struct Lately {
    std::uint64_t sent;
    std::int64_t seconds_left;
  };
  db.execute(kUsePermission, permission.id);
  const auto lately = db.query_one(
                            kSentLately,
                            [](const db::Row& row) {
                              return Lately{row.id("sent"), row.number("seconds_left")};
                            },
                            permission.owner_profile_id, permission.sender_profile_id)
                          .value();
  if (lately.sent < permission.rate_per_hour) return;
  throw Fault(FaultCode::LIMIT_EXCEEDED, "more urgent messages an hour than the contact allows", "contact")
      .retry_after(static_cast<int>(std::max<std::int64_t>(1, lately.seconds_left)));
}

}  // namespace

std::string UrgentMessages::send(db::Session& db, const profiles::ProfileKey& sender,
                                 const std::string& contact, const UrgentContent& message) {
  const std::string number = profiles::normalise_number(contact, "contact");
  const bool voice = message.kind == UrgentKind::kVoice;
  if (voice && message.content.size() > kMaxVoice) {
    throw Fault(FaultCode::LIMIT_EXCEEDED, "more speech than one message holds", "voice");
  }
  if (!voice) check::filled(message.content, check::kMaxText, "text");
  const auto permission = db.query_one(
      kMaySend,
      [](const db::Row& row) {
        return Permission{row.id("id"),
                          row.id("owner_profile_id"),
                          row.id("owner_user_id"),
                          row.id("sender_profile_id"),
                          row.text("sender_number"),
                          row.id("rate_per_hour")};
      },
      sender.user_id, sender.id, sender.id, number, static_cast<int>(message.kind));
  if (!permission) {
    throw Fault(FaultCode::FORBIDDEN, "the contact has not allowed you to send this urgently", "contact");
  }
  demand_rate(db, *permission);

  const std::string public_id = random_session_id();
  const auto id =
      db.insert(kInsertMessage, public_id, permission->owner_profile_id, permission->owner_user_id, number,
                permission->sender_profile_id, permission->sender_number, static_cast<int>(message.kind),
                message.voice_type, db::Bytes{message.content}, kRepeatSeconds);
  const Stored stored = find(db, id).value();
  db.execute(kSetEvent, tell(db, stored, 0), id);
  tell_sender(db, stored, "STORED", std::nullopt);
  return public_id;
}

namespace {

constexpr std::string_view kOfUser = R"sql(
SELECT id FROM urgent_message WHERE public_id = UNHEX(?) AND owner_user_id = ?)sql";
constexpr std::string_view kAcknowledge = R"sql(
UPDATE urgent_message SET acknowledged_at = UTC_TIMESTAMP(6), repeat_at = NULL, look_at = NULL
WHERE id = ? AND acknowledged_at IS NULL)sql";

std::uint64_t find_of_user(db::Session& db, const Caller& caller, const std::string& id) {
  const auto found = db.query_one(
      kOfUser, [](const db::Row& row) { return row.id("id"); }, id, caller.user_id);
  if (!found) throw Fault(FaultCode::NOT_FOUND, "no such urgent message", "urgentId");
  return *found;
}

}  // namespace

UrgentMessage UrgentMessages::get(db::Session& db, const Caller& caller, const std::string& id) {
  Stored stored = find(db, find_of_user(db, caller, id)).value();
  return {stored.public_id, stored.sender_number, std::move(stored.message), stored.sent_at,
          stored.acknowledged};
}

bool UrgentMessages::acknowledge(db::Session& db, const Caller& caller, const std::string& id) {
  const auto row = find_of_user(db, caller, id);
  if (db.execute(kAcknowledge, row) == 0) return false;
  tell_sender(db, find(db, row).value(), "READ", std::nullopt);
  return true;
}

}  // namespace whitebrick::coordination

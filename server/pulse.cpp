#include "server/pulse.hpp"

#include <string_view>

#include "server/log.hpp"

namespace whitebrick {
namespace {

constexpr std::string_view kSelectOutage = R"sql(
  SELECT COALESCE(MAX(beat_at) < UTC_TIMESTAMP(6) - INTERVAL 10 SECOND, 0) AS outage FROM db_pulse)sql";

constexpr std::string_view kStamp = R"sql(
  INSERT INTO db_pulse (replica, beat_at, no_expire_before)
  VALUES (?, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6))
  ON DUPLICATE KEY UPDATE beat_at = UTC_TIMESTAMP(6))sql";

constexpr std::string_view kStampAndGrant = R"sql(
  INSERT INTO db_pulse (replica, beat_at, no_expire_before)
  VALUES (?, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6) + INTERVAL ? SECOND)
  ON DUPLICATE KEY UPDATE beat_at = VALUES(beat_at), no_expire_before = VALUES(no_expire_before))sql";

// One that has never been stamped has no outage behind it.
constexpr std::string_view kSelectAllowed = R"sql(
  SELECT COALESCE(MAX(no_expire_before) <= UTC_TIMESTAMP(6)
                  AND MAX(beat_at) >= UTC_TIMESTAMP(6) - INTERVAL 10 SECOND, 1) AS allowed
    FROM db_pulse)sql";

}  // namespace

void beat(db::Pool& pool, const std::string& replica, std::chrono::seconds credit) {
  pool.in_transaction([&](db::Session& db) {
    const bool outage =
        db.query_one(kSelectOutage, [](const db::Row& row) { return row.flag("outage"); }).value();
    if (outage) {
      db.execute(kStampAndGrant, replica, credit.count());
      db.after_commit([&] {
        log::warning("leases.extended", {{"seconds", std::to_string(credit.count())}});
      });
    } else {
      db.execute(kStamp, replica);
    }
  });
}

bool leases_may_expire(db::Session& db) {
  return db.query_one(kSelectAllowed, [](const db::Row& row) { return row.flag("allowed"); }).value();
}

}  // namespace whitebrick

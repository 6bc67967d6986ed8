#include "modules/identity/throttle.hpp"

#include <algorithm>
#include <string_view>

#include "modules/identity/attempts.hpp"
#include "modules/identity/secret.hpp"
#include "server/digest.hpp"
#include "server/fault.hpp"

namespace whitebrick::identity {
namespace {

constexpr std::uint64_t kChunk = 1000;

db::Bytes account_subject(const std::string& account) { return {sha256("account:" + account)}; }
db::Bytes source_subject(const std::string& source) { return {sha256("source:" + source_group(source))}; }
// The length keeps two pairs from being one text.
db::Bytes pair_subject(const std::string& account, const std::string& source) {
  return {sha256("pair:" + std::to_string(account.size()) + ':' + account + source_group(source))};
}

db::Options few_connections(db::Options options) {
  options.connections = 2;
  return options;
}

Fault too_many(std::int64_t seconds) {
  return Fault(FaultCode::TOO_MANY_ATTEMPTS, "too many wrong passwords; wait before trying again")
      .retry_after(static_cast<int>(std::max<std::int64_t>(seconds, 0)) + 1);
}

// The failure which, with those after it, makes the limit full: when it is old, one more may be tried.
constexpr std::string_view kSecondsUntilFree = R"sql(
  SELECT TIMESTAMPDIFF(SECOND, UTC_TIMESTAMP(6), failed_at + INTERVAL 15 MINUTE) AS seconds
    FROM login_failure
   WHERE subject = ? AND failed_at > UTC_TIMESTAMP(6) - INTERVAL 15 MINUTE
   ORDER BY failed_at DESC LIMIT 1 OFFSET ?)sql";

std::optional<std::int64_t> seconds_until_free(db::Session& db, const db::Bytes& subject, int limit) {
  return db.query_one(
      kSecondsUntilFree, [](const db::Row& row) { return row.number("seconds"); }, subject, limit - 1);
}

constexpr std::string_view kSelectFailures = R"sql(
  SELECT COUNT(*) AS failures,
         COALESCE(TIMESTAMPDIFF(MICROSECOND, MAX(failed_at), UTC_TIMESTAMP(6)), 0) AS since
    FROM login_failure
   WHERE subject = ? AND failed_at > UTC_TIMESTAMP(6) - INTERVAL 15 MINUTE)sql";

std::optional<std::int64_t> seconds_of_pause(db::Session& db, const db::Bytes& account) {
  using std::chrono::microseconds;
  const auto left = db.query_one(
      kSelectFailures,
      [](const db::Row& row) {
        return pause_after(static_cast<int>(row.number("failures"))) - microseconds(row.number("since"));
      },
      account);
  if (!left || *left <= microseconds::zero()) return std::nullopt;
  return std::chrono::duration_cast<std::chrono::seconds>(*left).count();
}

constexpr std::string_view kSelectSuccess = R"sql(
  SELECT succeeded_at > UTC_TIMESTAMP(6) - INTERVAL 1 DAY AS is_new FROM login_success
   WHERE subject = ? AND succeeded_at > UTC_TIMESTAMP(6) - INTERVAL 30 DAY)sql";

// Whether the account has logged in from there within 30 days; then, whether within a day.
std::optional<bool> success(db::Session& db, const db::Bytes& pair) {
  return db.query_one(
      kSelectSuccess, [](const db::Row& row) { return row.flag("is_new"); }, pair);
}

}  // namespace

Throttle::Throttle(const db::Pool& pool) : pool_(few_connections(pool.options())) {}

void Throttle::check(db::Session& db, const std::string& account, const std::string& source) const {
  const db::Bytes pair = pair_subject(account, source);
  if (const auto seconds = seconds_until_free(db, pair, kAttemptsPerPair)) throw too_many(*seconds);
  auto seconds = seconds_of_pause(db, account_subject(account));
  if (!source.empty()) {
    seconds = std::max(seconds, seconds_until_free(db, source_subject(source), kAttemptsPerSource));
  }
  if (seconds && !success(db, pair)) throw too_many(*seconds);
}

namespace {
constexpr std::string_view kInsertFailure = R"sql(
  INSERT INTO login_failure (subject, failed_at) VALUES (?, UTC_TIMESTAMP(6)))sql";

constexpr std::string_view kPutSuccess = R"sql(
  INSERT INTO login_success (subject, succeeded_at) VALUES (?, UTC_TIMESTAMP(6))
  ON DUPLICATE KEY UPDATE succeeded_at = UTC_TIMESTAMP(6))sql";
}  // namespace

void Throttle::record_failure(const std::string& account, const std::string& source) {
  pool_.in_transaction([&](db::Session& db) {
    db.execute(kInsertFailure, pair_subject(account, source));
    db.execute(kInsertFailure, account_subject(account));
    if (!source.empty()) db.execute(kInsertFailure, source_subject(source));
  });
}

void Throttle::record_success(db::Session& db, const std::string& account, const std::string& source) {
  const db::Bytes pair = pair_subject(account, source);
  if (success(db, pair).value_or(false)) return;
  pool_.in_transaction([&](db::Session& own) { own.execute(kPutSuccess, pair); });
}

namespace {
constexpr std::string_view kDeleteOldFailures = R"sql(
  DELETE FROM login_failure WHERE failed_at < UTC_TIMESTAMP(6) - INTERVAL 1 HOUR ORDER BY failed_at LIMIT 1000)sql";

constexpr std::string_view kDeleteOldSuccesses = R"sql(
  DELETE FROM login_success WHERE succeeded_at < UTC_TIMESTAMP(6) - INTERVAL 30 DAY
   ORDER BY succeeded_at LIMIT 1000)sql";
}  // namespace

bool Throttle::forget_old(db::Session& db) {
  const bool more_failures = db.execute(kDeleteOldFailures) == kChunk;
  const bool more_successes = db.execute(kDeleteOldSuccesses) == kChunk;
  return more_failures || more_successes;
}

}  // namespace whitebrick::identity

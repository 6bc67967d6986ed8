#include "modules/identity/throttle.hpp"

#include <algorithm>
#include <string_view>

#include "modules/identity/secret.hpp"
#include "server/fault.hpp"

namespace whitebrick::identity {
namespace {

constexpr int kPerAccount = 10;
constexpr int kPerSource = 100;
constexpr std::uint64_t kChunk = 1000;

db::Bytes account_subject(const std::string& account) { return {sha256("account:" + account)}; }
db::Bytes source_subject(const std::string& source) { return {sha256("source:" + source)}; }

db::Options few_connections(db::Options options) {
  options.connections = 2;
  return options;
}

// The failure which, with those after it, makes the limit full: when it is old, one more may be tried.
constexpr std::string_view kSecondsUntilFree = R"sql(
  SELECT TIMESTAMPDIFF(SECOND, UTC_TIMESTAMP(6), failed_at + INTERVAL 15 MINUTE) AS seconds
    FROM login_failure
   WHERE subject = ? AND failed_at > UTC_TIMESTAMP(6) - INTERVAL 15 MINUTE
   ORDER BY failed_at DESC LIMIT 1 OFFSET ?)sql";

void check_subject(db::Session& db, const db::Bytes& subject, int limit) {
  const auto seconds = db.query_one(
      kSecondsUntilFree, [](const db::Row& row) { return row.number("seconds"); }, subject, limit - 1);
  if (!seconds) return;
  throw Fault(FaultCode::TOO_MANY_ATTEMPTS, "too many wrong passwords; wait before trying again")
      .retry_after(static_cast<int>(std::max<std::int64_t>(*seconds, 0)) + 1);
}

}  // namespace

Throttle::Throttle(const db::Pool& pool) : pool_(few_connections(pool.options())) {}

void Throttle::check(db::Session& db, const std::string& account, const std::string& source) const {
  check_subject(db, account_subject(account), kPerAccount);
  if (!source.empty()) check_subject(db, source_subject(source), kPerSource);
}

namespace {
constexpr std::string_view kInsertFailure = R"sql(
  INSERT INTO login_failure (subject, failed_at) VALUES (?, UTC_TIMESTAMP(6)))sql";
}  // namespace

void Throttle::record_failure(const std::string& account, const std::string& source) {
  pool_.in_transaction([&](db::Session& db) {
    db.execute(kInsertFailure, account_subject(account));
    if (!source.empty()) db.execute(kInsertFailure, source_subject(source));
  });
}

namespace {
constexpr std::string_view kDeleteOldFailures = R"sql(
  DELETE FROM login_failure WHERE failed_at < UTC_TIMESTAMP(6) - INTERVAL 1 HOUR ORDER BY failed_at LIMIT 1000)sql";
}  // namespace

bool Throttle::forget_old(db::Session& db) { return db.execute(kDeleteOldFailures) == kChunk; }

}  // namespace whitebrick::identity

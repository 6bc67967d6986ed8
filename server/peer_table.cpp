#include "server/peer_table.hpp"

#include <openssl/rand.h>

namespace whitebrick {

namespace {
constexpr std::string_view kInsertSecret = R"sql(
INSERT IGNORE INTO cluster_secret (id, secret) VALUES (1, ?))sql";
constexpr std::string_view kReadSecret = R"sql(
SELECT secret FROM cluster_secret WHERE id = 1)sql";
}  // namespace

std::string cluster_secret(db::Pool& pool) {
  std::string fresh(32, '\0');
  if (RAND_bytes(reinterpret_cast<unsigned char*>(fresh.data()), static_cast<int>(fresh.size())) != 1) {
    throw db::Error(0, "no random bytes for the cluster secret");
  }
  const auto read = [](const db::Row& row) { return row.bytes("secret").value; };
  auto lease = pool.lease();
  auto stored = lease.session().query_one(kReadSecret, read);
  if (stored) return *stored;
  lease.in_transaction([&](db::Session& session) { session.execute(kInsertSecret, db::Bytes{fresh}); },
                       db::OnUnknownCommit::kRetry);
  stored = lease.session().query_one(kReadSecret, read);
  if (!stored) throw db::Error(0, "the cluster secret cannot be read back");
  return *stored;
}

namespace {
constexpr std::string_view kBeat = R"sql(
INSERT INTO replica (name, address, port, seen_at) VALUES (?, ?, ?, UTC_TIMESTAMP(6))
ON DUPLICATE KEY UPDATE address = VALUES(address), port = VALUES(port), seen_at = VALUES(seen_at))sql";
}  // namespace

void beat(db::Pool& pool, const std::string& name, const std::string& address, std::uint16_t port) {
  pool.lease().in_transaction([&](db::Session& session) { session.execute(kBeat, name, address, port); },
                              db::OnUnknownCommit::kRetry);
}

namespace {
constexpr std::string_view kLivingPeers = R"sql(
SELECT address, port FROM replica
WHERE name <> ? AND seen_at > UTC_TIMESTAMP(6) - INTERVAL 10 SECOND)sql";
}  // namespace

std::vector<PeerAddress> living_peers(db::Pool& pool, const std::string& name) {
  return pool.lease().session().query(
      kLivingPeers,
      [](const db::Row& row) {
        return PeerAddress{row.text("address"), static_cast<std::uint16_t>(row.number("port"))};
      },
      name);
}

namespace {
constexpr std::string_view kForgetDead = R"sql(
DELETE FROM replica WHERE seen_at < UTC_TIMESTAMP(6) - INTERVAL 1 MINUTE LIMIT 1000)sql";
}  // namespace

void forget_dead_peers(db::Pool& pool) {
  pool.in_transaction([](db::Session& session) { session.execute(kForgetDead); });
}

namespace {
constexpr std::string_view kLeave = R"sql(
DELETE FROM replica WHERE name = ?)sql";
}  // namespace

void leave(db::Pool& pool, const std::string& name) {
  pool.in_transaction([&](db::Session& session) { session.execute(kLeave, name); });
}

}  // namespace whitebrick

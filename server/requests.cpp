#include "server/requests.hpp"

namespace whitebrick {
namespace {
constexpr std::uint64_t kChunk = 1000;
constexpr std::string_view kDeleteOldRequests = R"sql(
  DELETE FROM request WHERE created_at < UTC_TIMESTAMP(6) - INTERVAL 24 HOUR ORDER BY created_at LIMIT 1000)sql";
}  // namespace

bool forget_requests(db::Pool& pool) {
  return pool.in_transaction([](db::Session& db) { return db.execute(kDeleteOldRequests); }) == kChunk;
}

}  // namespace whitebrick

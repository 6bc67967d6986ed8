#include "modules/events/event_times.hpp"

#include <chrono>
#include <string_view>

namespace whitebrick::events {
namespace {

constexpr std::chrono::seconds kSpare{60};

constexpr std::string_view kSelectEnds = R"sql(
  SELECT COALESCE(MIN(id), 0) AS first, COALESCE(MAX(id), 0) AS last FROM event)sql";

constexpr std::string_view kSelectFrom = R"sql(
  SELECT id, created_at FROM event WHERE id >= ? ORDER BY id LIMIT 1)sql";

struct Ends {
  std::uint64_t first = 0, last = 0;
};

struct Dated {
  std::uint64_t id = 0;
  Time created_at;
};

std::uint64_t first_not_before(db::Session& db, Time time) {
  const auto ends = db.query_one(kSelectEnds, [](const db::Row& row) {
    return Ends{row.id("first"), row.id("last")};
  });
  std::uint64_t low = ends->first;
  std::uint64_t high = ends->last + 1;
  while (low < high) {
    const std::uint64_t middle = low + (high - low) / 2;
    const auto next = db.query_one(
        kSelectFrom,
        [](const db::Row& row) {
          return Dated{row.id("id"), row.time("created_at")};
        },
        middle);
    if (!next || next->created_at >= time)
      high = middle;
    else
      low = next->id + 1;
  }
  return low;
}

}  // namespace

std::uint64_t first_event_since(db::Session& db, Time time) { return first_not_before(db, time - kSpare); }

std::uint64_t first_event_after(db::Session& db, Time time) { return first_not_before(db, time + kSpare); }

}  // namespace whitebrick::events

#include "modules/events/event_times.hpp"

#include <algorithm>
#include <chrono>
#include <string_view>

namespace whitebrick::events {
namespace {

constexpr std::chrono::seconds kSpare{60};
constexpr std::chrono::seconds kClose{5};  // of the spare time: near enough to stop there

constexpr std::string_view kSelectLast = R"sql(
  SELECT id, created_at FROM event ORDER BY id DESC LIMIT 1)sql";

constexpr std::string_view kSelectFrom = R"sql(
  SELECT id, created_at FROM event WHERE id >= ? ORDER BY id LIMIT 1)sql";

struct Dated {
  std::uint64_t id = 0;
  Time created_at;
};

Dated read_dated(const db::Row& row) { return {row.id("id"), row.time("created_at")}; }

// Where it would be if events came evenly; every other time the middle, should they not.
std::uint64_t guess(const Dated& low, const Dated& high, Time time, bool evenly) {
  const auto ids = static_cast<double>(high.id - low.id);
  const auto span = static_cast<double>((high.created_at - low.created_at).count());
  double part = 0.5;
  if (evenly && span > 0)
    part = std::clamp(static_cast<double>((time - low.created_at).count()) / span, 0.0, 1.0);
  return std::min(low.id + static_cast<std::uint64_t>(ids * part), high.id - 1);
}

// The first id of that time or later, or another within kClose.
std::uint64_t first_not_before(db::Session& db, Time time) {
  const auto first = db.query_one(kSelectFrom, read_dated, 0);
  const auto last = db.query_one(kSelectLast, read_dated);
  if (!first || !last) return 0;
  if (first->created_at >= time) return first->id;
  if (last->created_at < time) return last->id + 1;
  Dated low{first->id + 1, first->created_at};
  Dated high = *last;
  for (bool evenly = true; low.id < high.id; evenly = !evenly) {
    const std::uint64_t middle = guess(low, high, time, evenly);
    const auto next = db.query_one(kSelectFrom, read_dated, middle);
    if (!next) return high.id;  // gone meanwhile
    if (std::chrono::abs(next->created_at - time) <= kClose) return next->id;
    if (next->created_at >= time)
      high = {middle, next->created_at};
    else
      low = {next->id + 1, next->created_at};
  }
  return low.id;
}

}  // namespace

std::uint64_t first_event_since(db::Session& db, Time time) { return first_not_before(db, time - kSpare); }

std::uint64_t first_event_after(db::Session& db, Time time) { return first_not_before(db, time + kSpare); }

}  // namespace whitebrick::events

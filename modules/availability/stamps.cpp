#include "modules/availability/stamps.hpp"

#include <algorithm>
#include <boost/crc.hpp>
#include <charconv>
#include <cstring>

#include "db/list.hpp"

namespace whitebrick::availability {
namespace {

constexpr Bucket kBuckets = 4096;  // of each kind, as the triggers have it
constexpr std::size_t kRowOfStamps = 3 * sizeof(std::uint64_t);

std::uint64_t stamp_at(std::string_view bytes, std::size_t place) {
  std::uint64_t stamp = 0;
  std::memcpy(&stamp, bytes.data() + place * sizeof stamp, sizeof stamp);
  return stamp;
}

}  // namespace

bool same(const Stamps& a, const Stamps& b, RestsOn rests_on) {
  return a.rights == b.rights && (rests_on == RestsOn::kRights || a.modes == b.modes) &&
         (rests_on != RestsOn::kSessions || a.sessions == b.sessions);
}

Bucket bucket_of_number(std::string_view normalised) {
  boost::crc_32_type crc;
  crc.process_bytes(normalised.data(), normalised.size());
  return static_cast<Bucket>(crc.checksum() % kBuckets);
}

Bucket bucket_of_asker(std::uint64_t user_id) { return static_cast<Bucket>(kBuckets + user_id % kBuckets); }

StampsRead::StampsRead(std::string_view rows, Time at) : at_(at) {
  while (!rows.empty()) {
    Bucket bucket = 0;
    const auto [end, error] = std::from_chars(rows.data(), rows.data() + rows.size(), bucket);
    if (error != std::errc()) break;
    rows.remove_prefix(static_cast<std::size_t>(end - rows.data()));
    if (rows.size() < 1 + kRowOfStamps) break;
    rows.remove_prefix(1);
    rows_.emplace_back(bucket, Stamps{stamp_at(rows, 0), stamp_at(rows, 1), stamp_at(rows, 2)});
    rows.remove_prefix(kRowOfStamps);
  }
  const auto before = [](const auto& a, const auto& b) { return a.first < b.first; };
  if (!std::ranges::is_sorted(rows_, before)) std::ranges::sort(rows_, before);
}

StampsRead::StampsRead(const db::Row& row)
    : StampsRead(row.bytes_or_null("text").value_or(db::Bytes()).value, row.time("at")) {}

std::optional<Stamps> StampsRead::of(Bucket bucket) const {
  const auto found = std::ranges::lower_bound(rows_, bucket, {}, [](const auto& row) { return row.first; });
  return found == rows_.end() || found->first != bucket ? std::nullopt : std::optional(found->second);
}

namespace {

constexpr int kTriggers = 27;  // of 0016_availability_stamps.sql
constexpr std::string_view kShowTriggers = "SHOW TRIGGERS";

}  // namespace

bool stamps_are_set(db::Session& db) {
  int triggers = 0;
  db.query(kShowTriggers, [&](const db::Row& row) {
    triggers += row.text("Trigger").ends_with("_views") ? 1 : 0;
    return true;
  });
  return triggers >= kTriggers;
}

namespace {

// One row, because each row of a result costs as much as finding it.
constexpr std::string_view kReadStamps = R"sql(
SELECT GROUP_CONCAT(bucket, ' ', rights, modes, sessions SEPARATOR '') AS text, UTC_TIMESTAMP(6) AS at
FROM view_stamp WHERE bucket IN (?,)sql";

}  // namespace

StampsRead read_stamps(db::Session& db, const std::vector<Bucket>& buckets, Bucket asker) {
  std::vector<db::Value> args{asker};
  args.reserve(buckets.size() + 1);
  std::string sql(kReadStamps);
  sql += db::in_list(buckets, args) + ")";
  StampsRead read;
  db.query_with(
      sql,
      [&](const db::Row& row) {
        read = StampsRead(row);
        return true;
      },
      args);
  return read;
}

}  // namespace whitebrick::availability

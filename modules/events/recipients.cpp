#include "modules/events/recipients.hpp"

#include <algorithm>
#include <string_view>

#include "db/list.hpp"
#include "modules/events/events.hpp"
#include "modules/events/patterns.hpp"

namespace whitebrick::events {
namespace {

using Args = std::vector<db::Value>;

// The first argument is 1 to have services too, or 3; the last one the most rows.
std::string select_general(const std::vector<std::string>& patterns, Args& args) {
  return R"sql(
  SELECT DISTINCT s.owner_kind AS owner_kind, s.id AS subscription_id, s.queue_id AS queue_id, s.pushed AS pushed
    FROM subscription_pattern p JOIN subscription s ON s.id = p.subscription_id
   WHERE s.owner_kind IN (3, ?) AND s.profile_id IS NULL AND (s.transmitter_id IS NULL OR s.transmitter_id = ?)
     AND p.pattern IN ()sql" +
         db::in_list(patterns, args) + ") LIMIT ?";
}

Recipient read_recipient(const db::Row& row, PartyKind kind = PartyKind::kService) {
  return {row.id("subscription_id"), row.id("queue_id"), row.flag("pushed"), kind};
}

// Answers false when there are more than `most`.
bool find_general(db::Session& db, const std::vector<std::string>& patterns, std::uint64_t transmitter_id,
                  bool for_services, std::size_t most, Recipients& found) {
  Args args{for_services ? 1 : 3, transmitter_id};
  const std::string sql = select_general(patterns, args);
  args.emplace_back(most + 1);
  const std::size_t rows = db.query_with(
                                 sql,
                                 [&](const db::Row& row) {
                                   const auto kind = static_cast<PartyKind>(row.number("owner_kind"));
                                   auto& list =
                                       kind == PartyKind::kService ? found.services : found.components;
                                   list.push_back(read_recipient(row, kind));
                                   return 0;
                                 },
                                 args)
                               .size();
  return rows <= most;
}

constexpr std::size_t kAll = 10'000'000;

std::string select_terminals(const std::vector<std::uint64_t>& profiles,
                             const std::vector<std::string>& patterns, Args& args) {
  std::string sql = R"sql(
  SELECT DISTINCT s.profile_id AS profile_id, s.id AS subscription_id, s.queue_id AS queue_id, s.pushed AS pushed
    FROM subscription s JOIN subscription_pattern p ON p.subscription_id = s.id
   WHERE s.owner_kind = 2 AND s.profile_id IN ()sql";
  sql += db::in_list(profiles, args);
  sql += ") AND p.pattern IN (";
  sql += db::in_list(patterns, args);
  return sql + ")";
}

std::string select_services(const std::vector<std::uint64_t>& profiles,
                            const std::vector<std::string>& patterns, std::uint64_t transmitter_id,
                            Args& args) {
  std::string sql = R"sql(
  SELECT DISTINCT ps.profile_id AS profile_id, s.id AS subscription_id, s.queue_id AS queue_id, s.pushed AS pushed
    FROM profile_service ps
    JOIN subscription s ON s.owner_kind = 1 AND s.owner_id = ps.service_id
    JOIN subscription_pattern p ON p.subscription_id = s.id
   WHERE (s.profile_id IS NULL OR s.profile_id = ps.profile_id)
     AND (s.transmitter_id IS NULL OR s.transmitter_id = ?) AND ps.profile_id IN ()sql";
  args.emplace_back(transmitter_id);
  sql += db::in_list(profiles, args);
  sql += ") AND p.pattern IN (";
  sql += db::in_list(patterns, args);
  return sql + ")";
}

}  // namespace

std::size_t Recipients::most(const std::vector<std::uint64_t>& target_profiles) const {
  std::size_t most = target_profiles.empty() ? services.size() : 0;
  if (target_profiles.empty() && fan_out) most += kMostAtOnce;
  for (const std::uint64_t profile : target_profiles) {
    const auto found = profiles.find(profile);
    if (found != profiles.end()) most += found->second.size();
  }
  return most;
}

bool Recipients::has_terminal(std::uint64_t profile) const {
  const auto found = profiles.find(profile);
  return found != profiles.end() && std::ranges::any_of(found->second, [](const Recipient& recipient) {
           return recipient.kind == PartyKind::kTerminal;
         });
}

std::vector<Recipient> Recipients::of(const std::vector<std::uint64_t>& target_profiles) const {
  std::vector<Recipient> all = components;
  if (target_profiles.empty()) all.insert(all.end(), services.begin(), services.end());
  for (const std::uint64_t profile : target_profiles) {
    const auto found = profiles.find(profile);
    if (found != profiles.end()) all.insert(all.end(), found->second.begin(), found->second.end());
  }
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

Recipients find_recipients(db::Session& db, const std::string& type, std::uint64_t transmitter_id,
                           bool for_services, const std::vector<std::uint64_t>& profiles) {
  Recipients found;
  const auto patterns = matching_patterns(type);
  const bool internal = is_internal(type);
  if (!find_general(db, patterns, transmitter_id, for_services && !internal, kMostAtOnce, found)) {
    found = Recipients{.fan_out = true, .services = {}, .components = {}, .profiles = {}};
    find_general(db, patterns, transmitter_id, false, kAll, found);
  }
  if (internal) return found;
  const auto read = [&](PartyKind kind) {
    return [&found, kind](const db::Row& row) {
      found.profiles[row.id("profile_id")].push_back(read_recipient(row, kind));
      return 0;
    };
  };
  db::in_pieces(profiles, db::kMaxList, [&](const std::vector<std::uint64_t>& piece) {
    Args args;
    const std::string terminals = select_terminals(piece, patterns, args);
    db.query_with(terminals, read(PartyKind::kTerminal), args);
    args.clear();
    const std::string services = select_services(piece, patterns, transmitter_id, args);
    db.query_with(services, read(PartyKind::kService), args);
  });
  return found;
}

std::vector<Recipient> general_after(db::Session& db, const std::string& type, std::uint64_t transmitter_id,
                                     std::uint64_t after_subscription, Time published_at, std::size_t most) {
  Args args{transmitter_id, after_subscription, published_at};
  const std::string sql = R"sql(
  SELECT DISTINCT s.id AS subscription_id, s.queue_id AS queue_id, s.pushed AS pushed
    FROM subscription_pattern p JOIN subscription s ON s.id = p.subscription_id
   WHERE s.owner_kind = 1 AND s.profile_id IS NULL AND (s.transmitter_id IS NULL OR s.transmitter_id = ?)
     AND s.id > ? AND s.created_at <= ? AND p.pattern IN ()sql" +
                          db::in_list(matching_patterns(type), args) + ") ORDER BY s.id LIMIT ?";
  args.emplace_back(most);
  return db.query_with(
      sql, [](const db::Row& row) { return read_recipient(row); }, args);
}

namespace {

// But for those who have it from a terminal that left.
constexpr std::string_view kTerminalsOfTargets = R"sql(
  SELECT DISTINCT s.id AS subscription_id, s.queue_id AS queue_id, s.pushed AS pushed
    FROM event_target t JOIN subscription s ON s.owner_kind = 2 AND s.profile_id = t.profile_id
    JOIN subscription_pattern p ON p.subscription_id = s.id
    LEFT JOIN delivery d ON d.subscription_id = s.id AND d.event_id = t.event_id
    LEFT JOIN delivery_history h ON h.subscription_id = s.id AND h.event_id = t.event_id
   WHERE t.event_id = ? AND s.id > ? AND s.created_at <= ? AND d.event_id IS NULL AND h.event_id IS NULL
     AND p.pattern IN ()sql";

constexpr std::string_view kServicesOfTargets = R"sql(
  SELECT DISTINCT s.id AS subscription_id, s.queue_id AS queue_id, s.pushed AS pushed
    FROM event_target t JOIN profile_service ps ON ps.profile_id = t.profile_id
    JOIN subscription s ON s.owner_kind = 1 AND s.owner_id = ps.service_id
                       AND (s.profile_id IS NULL OR s.profile_id = t.profile_id)
    JOIN subscription_pattern p ON p.subscription_id = s.id
   WHERE t.event_id = ? AND s.id > ? AND s.created_at <= ? AND (s.transmitter_id IS NULL OR s.transmitter_id = ?)
     AND p.pattern IN ()sql";

}  // namespace

std::vector<Recipient> targeted_after(db::Session& db, const std::string& type, std::uint64_t transmitter_id,
                                      std::uint64_t event_id, std::uint64_t after_subscription,
                                      Time published_at, bool for_services, std::size_t most) {
  std::vector<Recipient> found;
  const auto patterns = matching_patterns(type);
  const auto find = [&](std::string_view select, PartyKind kind, Args args) {
    const std::string sql = std::string(select) + db::in_list(patterns, args) + ") ORDER BY s.id LIMIT ?";
    args.emplace_back(most);
    const auto some = db.query_with(
        sql, [&](const db::Row& row) { return read_recipient(row, kind); }, args);
    found.insert(found.end(), some.begin(), some.end());
  };
  find(kTerminalsOfTargets, PartyKind::kTerminal, {event_id, after_subscription, published_at});
  if (for_services)
    find(kServicesOfTargets, PartyKind::kService,
         {event_id, after_subscription, published_at, transmitter_id});
  std::sort(found.begin(), found.end());
  if (found.size() > most) found.resize(most);
  return found;
}

std::vector<Recipient> recipients_by_id(db::Session& db, const std::vector<std::uint64_t>& ids) {
  if (ids.empty()) return {};
  Args args;
  const std::string sql = R"sql(
  SELECT id, queue_id, pushed FROM subscription WHERE id IN ()sql" +
                          db::in_list(ids, args) + ") ORDER BY id";
  return db.query_with(
      sql,
      [](const db::Row& row) {
        return Recipient{row.id("id"), row.id("queue_id"), row.flag("pushed")};
      },
      args);
}

std::uint64_t count_general(db::Session& db, const std::string& type, std::uint64_t transmitter_id) {
  Args args{transmitter_id};
  const std::string sql = R"sql(
  SELECT COUNT(DISTINCT s.id) AS subscriptions
    FROM subscription_pattern p JOIN subscription s ON s.id = p.subscription_id
   WHERE s.owner_kind = 1 AND s.profile_id IS NULL AND (s.transmitter_id IS NULL OR s.transmitter_id = ?)
     AND p.pattern IN ()sql" +
                          db::in_list(matching_patterns(type), args) + ")";
  std::uint64_t count = 0;
  db.query_with(
      sql, [&](const db::Row& row) { return count = row.id("subscriptions"); }, args);
  return count;
}

std::vector<std::uint64_t> subscribers_of_type(db::Session& db, const std::string& type) {
  Recipients found;
  find_general(db, matching_patterns(type), 0, true, kAll, found);
  std::vector<std::uint64_t> ids;
  for (const Recipient& recipient : found.components) ids.push_back(recipient.subscription_id);
  for (const Recipient& recipient : found.services) ids.push_back(recipient.subscription_id);
  return ids;
}

namespace {

constexpr std::string_view kLimitedToTransmitter = R"sql(
  SELECT DISTINCT s.id AS subscription_id
    FROM subscription_pattern p JOIN subscription s ON s.id = p.subscription_id
   WHERE s.transmitter_id = ? AND s.profile_id IS NULL AND p.pattern IN ()sql";

// Unless another service that the profile uses is said to transmit it. A service hears of a profile's
// events only while the profile uses it, too.
constexpr std::string_view kLimitedToProfile = R"sql(
  SELECT DISTINCT s.id AS subscription_id
    FROM profile_service ps
    JOIN subscription s ON s.profile_id = ps.profile_id AND (s.transmitter_id IS NULL OR s.transmitter_id = ps.service_id)
    JOIN subscription_pattern p ON p.subscription_id = s.id
   WHERE ps.service_id = ?
     AND (s.owner_kind <> 1 OR EXISTS (
          SELECT 1 FROM profile_service own WHERE own.profile_id = ps.profile_id AND own.service_id = s.owner_id))
     AND (s.transmitter_id IS NOT NULL OR NOT EXISTS (
          SELECT 1 FROM profile_service other
            JOIN transmitter_notice n ON n.type = ? AND n.service_id = other.service_id AND n.available = 1
           WHERE other.profile_id = ps.profile_id AND other.service_id <> ps.service_id))
     AND (s.owner_kind <> 2 OR p.pattern <> '*') AND p.pattern IN ()sql";

}  // namespace

std::vector<std::uint64_t> subscribers_of_transmitter(db::Session& db, const std::string& type,
                                                      std::uint64_t service_id) {
  const auto patterns = matching_patterns(type);
  std::vector<std::uint64_t> ids;
  const auto find = [&](std::string_view select, Args args) {
    const std::string sql = std::string(select) + db::in_list(patterns, args) + ")";
    const auto some = db.query_with(
        sql, [](const db::Row& row) { return row.id("subscription_id"); }, args);
    ids.insert(ids.end(), some.begin(), some.end());
  };
  find(kLimitedToTransmitter, {service_id});
  find(kLimitedToProfile, {service_id, type});
  return ids;
}

}  // namespace whitebrick::events

#include "modules/events/fan_out.hpp"

#include <algorithm>
#include <charconv>
#include <span>
#include <string_view>

#include "db/list.hpp"
#include "modules/events/capacity.hpp"
#include "modules/events/lists.hpp"
#include "modules/events/waking.hpp"

namespace whitebrick::events {
namespace {

using Args = std::vector<db::Value>;
using Ids = std::vector<std::uint64_t>;

constexpr std::string_view kIsFanningOut = R"sql(
  SELECT EXISTS (SELECT 1 FROM fanout_target f WHERE f.service_id = ? AND f.component = ?)
      OR EXISTS (SELECT STRAIGHT_JOIN 1 FROM fanout f JOIN event e ON e.id = f.event_id
                  WHERE e.service_id = ? AND COALESCE(e.component, '') = ?) AS busy)sql";

}  // namespace

bool is_fanning_out(db::Session& db, const Source& source) {
  return db
      .query_one(
          kIsFanningOut, [](const db::Row& row) { return row.flag("busy"); }, source.service_id,
          source.component, source.service_id, source.component)
      .value();
}

namespace {

constexpr std::string_view kInsertByType = R"sql(
  INSERT INTO fanout (event_id) VALUES (?))sql";

constexpr std::string_view kInsertAbout = R"sql(
  INSERT INTO fanout (event_id, about_type) VALUES (?, ?))sql";

constexpr std::string_view kInsertTargeted = R"sql(
  INSERT INTO fanout_target (event_id, service_id, component, listed, for_services) VALUES (?, ?, ?, ?, ?))sql";

constexpr std::string_view kInsertLists = R"sql(
  INSERT INTO fanout_list (event_id, piece, subscriptions, profiles) VALUES )sql";

// Targets are rows, too.
constexpr std::size_t kListed = 500;

std::string joined(std::span<const std::uint64_t> ids) {
  std::string text;
  for (const std::uint64_t id : ids) text.append(text.empty() ? "" : ",").append(std::to_string(id));
  return text;
}

Ids split(std::string_view text) {
  Ids ids;
  for (const char* at = text.data(); at < text.data() + text.size(); ++at)
    at = std::from_chars(at, text.data() + text.size(), ids.emplace_back()).ptr;
  return ids;
}

}  // namespace

void fan_out_by_type(db::Session& db, Wake& wake, std::uint64_t event_id) {
  db.execute(kInsertByType, event_id);
  wake_after_commit(db, wake, Events::fan_out_key());
}

void fan_out_about(db::Session& db, Wake& wake, std::uint64_t event_id, const std::string& type) {
  db.execute(kInsertAbout, event_id, type);
  wake_after_commit(db, wake, Events::fan_out_key());
}

void fan_out_to_targets(db::Session& db, Wake& wake, std::uint64_t event_id, const Source& source,
                        bool for_services) {
  db.execute(kInsertTargeted, event_id, source.service_id, source.component, false, for_services);
  wake_after_commit(db, wake, Events::fan_out_key());
}

void fan_out_to(db::Session& db, Wake& wake, std::uint64_t event_id, const Source& source,
                const Ids& subscriptions, const Ids& profiles) {
  struct Listed {
    std::size_t piece = 0;
    std::string subscriptions, profiles;
  };
  std::vector<Listed> list;
  const std::size_t number = (std::max(subscriptions.size(), profiles.size()) + kListed - 1) / kListed;
  // The n-th part of a list that is shared out evenly.
  const auto part = [&](const Ids& ids, std::size_t n) {
    const std::size_t first = ids.size() * n / number, end = ids.size() * (n + 1) / number;
    return std::span(ids).subspan(first, end - first);
  };
  for (std::size_t n = 0; n < number; ++n)
    list.push_back({n + 1, joined(part(subscriptions, n)), joined(part(profiles, n))});
  db.execute(kInsertTargeted, event_id, source.service_id, source.component, true, true);
  insert_rows(db, kInsertLists, "(?, ?, ?, ?)", list, [&](const Listed& some, Args& args) {
    args.emplace_back(event_id);
    args.emplace_back(some.piece);
    args.emplace_back(some.subscriptions);
    args.emplace_back(some.profiles);
  });
  wake_after_commit(db, wake, Events::fan_out_key());
}

namespace {

constexpr std::string_view kSelectStarted = R"sql(
  SELECT event_id, 0 AS targeted FROM fanout
   UNION ALL SELECT event_id, 1 FROM fanout_target ORDER BY event_id LIMIT 100)sql";

// The lock spares others the same work; that no piece is done twice is ensured by the position.
constexpr std::string_view kSelectByType = R"sql(
  SELECT f.position AS position, 1 AS for_services, 0 AS listed, f.about_type AS about_type,
         e.service_id AS service_id, e.type AS type, e.created_at AS created_at
    FROM fanout f LEFT JOIN event e ON e.id = f.event_id WHERE f.event_id = ? FOR UPDATE)sql";

constexpr std::string_view kSelectTargeted = R"sql(
  SELECT f.position AS position, f.for_services AS for_services, f.listed AS listed, NULL AS about_type,
         f.service_id AS service_id, e.type AS type, e.created_at AS created_at
    FROM fanout_target f LEFT JOIN event e ON e.id = f.event_id WHERE f.event_id = ? FOR UPDATE)sql";

struct FanOut {
  std::uint64_t event_id = 0;
  bool targeted = false;
  std::uint64_t position = 0, service_id = 0;
  bool for_services = true, listed = false;
  std::optional<std::string> about_type;
  std::optional<std::string> type;  // nothing: the event is gone from the log
  std::optional<Time> published_at;
};

std::optional<FanOut> take(db::Session& db, std::uint64_t event_id, bool targeted) {
  return db.query_one(
      targeted ? kSelectTargeted : kSelectByType,
      [&](const db::Row& row) {
        return FanOut{event_id,
                      targeted,
                      row.id("position"),
                      row.id_or_null("service_id").value_or(0),
                      row.flag("for_services"),
                      row.flag("listed"),
                      row.text_or_null("about_type"),
                      row.text_or_null("type"),
                      row.time_or_null("created_at")};
      },
      event_id);
}

struct Piece {
  std::vector<Recipient> recipients;
  std::uint64_t last = 0;  // up to here all is found
  bool ended = false;
};

Piece piece_about(db::Session& db, const FanOut& of, std::size_t most) {
  Ids ids = subscribers_of_type(db, *of.about_type);
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  ids.erase(ids.begin(), std::upper_bound(ids.begin(), ids.end(), of.position));
  const bool ended = ids.size() <= most;
  ids.resize(std::min(ids.size(), most));
  return {recipients_by_id(db, ids), ids.empty() ? of.position : ids.back(), ended};
}

constexpr std::string_view kSelectList = R"sql(
  SELECT piece, subscriptions, profiles FROM fanout_list WHERE event_id = ? AND piece > ? ORDER BY piece LIMIT 1)sql";

constexpr std::string_view kDeleteList = R"sql(
  DELETE FROM fanout_list WHERE event_id = ? AND piece <= ?)sql";

constexpr std::string_view kInsertTargets = R"sql(
  INSERT IGNORE INTO event_target (event_id, profile_id) VALUES )sql";

// One row of its list, whatever its length: a list is shared out in rows that are short enough.
Piece piece_listed(db::Session& db, const FanOut& of) {
  Ids subscriptions, profiles;
  const auto last = db.query_one(
      kSelectList,
      [&](const db::Row& row) {
        subscriptions = split(row.text("subscriptions"));
        profiles = split(row.text("profiles"));
        return row.id("piece");
      },
      of.event_id, of.position);
  if (!last) return {{}, of.position, true};
  db.execute(kDeleteList, of.event_id, *last);
  insert_rows(db, kInsertTargets, "(?, ?)", profiles, [&](std::uint64_t profile, Args& args) {
    args.emplace_back(of.event_id);
    args.emplace_back(profile);
  });
  return {recipients_by_id(db, subscriptions), *last, false};
}

Piece next_piece(db::Session& db, const FanOut& of, std::size_t most) {
  if (!of.type) return {{}, of.position, true};
  if (of.about_type) return piece_about(db, of, most);
  if (of.listed) return piece_listed(db, of);
  Piece piece;
  piece.recipients = of.targeted
                         ? targeted_after(db, *of.type, of.service_id, of.event_id, of.position,
                                          *of.published_at, of.for_services, most)
                         : general_after(db, *of.type, of.service_id, of.position, *of.published_at, most);
  piece.ended = piece.recipients.size() < most;
  piece.last = piece.recipients.empty() ? of.position : piece.recipients.back().subscription_id;
  return piece;
}

constexpr std::string_view kAdvanceByType = R"sql(
  UPDATE fanout SET position = ? WHERE event_id = ? AND position = ?)sql";
constexpr std::string_view kAdvanceTargeted = R"sql(
  UPDATE fanout_target SET position = ? WHERE event_id = ? AND position = ?)sql";

constexpr std::string_view kEndByType = R"sql(
  DELETE FROM fanout WHERE event_id = ? AND position = ?)sql";
constexpr std::string_view kEndTargeted = R"sql(
  DELETE FROM fanout_target WHERE event_id = ? AND position = ?)sql";

// A terminal that left meanwhile has nothing to leave to the next one: so it waits in any case. What
// a terminal of the profile has acknowledged by then is not handed over.
constexpr std::string_view kLetWait = R"sql(
  INSERT IGNORE INTO waiting_event (profile_id, event_id)
  SELECT t.profile_id, t.event_id FROM event e JOIN event_target t ON t.event_id = e.id
   WHERE e.id = ? AND e.may_wait = 1 AND e.expires_at > UTC_TIMESTAMP(6))sql";

void advance(db::Session& db, Wake& wake, const FanOut& of, const Piece& piece) {
  const std::uint64_t changed =
      piece.ended
          ? db.execute(of.targeted ? kEndTargeted : kEndByType, of.event_id, of.position)
          : db.execute(of.targeted ? kAdvanceTargeted : kAdvanceByType, piece.last, of.event_id, of.position);
  if (changed == 0) throw db::Conflict(0, "another replica delivered this piece");
  if (piece.ended && of.targeted && !of.listed && db.execute(kLetWait, of.event_id) > 0)
    wake_after_commit(db, wake, Events::waiting_key());
}

// The next deliveries of the events that came first. Answers false when there is nothing to do.
bool deliver_pieces(db::Session& db, Wake& wake) {
  struct Started {
    std::uint64_t event_id = 0;
    bool targeted = false;
  };
  const auto started = db.query(kSelectStarted, [](const db::Row& row) {
    return Started{row.id("event_id"), row.flag("targeted")};
  });
  std::vector<DeliveryRow> rows;
  for (const auto& [event_id, targeted] : started) {
    const auto of = take(db, event_id, targeted);
    if (!of) break;  // another replica was quicker: look anew
    const Piece piece = next_piece(db, *of, kMostAtOnce - rows.size());
    advance(db, wake, *of, piece);
    for (const Recipient& recipient : piece.recipients) rows.push_back({event_id, recipient});
    if (!piece.ended || rows.size() >= kMostAtOnce) break;
  }
  deliver(db, rows, WhenFull::kSuspend);  // too late to refuse the publisher
  wake_recipients(db, wake, rows);
  return !started.empty();
}

}  // namespace

WaitKey Events::fan_out_key() { return "fan_out:"; }

bool Events::fan_out(db::Pool& pool) {
  return pool.in_transaction([&](db::Session& db) { return deliver_pieces(db, wake_); });
}

}  // namespace whitebrick::events

#include "modules/events/forgotten.hpp"

#include <string_view>

#include "modules/events/ended.hpp"
#include "modules/events/waking.hpp"

namespace whitebrick::events {
namespace {

unsigned number(PartyKind kind) { return static_cast<unsigned>(kind); }

constexpr std::string_view kSelectNext = R"sql(
  SELECT s.id AS id, s.queue_id AS queue_id, s.name AS name, s.profile_id AS profile_id,
         (SELECT COUNT(*) FROM subscription_pattern p WHERE p.subscription_id = s.id) AS patterns
    FROM subscription s WHERE s.owner_kind = ? AND s.owner_id = ? ORDER BY s.id LIMIT 201)sql";

struct Next {
  SubscriptionRow row;
  std::size_t rows = 0;  // that its end writes
};

constexpr std::string_view kDeleteUnusedQueues = R"sql(
  DELETE q FROM queue q LEFT JOIN subscription s ON s.queue_id = q.id
   WHERE q.owner_kind = ? AND q.owner_id = ? AND s.id IS NULL)sql";

constexpr std::size_t kMostRows = 800;

// True: there are more.
bool end_piece(db::Session& db, Wake& wake, Party owner) {
  const auto next = db.query(
      kSelectNext,
      [&](const db::Row& row) {
        return Next{
            {row.id("id"), row.id("queue_id"), owner, row.text("name"), row.id_or_null("profile_id"), {}},
            4 + row.id("patterns")};
      },
      number(owner.kind), owner.id);
  std::size_t ended = 0, rows = 0;
  for (const Next& one : next) {
    rows += one.rows;
    if (ended > 0 && rows > kMostRows) break;
    end_subscription(db, one.row, 0);
    wake_after_commit(db, wake, Events::wait_key(one.row.queue_id));
    ++ended;
  }
  if (ended > 0) wake_after_commit(db, wake, Events::waiting_key());
  db.execute(kDeleteUnusedQueues, number(owner.kind), owner.id);
  return ended < next.size();
}

constexpr std::string_view kSelectDeclared = R"sql(
  SELECT type FROM event_declaration WHERE service_id = ?)sql";

constexpr std::string_view kInsertForgotten = R"sql(
  INSERT IGNORE INTO forgotten_party (owner_kind, owner_id) VALUES (?, ?))sql";

}  // namespace

void Events::forget(db::Session& db, Party owner) {
  if (end_piece(db, wake_, owner)) db.execute(kInsertForgotten, number(owner.kind), owner.id);
  if (owner.kind != PartyKind::kService) return;
  transmitter_gone(db, owner.id, "DEREGISTERED");
  withdraw(db, owner.id,
           db.query(
               kSelectDeclared, [](const db::Row& row) { return row.text("type"); }, owner.id));
}

namespace {

constexpr std::string_view kSelectForgotten = R"sql(
  SELECT owner_kind, owner_id FROM forgotten_party LIMIT 100)sql";

// SKIP LOCKED: another replica is at it.
constexpr std::string_view kTake = R"sql(
  SELECT owner_id FROM forgotten_party WHERE owner_kind = ? AND owner_id = ? FOR UPDATE SKIP LOCKED)sql";

// One that came back meanwhile keeps what it still has.
constexpr std::string_view kIsBack = R"sql(
  SELECT account_id FROM service WHERE account_id = ?)sql";

constexpr std::string_view kDelete = R"sql(
  DELETE FROM forgotten_party WHERE owner_kind = ? AND owner_id = ?)sql";

bool forget_piece(db::Session& db, Wake& wake, Party owner) {
  if (!db.query_one(
          kTake, [](const db::Row& row) { return row.id("owner_id"); }, number(owner.kind), owner.id))
    return false;
  const bool back = owner.kind == PartyKind::kService &&
                    db.query_one(
                          kIsBack, [](const db::Row& row) { return row.id("account_id"); }, owner.id)
                        .has_value();
  if (!back && end_piece(db, wake, owner)) return true;
  db.execute(kDelete, number(owner.kind), owner.id);
  return false;
}

}  // namespace

bool forget_rest(Wake& wake, db::Pool& pool) {
  const auto parties = pool.in_transaction([](db::Session& db) {
    return db.query(kSelectForgotten, [](const db::Row& row) {
      return Party{static_cast<PartyKind>(row.number("owner_kind")), row.id("owner_id")};
    });
  });
  bool more = parties.size() == 100;
  for (const Party& party : parties)
    more = pool.in_transaction([&](db::Session& db) { return forget_piece(db, wake, party); }) || more;
  return more;
}

}  // namespace whitebrick::events

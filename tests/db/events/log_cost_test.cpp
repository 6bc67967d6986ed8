// What the log and a claim cost when there is much that is not asked for: rows read by the
// server, not time.

#include "tests/db/events/events_fixture.hpp"

namespace whitebrick::events {
namespace {

class LogCostTest : public EventsFixture {
 protected:
  void SetUp() override {
    EventsFixture::SetUp();
    declare(kMail, "mail.received");
    queue_ = subscribe(kCalls, "inbox", {"mail.*"}).queue_id;
  }
  // Events of a service, as if published: `number` of them, one in 10,000 of another type.
  void fill(int number) {
    in([&](db::Session& db) {
      db.execute(
          "INSERT INTO event (type, service_id, content, targets, may_wait, created_at, expires_at) "
          "SELECT IF(seq % 10000 = 0, 'mail.rare', 'mail.received'), 11, 'x', 0, 0, UTC_TIMESTAMP(6), "
          "UTC_TIMESTAMP(6) + INTERVAL 1 DAY FROM seq_1_to_200000 WHERE seq <= ?",
          number);
    });
  }
  // Rows that the storage engine handed out during `body`.
  template <class Body>
  std::int64_t rows_read(Body&& body) {
    return in([&](db::Session& db) {
      const auto reads = [&] {
        return db
            .query_one(
                "SELECT CAST(SUM(variable_value) AS SIGNED) AS n FROM information_schema.session_status "
                "WHERE variable_name IN ('Handler_read_first', 'Handler_read_key', 'Handler_read_next', "
                "'Handler_read_prev', 'Handler_icp_attempts', 'Handler_read_rnd', 'Handler_read_rnd_next')",
                [](const db::Row& row) { return row.number("n"); })
            .value();
      };
      const auto before = reads();
      body(db);
      return reads() - before;
    });
  }
  std::int64_t cost(const Caller& caller, const LogQuery& query) {
    return rows_read([&](db::Session& db) { events_.log(db, caller, query); });
  }

  std::uint64_t queue_ = 0;
};

TEST_F(LogCostTest, APageCostsTheSameInALongLog) {
  fill(10'000);
  const LogQuery page{.max_events = 100};
  const auto few = cost(admin(), page);
  const auto few_own = cost(service(kMail), page);
  fill(200'000);
  EXPECT_LE(cost(admin(), page), few * 6 / 5);
  EXPECT_LE(cost(service(kMail), page), few_own * 6 / 5);
  EXPECT_LE(few, 2000);
}

TEST_F(LogCostTest, ALaterPageCostsTheSameAsTheFirst) {
  fill(200'000);
  const auto first_id = in([](db::Session& db) {
    db.query("ANALYZE TABLE event", [](const db::Row& row) { return row.text("Msg_text"); });
    return db.query_one("SELECT MIN(id) AS id FROM event", [](const db::Row& row) { return row.id("id"); })
        .value();
  });
  LogQuery page{.max_events = 100};
  const auto first = cost(service(kMail), page);
  // The plan may differ from place to place.
  for (std::uint64_t before = 5'000; before < 200'000; before += 5'000) {
    page.after_event_id = first_id + before;
    EXPECT_LE(cost(service(kMail), page), first * 6 / 5) << before;
  }
}

TEST_F(LogCostTest, ARareTypeIsSearchedInBoundedPiecesAndFound) {
  fill(200'000);
  const LogQuery query{.type = "mail.rare", .max_events = 10};
  EXPECT_LE(cost(admin(), query), 40'000);
  EXPECT_LE(cost(service(kMail), query), 40'000);
  std::size_t found = 0;
  int pages = 0;
  LogQuery next = query;
  for (bool more = true; more; ++pages) {
    const LogPage page = in([&](db::Session& db) { return events_.log(db, admin(), next); });
    found += page.events.size();
    more = page.more;
    next.after_event_id = page.last_event_id;
  }
  EXPECT_EQ(found, 20U);
  EXPECT_LE(pages, 45);
}

TEST_F(LogCostTest, APeriodIsFoundInAFewLooks) {
  fill(100'000);
  age_events(10 * 86400);
  fill(1000);
  const Time now = in([](db::Session& db) { return db.now(); });
  LogQuery query{.max_events = 100};
  query.since = now - std::chrono::hours(1);
  EXPECT_LE(cost(admin(), query), 15'000);
  EXPECT_EQ(in([&](db::Session& db) { return events_.log(db, admin(), query); }).events.size(), 100U);
}

TEST_F(LogCostTest, APartyWithVeryManySubscriptionsReadsTheLogInBoundedPieces) {
  publish(kMail, std::vector<NewEvent>(25, event("mail.received")));
  in([&](db::Session& db) {
    db.execute("DELETE FROM delivery");
    db.execute(
        "INSERT INTO subscription (id, queue_id, owner_kind, owner_id, name, created_at) "
        "SELECT 1000000 + seq, 1000000 + seq, 1, 12, CONCAT('s', seq), UTC_TIMESTAMP(6) FROM seq_1_to_2000");
    db.execute(
        "INSERT INTO delivery_history (subscription_id, event_id, recipient_kind, recipient_id, outcome, "
        "attempts, "
        "done_at) SELECT s.id, e.id, 1, 12, 1, 1, UTC_TIMESTAMP(6) FROM subscription s, event e WHERE s.id > "
        "1000000");
  });
  auto& pool = testing::database().pool();
  LogQuery query{.max_events = 100};
  std::vector<std::size_t> sizes;
  for (bool more = true; more;) {
    const auto before = pool.counts().statements;
    const LogPage page = in([&](db::Session& db) { return events_.log(db, service(kCalls), query); });
    EXPECT_LE(pool.counts().statements - before, 250U);
    sizes.push_back(page.events.size());
    query.after_event_id = page.last_event_id;
    more = page.more;
  }
  EXPECT_EQ(sizes, (std::vector<std::size_t>{10, 10, 5}));
}

TEST_F(LogCostTest, WhoWasToldIsFoundWithoutReadingTheSubscriptionsOfAllTerminals) {
  const auto open = publish(kMail, event("mail.received")).event_id;
  let_profile_use(kAliceWork, kMail);
  connect(kAlicePhone, kAliceWork);
  const auto targeted = publish(kMail, event("mail.received", "x", {kAliceWork})).event_id;
  in([&](db::Session& db) {
    db.execute(
        "INSERT INTO subscription (queue_id, owner_kind, owner_id, name, profile_id, created_at) "
        "SELECT 1000000 + seq, 2, 1000000 + seq, 'work', 1000000 + seq, UTC_TIMESTAMP(6) FROM "
        "seq_1_to_20000");
  });
  for (const auto& caller : {service(kMail), service(kCalls), user(kAlice), user(kBob), admin()}) {
    for (const std::uint64_t id : {open, targeted}) {
      SCOPED_TRACE(std::to_string(static_cast<int>(caller.role)) + " " + std::to_string(id - open));
      EXPECT_LE(rows_read([&](db::Session& db) {
                  try {
                    events_.deliveries(db, caller, id);
                  } catch (const Fault&) {
                    // It concerns others.
                  }
                }),
                1000);
    }
  }
}

TEST_F(LogCostTest, AClaimReadsNothingOfOtherQueuesNorOfWhatIsAcknowledged) {
  const auto other = subscribe(kMail, "busy", {"other.*"}).queue_id;
  fill(200'000);
  in([&](db::Session& db) {
    db.execute(
        "INSERT INTO delivery (queue_id, event_id, subscription_id, visible_at) "
        "SELECT ?, e.id, s.id, UTC_TIMESTAMP(6) FROM event e JOIN subscription s ON s.queue_id = ?",
        other, other);
    // A long head that was acknowledged: marked as deleted, perhaps not purged yet.
    db.execute(
        "INSERT INTO delivery (queue_id, event_id, subscription_id, visible_at) "
        "SELECT ?, e.id, s.id, UTC_TIMESTAMP(6) FROM event e JOIN subscription s ON s.queue_id = ?",
        queue_, queue_);
  });
  in([&](db::Session& db) { db.execute("DELETE FROM delivery WHERE queue_id = ?", queue_); });
  publish(kMail, std::vector<NewEvent>(100, event("mail.received")));
  EXPECT_LE(
      rows_read([&](db::Session& db) { EXPECT_EQ(events_.claim(db, queue_, 100, 30).events.size(), 100U); }),
      1500);
}

TEST_F(LogCostTest, AClaimTakesAHandfulOfStatements) {
  publish(kMail, std::vector<NewEvent>(100, event("mail.received")));
  auto& pool = testing::database().pool();
  const auto before = pool.counts().statements;
  EXPECT_EQ(pull(queue_).events.size(), 100U);
  EXPECT_LE(pool.counts().statements - before, 8U);
}

TEST_F(LogCostTest, ContentComesBackByteForByte) {
  std::string all = "\t\n\r ]]> & < > \" ' \xF0\x9F\x98\x80 \xEF\xBF\xBD e\xCC\x81\r\n";
  for (int c = 0; c < 256; ++c) all.push_back(static_cast<char>(c));
  publish(kMail, event("mail.received", all));
  EXPECT_EQ(pull(queue_).events.at(0).content, all);
  EXPECT_EQ(in([&](db::Session& db) { return events_.log(db, admin(), {}); }).events.at(0).content, all);
}

}  // namespace
}  // namespace whitebrick::events

// Function 23: what services that act for one user share, and nobody else sees.

#include "modules/coordination/contexts.hpp"

#include <thread>

#include "tests/db/coordination/coordination_fixture.hpp"

namespace whitebrick::coordination {
namespace {

using Texts = std::vector<std::string>;

class ContextsTest : public CoordinationFixture {
 protected:
  void SetUp() override {
    CoordinationFixture::SetUp();
    let_use_mail(kAlice);
    in([](db::Session& db) {
      db.execute("INSERT INTO profile_service (profile_id, service_id) VALUES (41, ?)", kPortal);
    });
    connect_service(kMail);
    connect_service(kPortal);
    access_ = connect(kAlice).access_sessions.at(0).id;
    mail_ = open_mail(kAlice, access_).id;
    portal_ =
        in([&](db::Session& db) {
          return here_.coordination.open_service_session(db, user(kAlice), {access_, {"portal", "acme"}, {}});
        }).id;
    in([&](db::Session& db) {
      here_.events.subscribe(db, {events::PartyKind::kService, kMail}, {"shared", {"context.*"}, {}, {}});
    });
  }
  Contexts& contexts() { return here_.coordination.contexts(); }
  UseContext open(const Caller& caller, const std::optional<std::string>& session,
                  const std::string& activity = "trip") {
    return in([&](db::Session& db) { return contexts().open(db, caller, session, activity); });
  }
  std::uint64_t put(const Caller& caller, const PutEntry& entry) {
    return in([&](db::Session& db) { return contexts().put(db, caller, entry); });
  }
  UseContext get(const Caller& caller, const std::string& id) {
    return in([&](db::Session& db) { return contexts().get(db, caller, id); });
  }
  ContextLock lock(const Caller& caller, const std::string& id, int seconds,
                   std::optional<std::uint64_t> token = {}) {
    return in([&](db::Session& db) { return contexts().lock(db, caller, id, seconds, token); });
  }
  bool close(const Caller& caller, const std::string& id) {
    return in([&](db::Session& db) { return contexts().close(db, caller, id); });
  }
  Texts changes_told_to_mail() {
    const auto queue = in([&](db::Session& db) {
      return here_.events.find_queue(db, {events::PartyKind::kService, kMail}, "shared").value();
    });
    return of_type(drain(queue), "context.changed", "change");
  }
  void let_locks_run_out() {
    in([](db::Session& db) {
      db.execute("UPDATE use_context SET locked_until = locked_until - INTERVAL 1 HOUR");
    });
  }

  std::string access_, mail_, portal_;
};

TEST_F(ContextsTest, TheServicesOfAUserShareOneForEachActivity) {
  const auto opened = open(service(kMail), mail_);
  EXPECT_TRUE(opened.created);
  EXPECT_EQ(opened.user, "alice");
  const auto version = put(service(kMail), {opened.id, "flight", "LH 1", {}, {}});
  const auto found = open(service(kPortal), portal_);
  EXPECT_FALSE(found.created);
  EXPECT_EQ(found.id, opened.id);
  ASSERT_EQ(found.entries.size(), 1U);
  EXPECT_EQ(found.entries[0].key, "flight");
  EXPECT_EQ(found.entries[0].value, "LH 1");
  EXPECT_EQ(found.entries[0].version, version);
  EXPECT_EQ(found.entries[0].service->name, "mail");
  EXPECT_EQ(get(user(kAlice), opened.id).entries.size(), 1U);
  EXPECT_NE(open(user(kAlice), {}, "meeting").id, opened.id);
}

TEST_F(ContextsTest, NobodyElseSeesIt) {
  const auto id = open(service(kMail), mail_).id;
  EXPECT_EQ(fault_of([&] { get(user(kBob), id); }), "NOT_FOUND(contextId)");
  EXPECT_EQ(fault_of([&] { get(user(kAlice), std::string(32, 'a')); }), "NOT_FOUND(contextId)");
  in([&](db::Session& db) { here_.coordination.close_service_session(db, service(kPortal), portal_); });
  EXPECT_EQ(fault_of([&] { get(service(kPortal), id); }), "NOT_FOUND(contextId)");
  EXPECT_EQ(fault_of([&] { put(service(kPortal), {id, "a", "b", {}, {}}); }), "NOT_FOUND(contextId)");
  EXPECT_EQ(fault_of([&] { open(service(kPortal), portal_); }), "SESSION_ENDED(serviceSessionId)");
  EXPECT_EQ(fault_of([&] { open(service(kPortal), mail_); }), "SESSION_ENDED(serviceSessionId)");
  EXPECT_EQ(fault_of([&] { open(service(kPortal), {}); }), "INVALID_ARGUMENT(serviceSessionId)");
  EXPECT_EQ(fault_of([&] { open(user(kBob), {}); }), "NOT_CONNECTED");
}

TEST_F(ContextsTest, AnEntryIsReplacedOnlyInTheVersionThatWasSeen) {
  const auto id = open(user(kAlice), {}).id;
  const auto first = put(service(kMail), {id, "seat", "1A", {}, {}});
  const auto second = put(service(kPortal), {id, "seat", "2B", first, {}});
  EXPECT_GT(second, first);
  EXPECT_EQ(fault_of([&] {
              put(service(kMail), {id, "seat", "3C", first, {}});
            }),
            "STALE_VERSION(ifVersion)");
  EXPECT_EQ(fault_of([&] {
              put(service(kMail), {id, "meal", "none", first, {}});
            }),
            "STALE_VERSION(ifVersion)");
  EXPECT_EQ(get(user(kAlice), id).entries.at(0).value, "2B");
  put(user(kAlice), {id, "seat", {}, second, {}});
  EXPECT_TRUE(get(user(kAlice), id).entries.empty());
}

TEST_F(ContextsTest, TheOthersAreToldNotTheAuthor) {
  const auto id = open(service(kPortal), portal_).id;
  EXPECT_EQ(changes_told_to_mail(), Texts{"OPENED"});
  put(service(kMail), {id, "seat", "1A", {}, {}});
  EXPECT_EQ(changes_told_to_mail(), Texts{});
  put(service(kPortal), {id, "seat", "2B", {}, {}});
  put(service(kPortal), {id, "seat", {}, {}, {}});
  close(service(kPortal), id);
  EXPECT_EQ(changes_told_to_mail(), (Texts{"PUT", "REMOVED", "CLOSED"}));
}

TEST_F(ContextsTest, TheLockFencesOffWhoLostIt) {
  const auto id = open(user(kAlice), {}).id;
  const auto first = lock(service(kMail), id, 30);
  EXPECT_TRUE(first.until);
  EXPECT_EQ(get(user(kAlice), id).locked_by->name, "mail");
  EXPECT_EQ(fault_of([&] { lock(service(kPortal), id, 30); }), "LOCKED(contextId)");
  EXPECT_EQ(fault_of([&] { put(service(kPortal), {id, "a", "b", {}, {}}); }), "LOCKED(contextId)");
  EXPECT_EQ(fault_of([&] {
              put(service(kMail), {id, "a", "b", {}, {}});
            }),
            "LOCKED(contextId)")
      << "no token shown";
  EXPECT_EQ(fault_of([&] {
              put(service(kPortal), {id, "a", "b", {}, first.fencing_token});
            }),
            "LEASE_LOST(fencingToken)");
  put(service(kMail), {id, "a", "b", {}, first.fencing_token});
  EXPECT_EQ(lock(service(kMail), id, 60, first.fencing_token).fencing_token, first.fencing_token);

  let_locks_run_out();
  const auto second = lock(service(kPortal), id, 30);
  EXPECT_GT(second.fencing_token, first.fencing_token);
  EXPECT_EQ(fault_of([&] {
              put(service(kMail), {id, "a", "c", {}, first.fencing_token});
            }),
            "LEASE_LOST(fencingToken)");
  EXPECT_EQ(fault_of([&] { lock(service(kMail), id, 60, first.fencing_token); }), "LEASE_LOST(fencingToken)");
  EXPECT_FALSE(lock(service(kPortal), id, 0, second.fencing_token).until);
  put(service(kMail), {id, "a", "c", {}, {}});
  EXPECT_EQ(fault_of([&] { lock(service(kMail), id, 0); }), "INVALID_ARGUMENT(leaseSeconds)");
  EXPECT_EQ(fault_of([&] { lock(service(kMail), id, 3601); }), "INVALID_ARGUMENT(leaseSeconds)");
}

// Of many on several replicas one has the lock; who had it before it ran out cannot write behind him.
TEST_F(ContextsTest, TheLockHoldsOverReplicas) {
  const auto id = open(user(kAlice), {}).id;
  constexpr int kReplicas = 4;
  std::vector<std::optional<std::uint64_t>> tokens(kReplicas);
  const auto race = [&] {
    std::vector<std::thread> threads;
    for (int i = 0; i < kReplicas; ++i) {
      threads.emplace_back([&, i] {
        ReplicaModules replica;
        const auto pool = testing::database().fresh_pool(1);
        auto& token = tokens[static_cast<std::size_t>(i)];
        token.reset();
        try {
          token = pool->in_transaction([&](db::Session& db) {
                        return replica.coordination.contexts().lock(db, service(i % 2 == 0 ? kMail : kPortal),
                                                                    id, 30, std::nullopt);
                      })
                      .fencing_token;
        } catch (const Fault& fault) {
          EXPECT_EQ(fault.code(), FaultCode::LOCKED);
        }
      });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(std::ranges::count_if(tokens, [](const auto& token) { return token.has_value(); }), 1);
    return static_cast<int>(
        std::ranges::find_if(tokens, [](const auto& token) { return token.has_value(); }) - tokens.begin());
  };
  const int first = race();
  const auto old_token = tokens[static_cast<std::size_t>(first)].value();
  let_locks_run_out();
  const int second = race();
  EXPECT_GT(tokens[static_cast<std::size_t>(second)].value(), old_token);

  // On another replica than that which gave the lock away.
  ReplicaModules other;
  const auto pool = testing::database().fresh_pool(1);
  const auto write = [&](int who, std::uint64_t token) {
    return fault_of([&] {
      pool->in_transaction([&](db::Session& db) {
        other.coordination.contexts().put(db, service(who % 2 == 0 ? kMail : kPortal),
                                          {id, "k", "v", {}, token});
      });
    });
  };
  EXPECT_EQ(write(first, old_token), "LEASE_LOST(fencingToken)");
  EXPECT_EQ(write(second, tokens[static_cast<std::size_t>(second)].value()), "none");
}

TEST_F(ContextsTest, ItHoldsOnlySoMuch) {
  const auto id = open(user(kAlice), {}).id;
  for (std::size_t i = 0; i < kMaxContextKeys; ++i)
    put(user(kAlice), {id, "k" + std::to_string(i), "v", {}, {}});
  EXPECT_EQ(fault_of([&] { put(user(kAlice), {id, "more", "v", {}, {}}); }), "LIMIT_EXCEEDED(key)");
  const std::string big(65536, 'x');
  for (int i = 0; i < 3; ++i) put(user(kAlice), {id, "k" + std::to_string(i), big, {}, {}});
  EXPECT_EQ(fault_of([&] { put(user(kAlice), {id, "k3", big, {}, {}}); }), "LIMIT_EXCEEDED(value)");
  EXPECT_EQ(fault_of([&] { put(user(kAlice), {id, "k3", big + "x", {}, {}}); }), "LIMIT_EXCEEDED(value)");
  EXPECT_EQ(fault_of([&] { put(user(kAlice), {id, "no key", "x", {}, {}}); }), "INVALID_ARGUMENT(key)");
  for (std::size_t i = 1; i < kMaxContexts; ++i) open(user(kAlice), {}, "a" + std::to_string(i));
  EXPECT_EQ(fault_of([&] { open(user(kAlice), {}, "one-more"); }), "LIMIT_EXCEEDED(activity)");
}

TEST_F(ContextsTest, ItIsClosedByItsUserOrWhoOpenedIt) {
  const auto id = open(service(kMail), mail_).id;
  EXPECT_EQ(fault_of([&] { close(service(kPortal), id); }), "FORBIDDEN");
  EXPECT_EQ(fault_of([&] { close(user(kBob), id); }), "NOT_FOUND(contextId)");
  put(service(kPortal), {id, "a", "b", {}, {}});
  EXPECT_TRUE(close(service(kMail), id));
  EXPECT_FALSE(close(service(kMail), id));
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM use_context_entry"), 0);
  EXPECT_TRUE(close(user(kAlice), open(service(kMail), mail_).id));
}

TEST_F(ContextsTest, ItEndsWithTheLastSessionOfItsUser) {
  const auto id = open(user(kAlice), {}).id;
  put(user(kAlice), {id, "a", "b", {}, {}});
  connect(kAlice, "laptop");
  disconnect(kAlice, "phone");
  EXPECT_EQ(get(user(kAlice), id).entries.size(), 1U);
  disconnect(kAlice, "laptop");
  EXPECT_EQ(fault_of([&] { get(user(kAlice), id); }), "NOT_FOUND(contextId)");
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM use_context_entry"), 0);
}

TEST_F(ContextsTest, OneThatWasOpenedWhileTheLastSessionEndedIsSweptUp) {
  open(user(kAlice), {});
  in([](db::Session& db) { db.execute("DELETE FROM access_session"); });  // as if both had ended at once
  in([&](db::Session& db) { EXPECT_EQ(contexts().close_abandoned(db), 1U); });
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM use_context"), 0);
}

}  // namespace
}  // namespace whitebrick::coordination

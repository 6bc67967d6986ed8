#pragma once
// Users with terminals and a profile each, who want to know one another; a mail service that their
// profiles subscribe to; a portal. All modules are real, the component workers run on demand.

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "modules/coordination/contents.hpp"
#include "modules/coordination/coordination.hpp"
#include "server/fault.hpp"
#include "tests/support/database.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/recording_wake.hpp"

namespace whitebrick::coordination {

// One replica's objects.
struct ReplicaModules {
  WaitRegistry registry;
  testing::RecordingWake wake{registry};
  events::Events events{wake};
  profiles::Profiles profiles{events};
  directory::Directory directory{{}, events};
  identity::Identity identity{{}, testing::database().pool(), profiles, events};
  availability::Availability availability{profiles, events};
  Coordination coordination{{}, identity, directory, profiles, availability, events, wake};
};

class CoordinationFixture : public ::testing::Test {
 protected:
  static constexpr std::uint64_t kMail = 11, kPortal = 12;  // service accounts
  static constexpr std::uint64_t kAlice = 21, kBob = 22;  // users; profile "work" is 41, 42; account 121, 122
  static constexpr const char* kAliceNumber = "tel:+33100000021";
  static constexpr const char* kBobNumber = "tel:+33100000022";

  template <class Body>
  auto in(Body&& body) {
    return testing::database().pool().in_transaction(std::forward<Body>(body));
  }

  void SetUp() override {
    testing::database().clean_tables();
    in([](db::Session& db) {
      for (const auto& [id, name] : {std::pair(kMail, "mail"), std::pair(kPortal, "portal")}) {
        db.execute(
            "INSERT INTO account (id, name, role, password_hash, created_at) VALUES (?, ?, 4, 'x', "
            "UTC_TIMESTAMP(6))",
            id, name);
        db.execute(
            "INSERT INTO service (account_id, name, provider, since) VALUES (?, ?, 'acme', UTC_TIMESTAMP(6))",
            id, name);
      }
    });
    add_user(kAlice, "alice");
    add_user(kBob, "bob");
    want(kAlice, {kBobNumber});
    want(kBob, {kAliceNumber});
  }
  void TearDown() override {
    if (workers_) workers_->stop();
  }

  // With terminals "phone" (id + 10) and "laptop" (id + 1010), and the open profile "work" (id + 20).
  void add_user(std::uint64_t id, const std::string& name, const std::string& policy = "1") {
    in([&](db::Session& db) {
      db.execute("INSERT INTO user (id, name, created_at) VALUES (?, ?, UTC_TIMESTAMP(6))", id, name);
      db.execute(
          "INSERT INTO account (id, name, role, user_id, password_hash, created_at) VALUES (?, ?, 2, ?, 'x', "
          "UTC_TIMESTAMP(6))",
          100000 + id, name, id);
      db.execute(
          "INSERT INTO token (id, hash, account_id, account_version, created_at, expires_at) VALUES "
          "(?, UNHEX(SHA2(?, 256)), ?, 1, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6) + INTERVAL 1 HOUR)",
          200000 + id, "token of " + name, 100000 + id);
      db.execute(
          "INSERT INTO terminal (id, user_id, name, kind) VALUES (?, ?, 'phone', 2), (?, ?, 'laptop', 4)",
          10000 + id, id, 20000 + id, id);
      db.execute(
          "INSERT INTO profile (id, user_id, name, contact_number, policy, default_state) VALUES (?, ?, "
          "'work', ?, ?, 1)",
          id + 20, id, "tel:+331000000" + std::to_string(id), policy);
    });
  }
  void add_profile(std::uint64_t id, std::uint64_t user_id, const std::string& name) {
    in([&](db::Session& db) {
      db.execute("INSERT INTO profile (id, user_id, name, policy, default_state) VALUES (?, ?, ?, 1, 1)", id,
                 user_id, name);
    });
  }
  // The profile "work" of the user wants to know these.
  void want(std::uint64_t user_id, const std::vector<std::string>& wanted,
            const std::vector<std::string>& authorised = {}, const std::vector<std::string>& refused = {}) {
    in([&](db::Session& db) {
      here_.profiles.set_contact_lists(db, work(user_id), {wanted, authorised, refused}, std::nullopt);
    });
  }

  static Caller user(std::uint64_t id) {
    Caller caller;
    caller.role = Role::kUser;
    caller.account_id = 100000 + id;
    caller.user_id = id;
    caller.token_id = 200000 + id;
    caller.account_version = 1;
    return caller;
  }
  static Caller service(std::uint64_t id) {
    Caller caller;
    caller.role = Role::kService;
    caller.account_id = id;
    return caller;
  }
  profiles::ProfileKey work(std::uint64_t user_id) {
    return in([&](db::Session& db) { return here_.profiles.find_profile(db, user_id, "work").value(); });
  }

  void connect_service(std::uint64_t id) {
    in([&](db::Session& db) { here_.directory.connect(db, service(id), std::nullopt, {}, {}); });
  }
  void disconnect_service(std::uint64_t id) {
    in([&](db::Session& db) { here_.directory.disconnect(db, service(id)); });
  }
  void let_use_mail(std::uint64_t user_id) {
    in([&](db::Session& db) {
      db.execute("INSERT INTO profile_service (profile_id, service_id) VALUES (?, ?)", user_id + 20, kMail);
    });
  }
  // What mail is told of sessions, for the profiles that subscribe to it.
  void let_mail_hear_of_sessions() {
    in([&](db::Session& db) {
      here_.events.subscribe(db, {events::PartyKind::kService, kMail}, {"sessions", {"session.*"}, {}, {}});
    });
  }
  std::vector<events::Event> heard_by_mail() {
    const auto queue = in([&](db::Session& db) {
      return here_.events.find_queue(db, {events::PartyKind::kService, kMail}, "sessions").value();
    });
    return drain(queue);
  }

  ConnectedTerminal connect(std::uint64_t user_id, const std::string& terminal = "phone",
                            const std::vector<std::string>& profiles = {},
                            std::optional<int> lease = std::nullopt) {
    return in([&](db::Session& db) {
      return here_.coordination.connect_terminal(db, user(user_id), std::nullopt, terminal, profiles, lease);
    });
  }
  ConnectedTerminal connect_by_portal(const std::string& user_name, const std::string& terminal = "phone") {
    return in([&](db::Session& db) {
      return here_.coordination.connect_terminal(db, service(kPortal), "token of " + user_name, terminal, {},
                                                 std::nullopt);
    });
  }
  Ended disconnect(std::uint64_t user_id, const std::string& terminal = "phone") {
    return in([&](db::Session& db) {
      return here_.coordination.disconnect_terminal(db, user(user_id), std::nullopt, terminal);
    });
  }
  ServiceSession open_mail(std::uint64_t user_id, const std::string& access_session) {
    return in([&](db::Session& db) {
      return here_.coordination.open_service_session(db, user(user_id),
                                                     {access_session, {"mail", "acme"}, {}});
    });
  }
  void set_level(std::uint64_t user_id, availability::ModeState level) {
    const auto key = work(user_id);
    in([&](db::Session& db) {
      here_.availability.activate(db, key, {.mode = {}, .level = level, .active = true, .until = {}});
    });
  }

  // Component workers as the server runs them.
  void start_workers() {
    workers_.emplace(testing::database().pool(), here_.registry, here_.events);
    here_.coordination.subscribe(*workers_);
    workers_->start();
  }
  // Until the components have nothing left to do.
  void settle() {
    ASSERT_TRUE(testing::eventually([&] {
      return count(
                 "SELECT COUNT(*) AS n FROM delivery d JOIN queue q ON q.id = d.queue_id WHERE q.owner_kind "
                 "= 3") == 0;
    }));
  }
  // As if the sweep's second were over.
  void age_what_was_told() {
    in([](db::Session& db) { db.execute("UPDATE contact_watch SET told_at = told_at - INTERVAL 2 SECOND"); });
  }
  void sweep() {
    while (here_.coordination.sweep(testing::database().pool())) {
    }
  }
  // Of the users who are still connected, from any terminal.
  std::vector<std::uint64_t> connected_users() {
    return in([](db::Session& db) {
      return db.query("SELECT DISTINCT user_id FROM terminal_session ORDER BY user_id",
                      [](const db::Row& row) { return row.id("user_id"); });
    });
  }
  void end_void() {
    while (here_.coordination.end_void(testing::database().pool())) {
    }
  }
  void expire() {
    while (here_.coordination.expire(testing::database().pool())) {
    }
  }

  std::uint64_t queue_of(std::uint64_t user_id, const std::string& terminal = "phone") {
    return in([&](db::Session& db) {
      const auto id = here_.profiles.find_terminal(db, user_id, terminal).value();
      return here_.events.find_queue(db, {events::PartyKind::kTerminal, id}, "").value();
    });
  }
  std::vector<events::Event> drain(std::uint64_t queue) {
    std::vector<events::Event> all;
    for (;;) {
      const auto batch = in([&](db::Session& db) { return here_.events.claim(db, queue, 1000, 30); });
      if (batch.events.empty()) return all;
      in([&](db::Session& db) { here_.events.acknowledge(db, queue, batch.lease_token, {}); });
      all.insert(all.end(), batch.events.begin(), batch.events.end());
    }
  }
  // "contact state" of each contact.state that a terminal is told of now.
  std::vector<std::string> told(std::uint64_t user_id, const std::string& terminal = "phone") {
    return states_in(drain(queue_of(user_id, terminal)));
  }
  static std::vector<std::string> states_in(const std::vector<events::Event>& events) {
    std::vector<std::string> states;
    for (const auto& event : events) {
      if (event.type != "contact.state") continue;
      states.push_back(element_text(event.content, "contact").value() + " " +
                       element_text(event.content, "state").value());
    }
    return states;
  }
  static std::string news(const std::string& number, Connectability state) {
    return number + " " + std::string(wire_name(state));
  }
  static std::vector<std::string> of_type(const std::vector<events::Event>& events, const std::string& type,
                                          const std::string& element) {
    std::vector<std::string> texts;
    for (const auto& event : events) {
      if (event.type == type) texts.push_back(element_text(event.content, element).value_or(""));
    }
    return texts;
  }

  std::int64_t count(std::string_view sql) {
    return in([&](db::Session& db) {
      return db.query_one(sql, [](const db::Row& row) { return row.number("n"); }).value();
    });
  }
  template <class Call>
  static std::string fault_of(Call&& call) {
    try {
      call();
    } catch (const Fault& fault) {
      return std::string(name(fault.code())) + (fault.field().empty() ? "" : "(" + fault.field() + ")");
    }
    return "none";
  }

  ReplicaModules here_;
  std::optional<events::ComponentWorkers> workers_;
};

}  // namespace whitebrick::coordination

#pragma once
// Two services, two users with a terminal and a profile each, and shorthands.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "modules/events/events.hpp"
#include "server/fault.hpp"
#include "tests/support/database.hpp"
#include "tests/support/recording_wake.hpp"

namespace whitebrick::events {

class EventsFixture : public ::testing::Test {
 protected:
  // Numbers of rows that other modules own.
  static constexpr std::uint64_t kMail = 11, kCalls = 12;  // services
  static constexpr std::uint64_t kAlice = 21, kBob = 22;   // users
  static constexpr std::uint64_t kAlicePhone = 31, kAliceLaptop = 32, kBobPhone = 33;
  static constexpr std::uint64_t kAliceWork = 41, kBobWork = 42;  // profiles

  template <class Body>
  auto in(Body&& body) {
    return testing::database().pool().in_transaction(std::forward<Body>(body));
  }

  void SetUp() override {
    auto& database = testing::database();
    database.clean_tables();
    in([](db::Session& db) {
      db.execute(
          "INSERT INTO service (account_id, name, provider, since) VALUES (11, 'mail', 'acme', "
          "UTC_TIMESTAMP(6)), "
          "(12, 'calls', 'bell', UTC_TIMESTAMP(6))");
      db.execute(
          "INSERT INTO user (id, name, created_at) VALUES (21, 'alice', UTC_TIMESTAMP(6)), (22, 'bob', "
          "UTC_TIMESTAMP(6))");
      db.execute(
          "INSERT INTO terminal (id, user_id, name, kind) VALUES (31, 21, 'phone', 2), (32, 21, 'laptop', "
          "4), (33, 22, 'phone', 2)");
      db.execute(
          "INSERT INTO profile (id, user_id, name, policy, default_state) VALUES (41, 21, 'work', 1, 1), "
          "(42, 22, 'work', 1, 1)");
    });
  }

  static Caller service(std::uint64_t id) {
    Caller caller;
    caller.role = Role::kService;
    caller.account_id = id;
    return caller;
  }
  static Caller user(std::uint64_t id) {
    Caller caller;
    caller.role = Role::kUser;
    caller.account_id = 100 + id;
    caller.user_id = id;
    return caller;
  }
  static Caller admin() {
    Caller caller;
    caller.role = Role::kAdmin;
    caller.account_id = 1;
    return caller;
  }
  static NewEvent event(const std::string& type, const std::string& content = "hello",
                        std::vector<std::uint64_t> profiles = {}) {
    NewEvent event;
    event.type = type;
    event.content = content;
    event.profiles = std::move(profiles);
    return event;
  }

  void declare(std::uint64_t service_id, const std::string& type, bool live = true) {
    in([&](db::Session& db) { events_.declare(db, service_id, {{type, {}}}, live); });
  }
  Subscription subscribe(std::uint64_t service_id, const std::string& name,
                         std::vector<std::string> patterns) {
    return in([&](db::Session& db) {
      return events_.subscribe(db, {PartyKind::kService, service_id}, {name, patterns, {}, {}});
    });
  }
  // Into the terminal's own queue.
  Subscription connect(std::uint64_t terminal, std::uint64_t profile,
                       std::vector<std::string> patterns = {"*"}) {
    return in([&](db::Session& db) {
      const auto queue = events_.open_queue(db, {PartyKind::kTerminal, terminal}, "");
      return events_.subscribe_terminal(db, terminal, queue, profile, patterns);
    });
  }
  void leave(std::uint64_t subscription_id) {
    in([&](db::Session& db) { events_.unsubscribe_terminal(db, subscription_id); });
  }
  void let_profile_use(std::uint64_t profile, std::uint64_t service_id) {
    in([&](db::Session& db) {
      db.execute("INSERT INTO profile_service (profile_id, service_id) VALUES (?, ?)", profile, service_id);
    });
  }
  Published publish(std::uint64_t service_id, const NewEvent& one) {
    return publish(service_id, std::vector{one}).front();
  }
  std::vector<Published> publish(std::uint64_t service_id, const std::vector<NewEvent>& batch) {
    return in([&](db::Session& db) { return events_.publish(db, service(service_id), batch); });
  }
  Batch pull(std::uint64_t queue, int most = 100, int lease_seconds = 30) {
    return in([&](db::Session& db) { return events_.claim(db, queue, most, lease_seconds); });
  }
  Acknowledged acknowledge(std::uint64_t queue, const std::string& token,
                           std::vector<std::uint64_t> ids = {}) {
    return in([&](db::Session& db) { return events_.acknowledge(db, queue, token, ids); });
  }
  // Pulls and acknowledges all there is.
  std::vector<Event> drain(std::uint64_t queue) {
    std::vector<Event> all;
    for (;;) {
      Batch batch = pull(queue);
      if (batch.events.empty()) return all;
      acknowledge(queue, batch.lease_token);
      all.insert(all.end(), batch.events.begin(), batch.events.end());
    }
  }
  // As if the time of every lease were over.
  void end_leases(std::uint64_t queue) {
    in([&](db::Session& db) {
      db.execute("UPDATE delivery SET visible_at = UTC_TIMESTAMP(6) - INTERVAL 1 SECOND WHERE queue_id = ?",
                 queue);
    });
  }
  // As if so much time had gone by since every event was published.
  void age_events(int seconds) {
    in([&](db::Session& db) {
      db.execute(
          "UPDATE event SET created_at = created_at - INTERVAL ? SECOND, expires_at = expires_at - INTERVAL "
          "? SECOND",
          seconds, seconds);
    });
  }
  void age_ended_subscriptions() {
    in([](db::Session& db) {
      db.execute("UPDATE ended_subscription SET ended_at = ended_at - INTERVAL 1 HOUR");
    });
  }
  std::int64_t count(std::string_view sql) {
    return in([&](db::Session& db) {
      return db.query_one(sql, [](const db::Row& row) { return row.number("n"); }).value();
    });
  }
  static std::vector<std::string> contents(const std::vector<Event>& events) {
    std::vector<std::string> all;
    for (const Event& event : events) all.push_back(event.content);
    return all;
  }
  static std::vector<std::string> types(const std::vector<Event>& events) {
    std::vector<std::string> all;
    for (const Event& event : events) all.push_back(event.type);
    return all;
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

  testing::RecordingWake wake_;
  Events events_{wake_};
};

}  // namespace whitebrick::events

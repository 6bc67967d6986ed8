#pragma once
// Three people, two services, and two replicas that keep what was reached, beside one that keeps owners alone
// and one that keeps nothing.

#include <map>
#include <set>

#include "db/migrate.hpp"
#include "db/migration_text.hpp"
#include "tests/db/availability/availability_fixture.hpp"

namespace whitebrick::availability {

using enum Connectability;
using OneShot = Availability::OneShot;

inline constexpr const char* kAlice = "tel:+33123456781";
inline constexpr const char* kBob = "tel:+33123456782";
inline constexpr const char* kCarol = "tel:+33123456783";
inline constexpr const char* kAliceAtHome = "sip:alice@home.example.org";
inline constexpr const char* kNobody = "tel:+33123456700";
inline constexpr std::uint64_t kMail = 900041, kOther = 900042;  // services

inline void replace_all(std::string& text, const std::string& what, const std::string& by) {
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + by.size()))
    text.replace(at, what.size(), by);
}

inline constexpr const char* kSession =
    "INSERT INTO access_session (id, public_id, terminal_session_id, user_id, profile_id, subscription_id, "
    "opened_at) VALUES (77, UNHEX(MD5('x')), 77, {bob user}, {bob}, 1, UTC_TIMESTAMP(6))";

class ReachTest : public AvailabilityFixture {
 protected:
  ReachTest() {
    service(kMail, "mail", "acme");
    service(kOther, "calls", "bell");
  }
  ~ReachTest() override {
    if (!dropped_.empty()) create_triggers();
  }

  static std::string text_of(const std::vector<Reach>& reached) {
    std::string text;
    for (const Reach& reach : reached) {
      text += std::to_string(static_cast<int>(reach.state)) + "/" + std::to_string(reach.offers) + "/" +
              std::to_string(static_cast<int>(reach.seen.state)) +
              (reach.seen.authorisation_required ? "a " : " ");
    }
    return text;
  }
  std::string ask(Availability& availability, db::Session& db, std::uint64_t user,
                  std::uint64_t service = 0) {
    return text_of(availability.reach(db, user, service, numbers_, OneShot::kLeave));
  }
  // What everybody is told of everybody.
  std::string ask_all(Availability& availability) {
    auto lease = pool().lease();
    std::string all;
    for (const std::uint64_t user :
         {alice_.user_id, bob_.user_id, carol_.user_id, dave_, std::uint64_t{999999}})
      all += ask(availability, lease.session(), user) + "\n";
    for (const std::uint64_t service : {kMail, kOther, std::uint64_t{0}})
      all += ask(availability, lease.session(), 0, service) + "\n";
    return all;
  }
  Connectability sees_reached(Availability& by, std::uint64_t user, const std::string& number) {
    auto lease = pool().lease();
    return by.reach(lease.session(), user, 0, {number}, OneShot::kLeave).front().state;
  }
  void expect_exact(const std::string& after) {
    const std::string truth = ask_all(uncached_);
    ASSERT_EQ(ask_all(availability_), truth) << after;
    ASSERT_EQ(ask_all(other_replica_), truth) << after;
    ASSERT_EQ(ask_all(keeps_owners_), truth) << after;
  }

  std::string fill_in(std::string sql) const {
    const std::map<std::string, std::uint64_t> ids{{"{alice}", alice_.id},
                                                   {"{alice user}", alice_.user_id},
                                                   {"{bob}", bob_.id},
                                                   {"{bob user}", bob_.user_id},
                                                   {"{carol}", carol_.id}};
    for (const auto& [name, id] : ids) replace_all(sql, name, std::to_string(id));
    return sql;
  }
  void execute(const std::string& sql) {
    run([&](db::Session& db) { db.execute(fill_in(sql)); });
  }

  // Of this purpose.
  std::set<std::string> triggers() {
    std::set<std::string> names;
    run([&](db::Session& db) {
      db.query("SHOW TRIGGERS", [&](const db::Row& row) {
        const std::string name = row.text("Trigger");
        return name.ends_with("_views") && names.insert(name).second;
      });
    });
    return names;
  }
  void drop(const std::string& trigger) {
    dropped_ = trigger;
    testing::database().run("DROP TRIGGER `" + trigger + "`");
  }
  static void create_triggers() {
    for (const db::Migration& step : db::migrations()) {
      if (step.name != "availability_stamps") continue;
      for (const std::string& statement : db::statements_of(step.sql)) testing::database().run(statement);
    }
  }

  const ProfileKey alice_ = person("alice", kAlice, Policy::kAsk);
  const ProfileKey bob_ = person("bob", kBob, Policy::kOpen);
  const ProfileKey carol_ = person("carol", kCarol, Policy::kClosed);
  const std::uint64_t dave_ = user("dave");
  const std::vector<std::string> numbers_{kAlice, kBob, kCarol, kNobody, kAliceAtHome, "sip:x@example.org"};
  Availability other_replica_{profiles_, events_};
  Availability keeps_owners_{profiles_, events_, {.reaches = 0}};
  Availability uncached_{profiles_, events_, {.reaches = 0, .owners = 0}};
  std::string dropped_;
};

}  // namespace whitebrick::availability

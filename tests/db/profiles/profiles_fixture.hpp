#pragma once
// Users, profiles and services in a clean database, and what was published meanwhile.

#include <gtest/gtest.h>

#include "modules/profiles/profiles.hpp"
#include "server/fault.hpp"
#include "tests/support/database.hpp"
#include "tests/support/recording_wake.hpp"

namespace whitebrick::profiles {

class ProfilesFixture : public ::testing::Test {
 protected:
  ProfilesFixture() { testing::database().clean_tables(); }

  db::Pool& pool() { return testing::database().pool(); }
  template <class Body>
  auto run(Body&& body) {
    return pool().in_transaction(std::forward<Body>(body));
  }

  std::uint64_t user(const std::string& name) {
    run([&](db::Session& db) { profiles_.put_user(db, {.user = name, .display_name = {}}, {}); });
    return run([&](db::Session& db) { return profiles_.find_user(db, name).value(); });
  }

  // The profile "work" of a user of this name, both made when missing.
  ProfileKey person(const std::string& name, const std::optional<std::string>& number,
                    Policy policy = Policy::kAsk, DefaultState state = DefaultState::kAvailable) {
    return profile(user(name), "work", number, policy, state);
  }
  ProfileKey profile(std::uint64_t user_id, const std::string& name, const std::optional<std::string>& number,
                     Policy policy = Policy::kAsk, DefaultState state = DefaultState::kAvailable) {
    return run([&](db::Session& db) {
      ProfileData data{.profile = name,
                       .display_name = {},
                       .contact_number = number,
                       .policy = policy,
                       .default_state = state};
      profiles_.put_profile(db, user_id, data, true, {});
      return profiles_.find_profile(db, user_id, name).value();
    });
  }

  void service(std::uint64_t account_id, const std::string& name, const std::string& provider) {
    run([&](db::Session& db) {
      db.execute("INSERT INTO service (account_id, name, provider, since) VALUES (?, ?, ?, UTC_TIMESTAMP(6))",
                 account_id, name, provider);
    });
  }

  void lists(const ProfileKey& key, const ContactLists& lists) {
    run([&](db::Session& db) { profiles_.set_contact_lists(db, key, lists, {}); });
  }

  // Content of the events of this type, in order.
  std::vector<std::string> published(const std::string& type) {
    return run([&](db::Session& db) {
      return db.query(
          "SELECT content FROM event WHERE type = ? ORDER BY id",
          [](const db::Row& row) { return row.bytes("content").value; }, type);
    });
  }

  std::uint64_t number(const std::string& sql) {
    return run([&](db::Session& db) {
      return db.query_one(sql, [](const db::Row& row) { return row.id("n"); }).value();
    });
  }

  template <class Body>
  void expect_fault(FaultCode code, const std::string& field, Body&& body) {
    try {
      run(std::forward<Body>(body));
      ADD_FAILURE() << "no fault, but " << name(code) << " was expected";
    } catch (const Fault& fault) {
      EXPECT_EQ(name(fault.code()), name(code)) << fault.message();
      EXPECT_EQ(fault.field(), field) << fault.message();
    }
  }

  testing::RecordingWake wake_;
  events::Events events_{wake_};
  Profiles profiles_{events_};
};

}  // namespace whitebrick::profiles

#pragma once
// Two replicas' Identity on one database, with an administrator, a service and a user.

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "modules/identity/identity.hpp"
#include "tests/support/database.hpp"
#include "tests/support/fault_of.hpp"
#include "tests/support/recording_wake.hpp"

namespace whitebrick::identity {

inline constexpr const char* kPassword = "correct horse battery";

// One replica: its own pool, its own memory.
struct ReplicaIdentity {
  explicit ReplicaIdentity(Identity::Settings settings = {.token_lifetime = std::chrono::hours(24),
                                                          .argon2_memory_kib = 64},
                           std::size_t connections = 4)
      : pool(testing::database().fresh_pool(connections)), identity(settings, *pool, profiles, events) {}

  Token login(const std::string& name, const std::string& password = kPassword,
              const std::string& source = "") {
    return pool->in_transaction([&](db::Session& db) { return identity.login(db, name, password, source); });
  }
  Caller with_password(const std::string& name, const std::string& password = kPassword,
                       const std::string& source = "") {
    db::Lease lease = pool->lease();
    return identity.authenticate(
        lease.session(),
        {.token = {}, .name = name, .password = password, .source = source, .private_channel = true});
  }
  Caller with_token(const std::string& token) {
    db::Lease lease = pool->lease();
    return identity.authenticate(
        lease.session(),
        {.token = token, .name = {}, .password = {}, .source = {}, .private_channel = false});
  }
  void create(const NewAccount& account) {
    pool->in_transaction([&](db::Session& db) { identity.create_account(db, account); });
  }
  void set_password(const std::string& name, const std::string& password) {
    pool->in_transaction([&](db::Session& db) { identity.set_password(db, name, password); });
  }

  std::unique_ptr<db::Pool> pool;
  testing::RecordingWake wake;
  events::Events events{wake};
  profiles::Profiles profiles{events};
  Identity identity;
};

using testing::fault_of;

class IdentityTest : public ::testing::Test {
 protected:
  IdentityTest() {
    testing::database().clean_tables();
    a_.pool->in_transaction([&](db::Session& db) {
      a_.profiles.put_user(db, {"alice", "Alice"}, std::nullopt);
    });
    a_.create({"root", kPassword, Role::kAdmin, std::nullopt});
    a_.create({"mail", kPassword, Role::kService, std::nullopt});
    a_.create({"alice-login", kPassword, Role::kUser, "alice"});
  }

  std::string stored(const std::string& sql) {
    return testing::database()
        .pool()
        .lease()
        .session()
        .query_one(sql, [](const db::Row& row) { return row.text("value"); })
        .value_or("");
  }

  ReplicaIdentity a_, b_;
};

}  // namespace whitebrick::identity

#pragma once
// Two replicas' Directory on one database, and two services.

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "modules/directory/directory.hpp"
#include "tests/support/database.hpp"
#include "tests/support/fault_of.hpp"
#include "tests/support/recording_wake.hpp"

namespace whitebrick::directory {

// One replica: its own pool, its own memory.
struct ReplicaDirectory {
  std::uint64_t put(const Caller& caller, const Registration& registration,
                    std::optional<std::uint64_t> if_version = std::nullopt) {
    return pool->in_transaction(
        [&](db::Session& db) { return directory.register_service(db, caller, registration, if_version); });
  }
  bool deregister(const Caller& caller) {
    return pool->in_transaction([&](db::Session& db) { return directory.deregister_service(db, caller); });
  }
  Connected connect(const Caller& caller, std::optional<int> lease_seconds = std::nullopt,
                    const std::vector<events::Declaration>& declarations = {},
                    const std::vector<events::SubscriptionRequest>& subscriptions = {}) {
    return pool->in_transaction([&](db::Session& db) {
      return directory.connect(db, caller, lease_seconds, declarations, subscriptions);
    });
  }
  bool disconnect(const Caller& caller) {
    return pool->in_transaction([&](db::Session& db) { return directory.disconnect(db, caller); });
  }
  Service get(const std::string& name, const std::string& provider) {
    db::Lease lease = pool->lease();
    return directory.get(lease.session(), name, provider);
  }
  std::vector<std::string> find(const Search& search) {
    db::Lease lease = pool->lease();
    std::vector<std::string> names;
    for (const Service& service : directory.find(lease.session(), search).services)
      names.push_back(service.registration.name);
    return names;
  }
  std::optional<std::chrono::milliseconds> renew(const Caller& caller) {
    db::Lease lease = pool->lease();
    return directory.renew(lease.session(), caller);
  }

  std::unique_ptr<db::Pool> pool = testing::database().fresh_pool(4);
  testing::RecordingWake wake;
  events::Events events{wake};
  Directory directory{{.lease = std::chrono::seconds(90)}, events};
};

using testing::fault_of;

class DirectoryTest : public ::testing::Test {
 protected:
  DirectoryTest() { testing::database().clean_tables(); }

  static Caller service(std::uint64_t account_id, const std::string& account) {
    Caller caller;
    caller.role = Role::kService;
    caller.account_id = account_id;
    caller.account = account;
    return caller;
  }
  static Registration mail_registration() {
    return {.name = "mail",
            .provider = "acme",
            .description = "Letters",
            .service_class = "messaging",
            .endpoint = "https://acme.example/mail",
            .wsdl = "https://acme.example/mail?wsdl",
            .actions = {"send", "read", "send"}};
  }
  static Registration plain(const std::string& name, const std::string& provider) {
    return {.name = name,
            .provider = provider,
            .description = {},
            .service_class = {},
            .endpoint = {},
            .wsdl = {},
            .actions = {}};
  }

  // Texts of the events of a type, in order.
  std::vector<std::string> told(const std::string& type) {
    return testing::database().pool().lease().session().query(
        "SELECT content FROM event WHERE type = ? AND component = 'directory' ORDER BY id",
        [](const db::Row& row) { return row.bytes("content").value; }, type);
  }
  std::int64_t number(const std::string& sql) {
    return testing::database()
        .pool()
        .lease()
        .session()
        .query_one(sql, [](const db::Row& row) { return row.number("value"); })
        .value();
  }
  // The service's lease has been over for `seconds`.
  void let_lease_end(int seconds) {
    testing::database().run("UPDATE service SET lease_until = UTC_TIMESTAMP(6) - INTERVAL " +
                            std::to_string(seconds) + " SECOND WHERE connected = 1");
  }

  const Caller mail_ = service(11, "acme-mail");
  const Caller calls_ = service(12, "bell-calls");
  ReplicaDirectory a_, b_;
};

inline constexpr const char* kMailUnavailable =
    "<ServiceUnavailable "
    "xmlns=\"urn:whitebrick:catalogue:1\"><service><name>mail</name><provider>acme</provider>"
    "</service><cause>";

}  // namespace whitebrick::directory

#pragma once
// Calls to bob: mail is his telephony service too, "box" his messaging system.

#include "modules/coordination/calls.hpp"
#include "tests/db/coordination/coordination_fixture.hpp"

namespace whitebrick::coordination {

class CallFixture : public CoordinationFixture {
 protected:
  static constexpr std::uint64_t kBox = 13;
  static constexpr const char* kOutside = "tel:+33177777777";  // nobody's number
  using Texts = std::vector<std::string>;

  void SetUp() override {
    CoordinationFixture::SetUp();
    let_use_mail(kBob);
    in([](db::Session& db) {
      db.execute(
          "INSERT INTO account (id, name, role, password_hash, created_at) VALUES (?, 'box', 4, 'x', "
          "UTC_TIMESTAMP(6))",
          kBox);
      db.execute(
          "INSERT INTO service (account_id, name, provider, class, since, connected) VALUES (?, 'box', "
          "'acme', "
          "'messaging', UTC_TIMESTAMP(6), 1)",
          kBox);
    });
  }
  void let_use_box(std::uint64_t user_id) {
    in([&](db::Session& db) {
      db.execute("INSERT INTO profile_service (profile_id, service_id) VALUES (?, ?)", user_id + 20, kBox);
    });
  }
  void transfer(std::uint64_t user_id, const std::string& number) {
    in([&](db::Session& db) {
      db.execute(
          "INSERT INTO mode (profile_id, name, state, transfer_to, priority, contacts) VALUES (?, 'away', 3, "
          "?, 0, 0)",
          user_id + 20, number);
    });
    const auto key = work(user_id);
    in([&](db::Session& db) {
      here_.availability.activate(db, key, {.mode = "away", .level = {}, .active = true, .until = {}});
    });
  }

  static CallQuestion call(const std::string& id, const std::string& called = kBobNumber,
                           std::optional<std::string> caller = kAliceNumber) {
    CallQuestion question;
    question.call_id = id;
    question.called = called;
    question.caller = std::move(caller);
    return question;
  }
  DecidedCall decide(const CallQuestion& question, const Caller& by = service(kMail)) {
    return in([&](db::Session& db) { return here_.coordination.calls().decide(db, by, question); });
  }
  PlacedCall place(std::uint64_t user_id, const std::string& id, const std::string& contact,
                   Communication type = Communication::kVoiceImmediate) {
    const auto from = work(user_id);
    return in([&](db::Session& db) {
      return here_.coordination.calls().place(db, user(user_id), from, id, contact, type);
    });
  }
  ChosenTerminal choose(std::uint64_t user_id, const std::string& id, const std::string& terminal) {
    return in([&](db::Session& db) {
      return here_.coordination.calls().choose_terminal(db, user(user_id), id, terminal);
    });
  }
  ReportedCall report(const Caller& by, const std::string& id, CallReport what,
                      std::optional<std::string> terminal = std::nullopt) {
    return in([&](db::Session& db) { return here_.coordination.calls().report(db, by, id, what, terminal); });
  }
  // As if the time to answer were over.
  void let_time_pass() {
    in([](db::Session& db) {
      db.execute(
          "UPDATE incoming_call SET due_at = UTC_TIMESTAMP(6) - INTERVAL 1 SECOND WHERE due_at IS NOT NULL");
    });
  }
  void expire_calls() {
    while (here_.coordination.expire_calls(testing::database().pool())) {
    }
  }
  std::int64_t events_of(const std::string& type) {
    return in([&](db::Session& db) {
      return db
          .query_one(
              "SELECT COUNT(*) AS n FROM event WHERE type = ?",
              [](const db::Row& row) { return row.number("n"); }, type)
          .value();
    });
  }
  // Types of what a terminal is told about calls, urgent messages and contacts, in order.
  Texts heard(std::uint64_t user_id, const std::string& terminal = "phone") {
    Texts types;
    for (const auto& event : drain(queue_of(user_id, terminal))) {
      if (!event.type.starts_with("contact.state")) types.push_back(event.type);
    }
    return types;
  }
};

}  // namespace whitebrick::coordination

// Urgent messages: from those who may, whatever the availability, repeated, with receipts.

#include "modules/coordination/urgent.hpp"

#include <atomic>
#include <set>
#include <thread>

#include "tests/db/coordination/coordination_fixture.hpp"

namespace whitebrick::coordination {
namespace {

using Texts = std::vector<std::string>;

class UrgentTest : public CoordinationFixture {
 protected:
  static UrgentContent text(const std::string& content) {
    return {.kind = UrgentKind::kWritten, .content = content, .voice_type = std::nullopt};
  }
  static UrgentContent speech(const std::string& content) {
    return {.kind = UrgentKind::kVoice, .content = content, .voice_type = "audio/wav"};
  }
  bool allow(std::uint64_t owner, const UrgentPermission& permission) {
    const auto key = work(owner);
    return in(
        [&](db::Session& db) { return here_.coordination.urgent_messages().allow(db, key, permission); });
  }
  bool allow_alice(int rate = 10) {
    return allow(
        kBob, {.contact = kAliceNumber, .voice = true, .written = true, .until = {}, .rate_per_hour = rate});
  }
  std::string send(const UrgentContent& message, const std::string& contact = kBobNumber,
                   std::uint64_t sender = kAlice) {
    return in([&](db::Session& db) {
      return here_.coordination.urgent_messages().send(db, someone(sender), contact, message);
    });
  }
  // As whatever profile of his may.
  static profiles::ProfileKey someone(std::uint64_t user_id) {
    return {.id = 0, .user_id = user_id, .user = {}, .profile = {}, .contact_number = {}};
  }
  std::vector<HeldPermission> permissions(std::uint64_t user_id, std::optional<std::uint64_t> profile = {}) {
    return in([&](db::Session& db) {
      return here_.coordination.urgent_messages().permissions(db, user_id, profile);
    });
  }
  bool acknowledge(std::uint64_t user_id, const std::string& id) {
    return in([&](db::Session& db) {
      return here_.coordination.urgent_messages().acknowledge(db, user(user_id), id);
    });
  }
  UrgentMessage get(std::uint64_t user_id, const std::string& id) {
    return in(
        [&](db::Session& db) { return here_.coordination.urgent_messages().get(db, user(user_id), id); });
  }
  void repeat() {
    while (here_.coordination.repeat_urgent(testing::database().pool())) {
    }
  }
  void let_two_minutes_pass() {
    in([](db::Session& db) {
      db.execute(
          "UPDATE urgent_message SET repeat_at = UTC_TIMESTAMP(6) - INTERVAL 1 SECOND WHERE repeat_at IS NOT "
          "NULL");
      db.execute("UPDATE access_session SET opened_at = opened_at - INTERVAL 2 MINUTE");
      db.execute("UPDATE urgent_message SET look_at = UTC_TIMESTAMP(6) WHERE look_at IS NOT NULL");
    });
  }
};

TEST_F(UrgentTest, ReachesWhoIsNotAvailableAndTellsTheSenderHowFarItIs) {
  allow_alice();
  connect(kAlice);
  connect(kBob);
  set_level(kBob, availability::ModeState::kNotAvailable);
  drain(queue_of(kBob));
  const auto id = send(text("Come home"));
  EXPECT_EQ(of_type(drain(queue_of(kAlice)), "urgent.receipt", "status"), Texts{"STORED"});
  repeat();
  EXPECT_EQ(of_type(drain(queue_of(kAlice)), "urgent.receipt", "status"), Texts{}) << "nobody has it yet";

  const auto events = drain(queue_of(kBob));
  EXPECT_EQ(of_type(events, "urgent.message", "text"), Texts{"Come home"});
  EXPECT_EQ(of_type(events, "urgent.message", "urgentId"), Texts{id});
  EXPECT_EQ(of_type(events, "urgent.message", "sender"), Texts{kAliceNumber});
  let_two_minutes_pass();
  repeat();
  repeat();
  auto receipts = drain(queue_of(kAlice));
  EXPECT_EQ(of_type(receipts, "urgent.receipt", "status"), Texts{"NOTIFIED"});
  EXPECT_EQ(of_type(receipts, "urgent.receipt", "terminalId"), Texts{"phone"});

  EXPECT_TRUE(acknowledge(kBob, id));
  EXPECT_FALSE(acknowledge(kBob, id));
  receipts = drain(queue_of(kAlice));
  EXPECT_EQ(of_type(receipts, "urgent.receipt", "status"), Texts{"READ"});
  EXPECT_EQ(of_type(receipts, "urgent.receipt", "contact"), Texts{kBobNumber});
}

TEST_F(UrgentTest, IsRepeatedTenTimesUntilItIsAcknowledged) {
  allow_alice();
  connect(kBob);
  const auto first = send(text("one"));
  send(text("two"));
  drain(queue_of(kBob));
  repeat();
  EXPECT_EQ(of_type(drain(queue_of(kBob)), "urgent.message", "repeat"), Texts{}) << "not two minutes yet";
  let_two_minutes_pass();
  repeat();
  EXPECT_EQ(of_type(drain(queue_of(kBob)), "urgent.message", "repeat"), (Texts{"1", "1"}));
  acknowledge(kBob, first);
  for (int i = 0; i < 15; ++i) {
    let_two_minutes_pass();
    repeat();
  }
  EXPECT_EQ(of_type(drain(queue_of(kBob)), "urgent.message", "repeat"),
            (Texts{"2", "3", "4", "5", "6", "7", "8", "9", "10"}));
}

TEST_F(UrgentTest, IsRepeatedOnceHoweverManyReplicasLook) {
  allow_alice();
  connect(kBob);
  send(text("one"));
  drain(queue_of(kBob));
  let_two_minutes_pass();
  std::vector<std::thread> replicas;
  for (int i = 0; i < 4; ++i) {
    replicas.emplace_back([] {
      ReplicaModules replica;
      const auto pool = testing::database().fresh_pool(2);
      replica.coordination.repeat_urgent(*pool);
    });
  }
  for (auto& replica : replicas) replica.join();
  EXPECT_EQ(of_type(drain(queue_of(kBob)), "urgent.message", "repeat"), Texts{"1"});
}

TEST_F(UrgentTest, WaitsOnceForATerminal) {
  allow_alice();
  send(text("one"));
  let_two_minutes_pass();
  repeat();
  connect(kBob);
  EXPECT_EQ(of_type(drain(queue_of(kBob)), "urgent.message", "repeat"), Texts{"0"});
}

// Whoever comes back after hours is told by what waited, and ten times more.
TEST_F(UrgentTest, NoRepetitionIsSpentOnNobody) {
  allow_alice();
  send(text("one"));
  const auto heard = [&] { return of_type(drain(queue_of(kBob)), "urgent.message", "repeat"); };
  const auto after_a_while = [&] {
    for (int i = 0; i < 15; ++i) {
      let_two_minutes_pass();
      repeat();
    }
  };
  after_a_while();
  connect(kBob);
  repeat();
  EXPECT_EQ(heard(), Texts{"0"});
  let_two_minutes_pass();
  repeat();
  EXPECT_EQ(heard(), Texts{"1"});
  disconnect(kBob);
  after_a_while();
  connect(kBob);
  after_a_while();
  EXPECT_EQ(heard(), (Texts{"2", "3", "4", "5", "6", "7", "8", "9", "10"}));
}

TEST_F(UrgentTest, SpeechIsReadByItsRecipientAlone) {
  allow_alice();
  connect(kBob);
  const std::string sound("RIFF\0\xff data", 11);
  const auto id = send(speech(sound));
  const auto events = drain(queue_of(kBob));
  EXPECT_EQ(of_type(events, "urgent.message", "voiceBytes"), Texts{"11"});
  const auto message = get(kBob, id);
  EXPECT_EQ(message.message.content, sound);
  EXPECT_EQ(message.message.voice_type, "audio/wav");
  EXPECT_EQ(message.sender, kAliceNumber);
  EXPECT_FALSE(message.acknowledged);
  for (const std::string& other : {std::string("0123"), id}) {
    EXPECT_EQ(fault_of([&] { get(kAlice, other); }), "NOT_FOUND(urgentId)");
    EXPECT_EQ(fault_of([&] { acknowledge(kAlice, other); }), "NOT_FOUND(urgentId)");
  }
  EXPECT_EQ(fault_of([&] { send(speech(std::string(UrgentMessages::kMaxVoice + 1, 'x'))); }),
            "LIMIT_EXCEEDED(voice)");
  EXPECT_EQ(get(kBob, send(speech(std::string(UrgentMessages::kMaxVoice, 'x')))).message.content.size(),
            UrgentMessages::kMaxVoice);
}

TEST_F(UrgentTest, RefusalSaysNothing) {
  add_user(70, "other");
  allow(kBob, {.contact = "tel:+33100000070", .voice = true, .written = true, .until = {}});
  allow(70, {.contact = kAliceNumber, .voice = true, .written = false, .until = {}});
  auto& pool = testing::database().pool();
  std::set<std::string> answers;
  std::set<std::uint64_t> statements;
  for (const char* contact : {"tel:+33188888888", kBobNumber, "tel:+33100000070"}) {
    for (int i = 0; i < 2; ++i) {
      const auto before = pool.counts().statements;
      try {
        send(text("x"), contact);
        answers.insert("sent");
      } catch (const Fault& fault) {
        answers.insert(std::string(name(fault.code())) + " " + fault.field() + " " + fault.message());
      }
      if (i == 1) statements.insert(pool.counts().statements - before);
    }
  }
  EXPECT_EQ(answers.size(), 1U);
  EXPECT_TRUE(answers.begin()->starts_with("FORBIDDEN contact"));
  EXPECT_EQ(statements.size(), 1U);
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM urgent_message"), 0);
  EXPECT_NE(send(speech("x"), "tel:+33100000070"), "") << "what he does allow";
}

TEST_F(UrgentTest, PermissionEnds) {
  EXPECT_TRUE(allow_alice());
  send(text("one"));
  const auto past = in([](db::Session& db) { return db.now(); }) - std::chrono::seconds(1);
  EXPECT_FALSE(allow(kBob, {.contact = kAliceNumber, .voice = true, .written = true, .until = past}));
  EXPECT_EQ(fault_of([&] { send(text("two")); }), "FORBIDDEN(contact)");
  EXPECT_TRUE(allow_alice());
  EXPECT_FALSE(allow(kBob, {.contact = kAliceNumber, .voice = false, .written = false, .until = {}}));
  EXPECT_EQ(fault_of([&] { send(text("three")); }), "FORBIDDEN(contact)");
  EXPECT_TRUE(allow_alice());
  in([](db::Session& db) { db.execute("UPDATE urgent_permission SET until_at = UTC_TIMESTAMP(6)"); });
  EXPECT_EQ(fault_of([&] { send(text("four")); }), "FORBIDDEN(contact)") << "its time is over";
}

TEST_F(UrgentTest, TheOwnerListsWhoMaySend) {
  add_profile(900, kBob, "home");
  const Time until = in([](db::Session& db) { return db.now(); }) + std::chrono::hours(1);
  allow(kBob, {.contact = "tel:+33188888888", .voice = true, .written = false, .until = until});
  allow_alice(3);
  send(text("one"));
  in([](db::Session& db) {
    db.execute(
        "INSERT INTO urgent_permission (owner_profile_id, number, voice, written, rate_per_hour, until_at) "
        "VALUES "
        "(900, 'sip:over@example.org', 1, 1, 10, UTC_TIMESTAMP(6)), (900, 'sip:carol@example.org', 0, 1, 10, "
        "NULL)");
  });
  const auto all = permissions(kBob);
  ASSERT_EQ(all.size(), 3U) << "what is over is not there";
  EXPECT_EQ(all[0].profile, "home");
  EXPECT_EQ(all[0].permission.contact, "sip:carol@example.org");
  EXPECT_EQ(all[1].permission.contact, kAliceNumber);
  EXPECT_EQ(all[1].permission.rate_per_hour, 3);
  EXPECT_EQ(all[1].sent_last_hour, 1);
  EXPECT_TRUE(all[1].permission.voice && all[1].permission.written);
  EXPECT_EQ(all[2].permission.contact, "tel:+33188888888") << "whether or not somebody has the number";
  EXPECT_EQ(all[2].permission.until, until);
  EXPECT_FALSE(all[2].permission.written);
  EXPECT_EQ(all[2].sent_last_hour, 0);
  EXPECT_EQ(permissions(kBob, 42).size(), 2U);
  EXPECT_TRUE(permissions(kAlice).empty());
  EXPECT_TRUE(permissions(kAlice, 42).empty()) << "bob's";
}

TEST_F(UrgentTest, AProfileAllowsOnlySoMany) {
  in([](db::Session& db) {
    db.execute(
        "INSERT INTO urgent_permission (owner_profile_id, number, voice, written, rate_per_hour) "
        "SELECT 42, CONCAT('sip:u', seq, '@example.org'), 1, 1, 10 FROM seq_1_to_1000");
  });
  EXPECT_EQ(fault_of([&] { allow_alice(); }), "LIMIT_EXCEEDED(contact)");
  const auto another =
      UrgentPermission{.contact = "sip:u1@example.org", .voice = true, .written = false, .until = {}};
  EXPECT_TRUE(allow(kBob, another)) << "one that is there is changed";
}

// Every state that others see him in.
TEST_F(UrgentTest, IsDeliveredWhateverTheAvailability) {
  allow_alice();
  connect(kAlice);
  connect(kBob);
  in([](db::Session& db) { db.execute("UPDATE profile SET policy = 3 WHERE id = 42"); });
  std::vector<std::string> sent;
  using availability::ModeState;
  for (const auto level : {ModeState::kAvailable, ModeState::kNotAvailable, ModeState::kUnknown}) {
    set_level(kBob, level);
    sent.push_back(send(text("x")));
  }
  want(kBob, {}, {}, {kAliceNumber});
  sent.push_back(send(text("x")));
  EXPECT_EQ(of_type(drain(queue_of(kBob)), "urgent.message", "urgentId"), sent);
}

TEST_F(UrgentTest, AServiceSendsAsTheProfileOfItsSessionAlone) {
  in([](db::Session& db) { db.execute("UPDATE profile SET contact_number = NULL WHERE id = 41"); });
  add_profile(900, kAlice, "home");
  in([](db::Session& db) {
    db.execute("UPDATE profile SET contact_number = 'tel:+33100000021' WHERE id = 900");
  });
  allow_alice();
  const auto as = [&](std::uint64_t profile) {
    auto sender = someone(kAlice);
    sender.id = profile;
    return in([&](db::Session& db) {
      return here_.coordination.urgent_messages().send(db, sender, kBobNumber, text("x"));
    });
  };
  EXPECT_EQ(fault_of([&] { as(41); }), "FORBIDDEN(contact)");
  EXPECT_NE(as(900), "");
}

// The messages a few at a time, by the job: they can be long.
TEST_F(UrgentTest, ADeletedProfileTakesItsMessagesAlong) {
  start_workers();
  allow_alice(100);
  for (int i = 0; i < 25; ++i) send(text("x"));
  allow(kAlice, {.contact = kBobNumber, .voice = true, .written = true, .until = {}});
  send(text("stays"), kAliceNumber, kBob);
  in([&](db::Session& db) { here_.profiles.delete_profile(db, kBob, "work", std::nullopt); });
  settle();
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM urgent_permission"), 1);
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM urgent_message"), 26);
  here_.coordination.repeat_urgent(testing::database().pool());
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM urgent_message"), 16);
  repeat();
  EXPECT_EQ(count("SELECT owner_profile_id AS n FROM urgent_message"), 41) << "and no other";
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM urgent_removal"), 0);
}

TEST_F(UrgentTest, NoMoreAnHourThanAllowedHoweverManySendAtOnce) {
  allow_alice(3);
  std::atomic<int> sent{0}, refused{0};
  std::vector<std::thread> senders;
  for (int i = 0; i < 6; ++i) {
    senders.emplace_back([&] {
      ReplicaModules replica;
      const auto pool = testing::database().fresh_pool(1);
      try {
        pool->in_transaction([&](db::Session& db) {
          replica.coordination.urgent_messages().send(db, someone(kAlice), kBobNumber, text("x"));
        });
        ++sent;
      } catch (const Fault& fault) {
        if (fault.code() == FaultCode::LIMIT_EXCEEDED && fault.retry_after_seconds().value_or(0) > 3500)
          ++refused;
      }
    });
  }
  for (auto& sender : senders) sender.join();
  EXPECT_EQ(sent, 3);
  EXPECT_EQ(refused, 3);
  in([](db::Session& db) { db.execute("UPDATE urgent_message SET sent_at = sent_at - INTERVAL 1 HOUR"); });
  EXPECT_NE(send(text("later")), "");
}

}  // namespace
}  // namespace whitebrick::coordination

// GetFilter and ExplainAvailability against what askers really see.
#include "tests/db/availability/availability_fixture.hpp"

namespace whitebrick::availability {
namespace {

constexpr const char* kAlice = "tel:+33123456781";
constexpr const char* kBob = "tel:+33123456782";
constexpr const char* kCarol = "tel:+33123456783";
constexpr const char* kNobody = "tel:+33123456700";

class FilterTest : public AvailabilityFixture {
 protected:
  const ProfileKey alice_ = person("alice", kAlice, Policy::kAsk);
  const ProfileKey bob_ = person("bob", kBob, Policy::kAsk);
  const ProfileKey carol_ = person("carol", kCarol, Policy::kAsk);

  FilterDocument filter() {
    return run([&](db::Session& db) { return availability_.filter(db, alice_); });
  }
  Explanation explain(const std::optional<std::string>& asker, std::optional<Time> at = {}) {
    return run([&](db::Session& db) { return availability_.explain(db, alice_, asker, at); });
  }
  void grant(const ProfileKey& asker, const AuthorisationAnswer& answer) {
    const Caller as_alice{.role = Role::kUser,
                          .account_id = 1,
                          .account = "alice",
                          .user_id = alice_.user_id,
                          .user = "alice",
                          .token_id = 0};
    run([&](db::Session& db) {
      availability_.authorise_ahead(db, as_alice, alice_, asker.contact_number.value(), answer);
      availability_.request_authorisation(db, asker, kAlice, {});
    });
  }
};

TEST_F(FilterTest, HoldsListsGrantsAndActiveModesInOrder) {
  lists(alice_, {.wanted = {kCarol}, .authorised = {kBob}, .refused = {kNobody}});
  grant(carol_, {.grant = true});
  put(alice_, mode("meeting", ModeState::kNotAvailable));
  put(alice_, mode("for-bob", ModeState::kTransfer, {kBob}));
  put(alice_, mode("asleep", ModeState::kUnknown));
  activate(alice_, "meeting");
  const Time until = now() + std::chrono::hours(1);
  activate(alice_, "for-bob", until);

  const FilterDocument document = filter();
  std::vector<std::string> sets;
  for (const auto& set : document.sets) sets.push_back(set.id);
  EXPECT_EQ(sets, (std::vector<std::string>{"refused", "authorised", "granted", "mode:for-bob"}));
  EXPECT_EQ(document.sets[2].contacts, std::vector<std::string>{kCarol});
  EXPECT_EQ(document.sets[3].contacts, std::vector<std::string>{kBob});
  ASSERT_EQ(document.filter.modes.size(), 2u);
  EXPECT_EQ(document.filter.modes[0].mode, "for-bob");
  EXPECT_EQ(document.filter.modes[0].until, until);
  EXPECT_EQ(document.filter.modes[1].mode, "meeting");
  EXPECT_EQ(document.filter.entries.back().shown, Shown::kMustAsk);
}

TEST_F(FilterTest, HasAnotherVersionWhenItSaysSomethingElse) {
  const auto first = filter().version;
  EXPECT_EQ(filter().version, first);
  put(alice_, mode("meeting", ModeState::kNotAvailable));
  EXPECT_EQ(filter().version, first) << "an inactive mode";
  activate(alice_, "meeting");
  const auto active = filter().version;
  EXPECT_GT(active, first);
  Mode other = mode("meeting", ModeState::kNotAvailable);
  other.means.notification = Notification::kVoiceMessage;
  put(alice_, other);
  const auto told_otherwise = filter().version;
  EXPECT_GT(told_otherwise, active);
  other.means.call_by = media_bit(Medium::kVoip);
  put(alice_, other);
  const auto called_otherwise = filter().version;
  EXPECT_GT(called_otherwise, told_otherwise);
  lists(alice_, {.wanted = {}, .authorised = {kBob}, .refused = {}});
  EXPECT_GT(filter().version, called_otherwise);
}

TEST_F(FilterTest, IsValidUntilAGrantBeginsOrEnds) {
  const FilterDocument week = filter();
  EXPECT_EQ(week.valid_until - week.valid_from, std::chrono::days(7));
  const Time end = now() + std::chrono::hours(5), begin = now() + std::chrono::hours(2);
  grant(bob_, {.grant = true, .until = end});
  EXPECT_EQ(filter().valid_until, end);
  grant(carol_, {.grant = true, .from = begin});
  EXPECT_EQ(filter().valid_until, begin);
}

// Both are the one compiled filter; here it is read from the database in two ways.
TEST_F(FilterTest, ExplainsWhatTheViewsShow) {
  connect(alice_);
  lists(alice_,
        {.wanted = {}, .authorised = {kBob, "sip:carol@example.org"}, .refused = {"sip:dave@example.org"}});
  profile(carol_.user_id, "home", "sip:carol@example.org");
  const auto dave = person("dave", "+33123456784");
  profile(dave.user_id, "home", "sip:dave@example.org");
  const auto eve = person("eve", "+33123456785");
  grant(eve, {.grant = true});
  const auto compare = [&](const std::string& when) {
    for (const auto& [number, asker] : std::initializer_list<std::pair<std::string, std::uint64_t>>{
             {kAlice, alice_.user_id},
             {kBob, bob_.user_id},
             {kCarol, carol_.user_id},
             {"sip:carol@example.org", carol_.user_id},
             {"tel:+33123456784", dave.user_id},
             {"tel:+33123456785", eve.user_id}}) {
      const Facts facts = views(asker, {kAlice}).front().facts;
      const Explanation why = explain(number);
      EXPECT_EQ(why.verdict.state, availability(facts).state) << when << ", " << number;
      EXPECT_EQ(why.verdict.shown == Shown::kMustAsk, availability(facts).authorisation_required)
          << when << ", " << number;
      EXPECT_EQ(why.verdict.offers, offered_now(facts)) << when << ", " << number;
      for (const CallRule& rule : why.calls) {
        EXPECT_EQ(rule, decide_call(facts, rule.type).rule) << when << ", " << number;
      }
    }
  };
  compare("no mode");
  Mode meeting = mode("meeting", ModeState::kNotAvailable);
  meeting.means.offers = static_cast<Offers>(Communication::kWrittenImmediate);
  put(alice_, meeting);
  activate(alice_, "meeting");
  compare("a mode with offers of its own");
  put(alice_, mode("for-some", ModeState::kTransfer, {"sip:carol@example.org", "+33123456784"}));
  activate(alice_, "for-some");
  compare("a mode for some");
  put(alice_, mode("hide", ModeState::kUnknown, {kBob}));
  activate(alice_, "hide");
  compare("hidden from one");
  set_level(alice_, ModeState::kAvailable);
  compare("a level");
}

TEST_F(FilterTest, SaysWhichListGrantAndModeWon) {
  lists(alice_, {.wanted = {}, .authorised = {kBob}, .refused = {}});
  put(alice_, mode("meeting", ModeState::kNotAvailable));
  put(alice_, mode("for-bob", ModeState::kAvailable, {kBob}));
  activate(alice_, "meeting");
  activate(alice_, "for-bob");
  Explanation why = explain(kBob);
  EXPECT_EQ(why.standing, Standing::kKnown);
  EXPECT_TRUE(why.authorised);
  EXPECT_EQ(why.source, StateSource::kMode);
  EXPECT_EQ(why.mode, "for-bob");
  EXPECT_EQ(why.outranked, std::vector<std::string>{"meeting"});
  EXPECT_EQ(why.next_change, std::nullopt);

  why = explain(kCarol);
  EXPECT_EQ(why.standing, Standing::kOther);
  EXPECT_EQ(why.verdict.shown, Shown::kMustAsk);
  EXPECT_EQ(why.own_state, ModeState::kNotAvailable) << "hidden from her, told to the owner";
  EXPECT_EQ(why.mode, "meeting");
  grant(carol_, {.grant = true});
  why = explain(kCarol);
  EXPECT_EQ(why.standing, Standing::kKnown);
  EXPECT_TRUE(why.grant.has_value());
  EXPECT_EQ(why.verdict.state, ModeState::kNotAvailable);

  EXPECT_EQ(explain(kAlice).standing, Standing::kOwner);
  set_level(alice_, ModeState::kUnknown);
  why = explain({});
  EXPECT_EQ(why.source, StateSource::kLevel);
  EXPECT_EQ(why.verdict.shown, Shown::kNothing);
}

TEST_F(FilterTest, SaysWhenTheNextChangeComes) {
  put(alice_, mode("meeting", ModeState::kNotAvailable));
  const Time mode_end = now() + std::chrono::hours(3), grant_end = now() + std::chrono::hours(1);
  activate(alice_, "meeting", mode_end);
  EXPECT_EQ(explain({}).next_change, std::nullopt) << "who must ask sees no difference";
  grant(bob_, {.grant = true, .until = grant_end});
  EXPECT_EQ(explain(kBob).next_change, grant_end);
  EXPECT_EQ(explain(kAlice).next_change, mode_end);
  EXPECT_EQ(explain(kBob, grant_end).verdict.shown, Shown::kMustAsk);
  EXPECT_EQ(explain(kAlice, mode_end).verdict.state, ModeState::kAvailable);
  expect_fault(FaultCode::INVALID_ARGUMENT, "at", [&](db::Session& db) {
    availability_.explain(db, alice_, {}, db.now() - std::chrono::seconds(1));
  });
}

TEST_F(FilterTest, ManyModesAtOnceAreTooMany) {
  run([&](db::Session& db) {
    db.execute(
        "INSERT INTO mode (id, profile_id, name, state, contacts) SELECT seq, ?, CONCAT('m', seq), 1, 1 "
        "FROM seq_1_to_400",
        alice_.id);
    db.execute("INSERT INTO mode_contact (mode_id, number) SELECT seq, ? FROM seq_1_to_400", kBob);
    db.execute(
        "INSERT INTO mode_activation (profile_id, slot, mode_id, activated_at) "
        "SELECT ?, seq, seq, UTC_TIMESTAMP(6) FROM seq_1_to_400",
        alice_.id);
  });
  expect_fault(FaultCode::LIMIT_EXCEEDED, "profileId",
               [&](db::Session& db) { availability_.filter(db, alice_); });
}

TEST_F(FilterTest, AModeKeepsItsMeans) {
  Mode given = mode("away", ModeState::kTransfer);
  given.transfer = {.number = {}, .terminal = "desk", .medium = {}};
  const auto put_away = [&](db::Session& db) { availability_.put_mode(db, alice_, given, {}); };
  expect_fault(FaultCode::NOT_FOUND, "transferToTerminal", put_away);
  run([&](db::Session& db) {
    db.execute("INSERT INTO terminal (user_id, name, kind) VALUES (?, 'desk', 1)", alice_.user_id);
  });
  given.means = {
      .offers = kDelayed, .call_by = media_bit(Medium::kVoip), .notification = Notification::kWrittenMessage};
  run(put_away);
  Mode stored = modes(alice_).modes.at(0);
  EXPECT_EQ(stored.transfer.terminal, "desk");
  EXPECT_EQ(stored.means.offers, kDelayed);
  EXPECT_EQ(stored.means.call_by, media_bit(Medium::kVoip));
  EXPECT_EQ(stored.means.notification, Notification::kWrittenMessage);
  given.transfer = {.number = {}, .terminal = {}, .medium = Medium::kSms};
  given.means = {};
  run(put_away);
  stored = modes(alice_).modes.at(0);
  EXPECT_EQ(stored.transfer.medium, Medium::kSms);
  EXPECT_EQ(stored.transfer.terminal, std::nullopt);
  EXPECT_EQ(stored.means.offers, std::nullopt);
  given.transfer.number = "+33199999999";
  expect_fault(FaultCode::INVALID_ARGUMENT, "transferTo", put_away);
  activate(alice_, "away");
  EXPECT_EQ(decide_call(views(alice_.user_id, {kAlice}).front().facts, Communication::kVoiceImmediate)
                .transfer.medium,
            Medium::kSms);
}

}  // namespace
}  // namespace whitebrick::availability

#include <thread>

#include "tests/db/profiles/profiles_fixture.hpp"

namespace whitebrick::profiles {
namespace {

using Strings = std::vector<std::string>;

class ProfileTest : public ProfilesFixture {
 protected:
  Profile get(const ProfileKey& key) {
    return run([&](db::Session& db) { return profiles_.get_profile(db, key); });
  }
};

TEST_F(ProfileTest, IsStoredWithItsNumberInOneForm) {
  const ProfileKey alice = person("alice", "+33 1 23 45 67 89", Policy::kClosed, DefaultState::kNotAvailable);
  EXPECT_EQ(alice.contact_number, "tel:+33123456789");
  const Profile read = get(alice);
  EXPECT_EQ(read.user, "alice");
  EXPECT_EQ(read.data.profile, "work");
  EXPECT_EQ(read.data.policy, Policy::kClosed);
  EXPECT_EQ(read.data.default_state, DefaultState::kNotAvailable);
  EXPECT_EQ(read.version, 1u);
  const auto found = run([&](db::Session& db) { return profiles_.find_number(db, "tel:+33123456789"); });
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->id, alice.id);
  EXPECT_EQ(found->user, "alice");
  EXPECT_EQ(published("profile.changed"),
            Strings{change_content({.profile_id = alice.id, .former_number = {}})});
}

TEST_F(ProfileTest, ANumberIsGivenByAnAdministratorOnlyAndKeptWhenNotNamed) {
  const auto alice = user("alice");
  const ProfileData claims{.profile = "work", .display_name = {}, .contact_number = "+33123456789"};
  expect_fault(FaultCode::FORBIDDEN, "contactNumber",
               [&](db::Session& db) { profiles_.put_profile(db, alice, claims, false, {}); });
  EXPECT_EQ(number("SELECT COUNT(*) AS n FROM profile"), 0u);

  const ProfileKey key = profile(alice, "work", "+33123456789");
  run([&](db::Session& db) {
    profiles_.put_profile(db, alice, {.profile = "work", .display_name = "Work", .contact_number = {}}, false,
                          1);
  });
  EXPECT_EQ(get(key).data.contact_number, "tel:+33123456789");
  EXPECT_EQ(get(key).data.display_name, "Work");
}

TEST_F(ProfileTest, ANumberBelongsToOneProfileAndAChangeTellsTheFormerOne) {
  const ProfileKey alice = person("alice", "+33123456789");
  const ProfileKey bob = person("bob", "+33123456780");
  expect_fault(FaultCode::ALREADY_EXISTS, "contactNumber", [&](db::Session& db) {
    profiles_.put_profile(
        db, bob.user_id,
        {.profile = "work", .display_name = "Boss", .contact_number = "tel:+33-1-23-45-67-89"}, true, {});
  });
  EXPECT_EQ(get(bob).data.contact_number, "tel:+33123456780");
  EXPECT_EQ(get(bob).data.display_name, std::nullopt) << "the refused change was stored in part";
  EXPECT_EQ(get(alice).version, 1u) << "somebody else's row was written";

  profile(bob.user_id, "work", "sip:bob@example.org");
  EXPECT_EQ(read_change(published("profile.changed").back()).former_number, "tel:+33123456780");
  profile(alice.user_id, "work", "+33123456780");
  EXPECT_EQ(get(alice).data.contact_number, "tel:+33123456780");
}

TEST_F(ProfileTest, OfManyWhoAreGivenTheSameNumberOneHasIt) {
  std::vector<std::uint64_t> users;
  for (int i = 0; i < 6; ++i) users.push_back(user("user" + std::to_string(i)));
  std::atomic<int> won{0}, refused{0};
  std::vector<std::thread> writers;
  for (const auto id : users) {
    writers.emplace_back([&, id] {
      try {
        profile(id, "work", "+33123456789");
        ++won;
      } catch (const Fault& fault) {
        if (fault.code() == FaultCode::ALREADY_EXISTS) ++refused;
      }
    });
  }
  for (auto& writer : writers) writer.join();
  EXPECT_EQ(won, 1);
  EXPECT_EQ(refused, 5);
  EXPECT_EQ(number("SELECT COUNT(*) AS n FROM profile"), 1u);
}

TEST_F(ProfileTest, TheContactListsAreReplacedInOrderAndWithoutDoubles) {
  const ProfileKey alice = person("alice", "+33123456789");
  lists(alice, {.wanted = {"sip:zoe@example.org", "+33123456700", "tel:+33-123456700", "+33123456701"},
                .authorised = {"+33123456701"},
                .refused = {"+33123456701", "+33123456702"}});
  Profile read = get(alice);
  EXPECT_EQ(read.lists.wanted, (Strings{"sip:zoe@example.org", "tel:+33123456700", "tel:+33123456701"}));
  EXPECT_EQ(read.lists.authorised, Strings{"tel:+33123456701"});
  EXPECT_EQ(read.lists.refused, (Strings{"tel:+33123456701", "tel:+33123456702"}));
  EXPECT_EQ(read.version, 2u);
  EXPECT_EQ(run([&](db::Session& db) { return profiles_.wanted_contacts(db, alice.id); }), read.lists.wanted);

  lists(alice, {.wanted = {}, .authorised = {}, .refused = {"+33123456703"}});
  read = get(alice);
  EXPECT_EQ(read.lists.wanted, Strings{});
  EXPECT_EQ(read.lists.refused, Strings{"tel:+33123456703"});
  EXPECT_EQ(number("SELECT COUNT(*) AS n FROM contact_list"), 1u);
  EXPECT_EQ(published("profile.changed").size(), 3u);
}

TEST_F(ProfileTest, ARefusedListChangesNothing) {
  const ProfileKey alice = person("alice", "+33123456789");
  lists(alice, {.wanted = {"+33123456700"}, .authorised = {}, .refused = {}});
  expect_fault(FaultCode::INVALID_ARGUMENT, "refused", [&](db::Session& db) {
    profiles_.set_contact_lists(db, alice, {.wanted = {}, .authorised = {}, .refused = {"0123"}}, {});
  });
  expect_fault(FaultCode::STALE_VERSION, "ifVersion",
               [&](db::Session& db) { profiles_.set_contact_lists(db, alice, {}, 1); });
  expect_fault(FaultCode::LIMIT_EXCEEDED, "wanted", [&](db::Session& db) {
    profiles_.set_contact_lists(
        db, alice, {.wanted = Strings(1001, "+33123456700"), .authorised = {}, .refused = {}}, {});
  });
  EXPECT_EQ(get(alice).lists.wanted, Strings{"tel:+33123456700"});
  EXPECT_EQ(get(alice).version, 2u);
}

TEST_F(ProfileTest, ListsOfAThousandAreTaken) {
  const ProfileKey alice = person("alice", "+33123456789");
  Strings many;
  for (int i = 0; i < 1000; ++i) many.push_back("tel:+33" + std::to_string(200000000 + i));
  lists(alice, {.wanted = many, .authorised = many, .refused = many});
  EXPECT_EQ(get(alice).lists.wanted, many);
  EXPECT_EQ(get(alice).lists.refused, many);
}

TEST_F(ProfileTest, ConcurrentListsAreNeverMixed) {
  const ProfileKey alice = person("alice", "+33123456789");
  std::vector<std::thread> writers;
  for (int i = 0; i < 4; ++i) {
    writers.emplace_back([&, i] {
      const Strings mine{"+3320000000" + std::to_string(i), "+3321000000" + std::to_string(i)};
      for (int n = 0; n < 5; ++n) lists(alice, {.wanted = mine, .authorised = mine, .refused = {}});
    });
  }
  for (auto& writer : writers) writer.join();
  const Profile read = get(alice);
  EXPECT_EQ(read.version, 21u);
  ASSERT_EQ(read.lists.wanted.size(), 2u);
  EXPECT_EQ(read.lists.wanted, read.lists.authorised);
  EXPECT_EQ(read.lists.wanted[0].back(), read.lists.wanted[1].back());
}

TEST_F(ProfileTest, AServiceIsSubscribedToWithItsParameters) {
  const ProfileKey alice = person("alice", "+33123456789");
  service(41, "mail", "acme");
  service(42, "calls", "bell");
  const auto subscribe = [&](const ServiceRef& ref, const std::vector<Parameter>& parameters) {
    return run([&](db::Session& db) { return profiles_.subscribe_to_service(db, alice, ref, parameters); });
  };
  EXPECT_EQ(subscribe({"mail", "acme"}, {{"box", "inbox"}, {"tone", "\xC3\xA9t\xC3\xA9"}}), 2u);
  EXPECT_EQ(subscribe({"calls", "bell"}, {}), 3u);
  Profile read = get(alice);
  ASSERT_EQ(read.services.size(), 2u);
  EXPECT_EQ(read.services[0].service.name, "mail");
  ASSERT_EQ(read.services[0].parameters.size(), 2u);
  EXPECT_EQ(read.services[0].parameters[1].value, "\xC3\xA9t\xC3\xA9");
  EXPECT_TRUE(read.services[1].parameters.empty());

  EXPECT_EQ(subscribe({"mail", "acme"}, {{"box", std::string(65536, 'x')}}), 4u);
  read = get(alice);
  ASSERT_EQ(read.services[0].parameters.size(), 1u);
  EXPECT_EQ(read.services[0].parameters[0].value.size(), 65536u);
  run([&](db::Session& db) {
    EXPECT_TRUE(profiles_.subscribes_to(db, alice.id, 41));
    EXPECT_FALSE(profiles_.subscribes_to(db, alice.id, 43));
  });
  expect_fault(FaultCode::NOT_FOUND, "service", [&](db::Session& db) {
    profiles_.subscribe_to_service(db, alice, {"mail", "bell"}, {});
  });
  expect_fault(FaultCode::INVALID_ARGUMENT, "parameter", [&](db::Session& db) {
    profiles_.subscribe_to_service(db, alice, {"mail", "acme"}, {{"a", "1"}, {"a", "2"}});
  });
}

TEST_F(ProfileTest, AllOfAUserAreListedByAFixedNumberOfQueries) {
  const auto alice = user("alice");
  person("bob", "+33123456700");
  service(41, "mail", "acme");
  for (int i = 0; i < 5; ++i) {
    const ProfileKey key = profile(alice, "p" + std::to_string(i), "+3312345678" + std::to_string(i));
    lists(key,
          {.wanted = {"+33123456700"}, .authorised = {"+3312345671" + std::to_string(i)}, .refused = {}});
    run([&](db::Session& db) { profiles_.subscribe_to_service(db, key, {"mail", "acme"}, {{"n", "1"}}); });
  }
  auto lease = pool().lease();
  const auto before = pool().counts().statements;
  const auto [all, more] = profiles_.list_profiles(lease.session(), alice);
  EXPECT_FALSE(more);
  EXPECT_EQ(pool().counts().statements - before, 4u);
  ASSERT_EQ(all.size(), 5u);
  for (int i = 0; i < 5; ++i) {
    const Profile& p = all[static_cast<std::size_t>(i)];
    EXPECT_EQ(p.data.profile, "p" + std::to_string(i));
    EXPECT_EQ(p.lists.authorised, Strings{"tel:+3312345671" + std::to_string(i)});
    ASSERT_EQ(p.services.size(), 1u);
    EXPECT_EQ(p.services[0].parameters.size(), 1u);
  }
  EXPECT_EQ(profiles_.profiles_of(lease.session(), alice).size(), 5u);
  EXPECT_TRUE(profiles_.list_profiles(lease.session(), alice + 100).profiles.empty());
}

TEST_F(ProfileTest, AsManyAreListedAsOneAnswerTakes) {
  const auto alice = user("alice");
  service(41, "mail", "acme");
  service(42, "chat", "acme");
  for (int i = 0; i < 6; ++i) profile(alice, "p" + std::to_string(i), std::nullopt);
  run([&](db::Session& db) {
    db.execute("INSERT INTO profile_service (profile_id, service_id) SELECT id, 41 FROM profile");
    db.execute(
        "INSERT INTO profile_service_parameter (profile_id, service_id, name, value) "
        "SELECT id, 41, seq, REPEAT('x', 65536) FROM profile JOIN seq_1_to_16");
  });
  auto lease = pool().lease();
  const auto [some, more] = profiles_.list_profiles(lease.session(), alice);
  EXPECT_TRUE(more);
  ASSERT_EQ(some.size(), 3u);
  EXPECT_EQ(some[2].data.profile, "p2");
  EXPECT_EQ(some[2].services.at(0).parameters.size(), 16u);
  expect_fault(FaultCode::LIMIT_EXCEEDED, "parameter", [&](db::Session& db) {
    const auto key = profiles_.find_profile(db, alice, "p0").value();
    profiles_.subscribe_to_service(db, key, {"chat", "acme"}, {{"one", "more"}});
  });
}

}  // namespace
}  // namespace whitebrick::profiles

// Each trigger that stamps views is needed, and enough.
#include "tests/db/availability/reach_fixture.hpp"

namespace whitebrick::availability {
namespace {

// A change that is seen by nothing but one trigger.
struct Change {
  const char* trigger;
  std::vector<const char*> before;
  const char* change;
};

const char* const kBusy =
    "INSERT INTO mode (id, profile_id, name, state, contacts) VALUES (500, {bob}, 'busy', 2, 0)";
const char* const kBusyActive =
    "INSERT INTO mode_activation (profile_id, slot, mode_id, activated_at) VALUES ({bob}, 0, 500, "
    "UTC_TIMESTAMP(6))";
const char* const kForSome =
    "INSERT INTO mode (id, profile_id, name, state, contacts) VALUES (501, {bob}, 'some', 3, 1)";
const char* const kForSomeActive =
    "INSERT INTO mode_activation (profile_id, slot, mode_id, activated_at) VALUES ({bob}, 501, 501, "
    "UTC_TIMESTAMP(6))";
const char* const kForAlice = "INSERT INTO mode_contact (mode_id, number) VALUES (501, 'tel:+33123456781')";
const char* const kInterval =
    "INSERT INTO mode_interval (profile_id, week, mode_id, begin_at, end_at) SELECT {bob}, FLOOR((TO_DAYS("
    "UTC_TIMESTAMP(6)) - TO_DAYS('1970-01-01')) / 7), 500, UTC_TIMESTAMP(6) - INTERVAL 1 HOUR, NULL";
const char* const kListed =
    "INSERT INTO contact_list (profile_id, kind, number, position) VALUES ({alice}, 2, 'tel:+33123456782', "
    "1)";
const char* const kGrant =
    "INSERT INTO authorisation (id, owner_profile_id, number, asker_user_id, asker_profile_id, state) "
    "VALUES (600, {alice}, 'tel:+33123456782', {bob user}, {bob}, 2)";
const char* const kServed = "INSERT INTO profile_service (profile_id, service_id) VALUES ({alice}, 900041)";

const std::vector<Change> kChanges{
    {"profile_added_to_views",
     {},
     "INSERT INTO profile (user_id, name, contact_number, policy, default_state) "
     "VALUES ({bob user}, 'new', 'tel:+33123456700', 1, 1)"},
    {"profile_added_to_views",  // an asker with another number
     {"INSERT INTO contact_list (profile_id, kind, number, position) VALUES ({bob}, 3, 'tel:+33123456999', "
      "1)"},
     "INSERT INTO profile (user_id, name, contact_number, policy, default_state) "
     "VALUES ({alice user}, 'new', 'tel:+33123456999', 1, 1)"},
    {"profile_changed_for_views", {}, "UPDATE profile SET policy = 3 WHERE id = {bob}"},
    {"profile_changed_for_views", {}, "UPDATE profile SET default_state = 4 WHERE id = {bob}"},
    {"profile_changed_for_views", {}, "UPDATE profile SET contact_number = NULL WHERE id = {bob}"},
    {"profile_changed_for_views",
     {},
     "UPDATE profile SET contact_number = 'tel:+33123456700' WHERE id = {bob}"},
    {"profile_changed_for_views",
     {"INSERT INTO contact_list (profile_id, kind, number, position) VALUES ({bob}, 3, 'tel:+33123456999', "
      "1)"},
     "UPDATE profile SET contact_number = 'tel:+33123456999' WHERE id = {alice}"},
    {"profile_changed_for_views",
     {},
     "UPDATE profile SET user_id = {alice user}, name = 'x' WHERE id = {carol}"},
    {"profile_taken_from_views", {}, "DELETE FROM profile WHERE id = {bob}"},
    {"contact_list_added_to_views", {}, kListed},
    {"contact_list_changed_for_views",
     {kListed},
     "UPDATE contact_list SET kind = 3 WHERE profile_id = {alice}"},
    {"contact_list_changed_for_views",
     {kListed},
     "UPDATE contact_list SET number = 'x' WHERE profile_id = {alice}"},
    {"contact_list_changed_for_views", {kListed}, "UPDATE contact_list SET profile_id = {carol}"},
    {"contact_list_taken_from_views", {kListed}, "DELETE FROM contact_list"},
    {"authorisation_added_to_views", {}, kGrant},
    {"authorisation_changed_for_views", {kGrant}, "UPDATE authorisation SET state = 3"},
    {"authorisation_changed_for_views",
     {kGrant},
     "UPDATE authorisation SET from_at = UTC_TIMESTAMP(6) + INTERVAL 1 DAY"},
    {"authorisation_changed_for_views",
     {kGrant},
     "UPDATE authorisation SET until_at = UTC_TIMESTAMP(6) - INTERVAL 1 DAY"},
    {"authorisation_changed_for_views", {kGrant}, "UPDATE authorisation SET owner_profile_id = {carol}"},
    {"authorisation_changed_for_views", {kGrant}, "UPDATE authorisation SET asker_user_id = 999999"},
    {"authorisation_taken_from_views", {kGrant}, "DELETE FROM authorisation"},
    {"profile_service_added_to_views", {}, kServed},
    {"profile_service_changed_for_views", {kServed}, "UPDATE profile_service SET service_id = 900042"},
    {"profile_service_changed_for_views", {kServed}, "UPDATE profile_service SET profile_id = {carol}"},
    {"profile_service_taken_from_views", {kServed}, "DELETE FROM profile_service"},
    {"access_session_added_to_views", {}, kSession},
    {"access_session_changed_for_views", {kSession}, "UPDATE access_session SET profile_id = {alice}"},
    {"access_session_taken_from_views", {kSession}, "DELETE FROM access_session"},
    {"mode_activation_added_to_views", {kBusy}, kBusyActive},
    {"mode_activation_changed_for_views",
     {kBusy, kBusyActive},
     "UPDATE mode_activation SET mode_id = 0, state = 4"},
    {"mode_activation_changed_for_views",
     {kBusy, kBusyActive},
     "UPDATE mode_activation SET until_at = UTC_TIMESTAMP(6) - INTERVAL 1 DAY"},
    {"mode_activation_changed_for_views",
     {kBusy, kBusyActive},
     "UPDATE mode_activation SET profile_id = {alice}"},
    {"mode_activation_taken_from_views", {kBusy, kBusyActive}, "DELETE FROM mode_activation"},
    {"mode_added_to_views", {kBusyActive}, kBusy},
    {"mode_changed_for_views", {kBusy, kBusyActive}, "UPDATE mode SET state = 4"},
    {"mode_changed_for_views", {kBusy, kBusyActive}, "UPDATE mode SET offers = 0"},
    {"mode_changed_for_views", {kBusy, kBusyActive}, "UPDATE mode SET contacts = 1"},
    {"mode_changed_for_views",
     {kBusy, kBusyActive, kForSome, kForSomeActive, kForAlice, "UPDATE mode SET contacts = 1",
      "INSERT INTO mode_contact (mode_id, number) VALUES (500, 'tel:+33123456781')",
      "UPDATE mode_activation SET activated_at = UTC_TIMESTAMP(6) - INTERVAL slot SECOND"},
     "UPDATE mode SET priority = 9 WHERE id = 501"},
    {"mode_taken_from_views", {kBusy, kBusyActive}, "DELETE FROM mode"},
    {"mode_contact_added_to_views", {kForSome, kForSomeActive}, kForAlice},
    {"mode_contact_changed_for_views",
     {kForSome, kForSomeActive, kForAlice},
     "UPDATE mode_contact SET number = 'x'"},
    {"mode_contact_taken_from_views", {kForSome, kForSomeActive, kForAlice}, "DELETE FROM mode_contact"},
    {"mode_interval_added_to_views", {kBusy}, kInterval},
    {"mode_interval_changed_for_views",
     {kBusy, kInterval},
     "UPDATE mode_interval SET begin_at = UTC_TIMESTAMP(6) + INTERVAL 1 DAY"},
    {"mode_interval_changed_for_views", {kBusy, kInterval}, "UPDATE mode_interval SET week = week + 1"},
    {"mode_interval_taken_from_views", {kBusy, kInterval}, "DELETE FROM mode_interval"},
};

class EachChange : public ReachTest, public ::testing::WithParamInterface<Change> {};

TEST_P(EachChange, IsSeenAtOnceAndWouldNotBeWithoutItsTrigger) {
  const Change& change = GetParam();
  for (const char* sql : change.before) execute(sql);
  expect_exact("before");
  const std::string before = ask_all(availability_);
  Availability deceived(profiles_, events_);
  ASSERT_EQ(ask_all(deceived), before);
  execute(change.change);
  ASSERT_NE(ask_all(uncached_), before) << "the change is none";
  expect_exact(change.change);

  // The same without the trigger: if nothing were wrong then, this test could not fail.
  testing::database().clean_tables();
  service(kMail, "mail", "acme");
  service(kOther, "calls", "bell");
  const auto again = [&](const ProfileKey& key, const char* name, int policy) {
    execute("INSERT INTO user (id, name, created_at) VALUES (" + std::to_string(key.user_id) + ", '" + name +
            "', UTC_TIMESTAMP(6))");
    execute("INSERT INTO profile (id, user_id, name, contact_number, policy, default_state) VALUES (" +
            std::to_string(key.id) + ", " + std::to_string(key.user_id) + ", 'work', '" +
            *key.contact_number + "', " + std::to_string(policy) + ", 1)");
  };
  again(alice_, "alice", 2);
  again(bob_, "bob", 1);
  again(carol_, "carol", 3);
  for (const char* sql : change.before) execute(sql);
  expect_exact("before, again");
  drop(change.trigger);
  execute(change.change);
  EXPECT_NE(ask_all(availability_), ask_all(uncached_)) << change.trigger << " is of no use here";
}

INSTANTIATE_TEST_SUITE_P(Triggers, EachChange, ::testing::ValuesIn(kChanges), [](const auto& info) {
  return std::to_string(info.index) + "_" + info.param.trigger;
});

TEST_F(ReachTest, EachTriggerHasAChange) {
  std::set<std::string> named;
  for (const Change& change : kChanges) named.insert(change.trigger);
  EXPECT_EQ(named, triggers());
}

}  // namespace
}  // namespace whitebrick::availability

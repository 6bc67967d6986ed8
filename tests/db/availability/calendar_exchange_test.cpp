#include "tests/db/availability/availability_fixture.hpp"

namespace whitebrick::availability {
namespace {

class CalendarExchangeTest : public AvailabilityFixture {
 protected:
  ImportedCalendar import(const std::string& body, const std::optional<std::string>& mode = {}) {
    const std::string text = "BEGIN:VCALENDAR\nVERSION:2.0\n" + body + "END:VCALENDAR\n";
    return run([&](db::Session& db) { return availability_.import_calendar(db, alice_, text, mode, {}); });
  }
  std::string exported() {
    return run([&](db::Session& db) { return availability_.export_calendar(db, alice_); });
  }
  const ProfileKey alice_ = person("alice", "+33123456781", Policy::kOpen);
};

constexpr const char* kEvent =
    "BEGIN:VEVENT\nUID:1\nDTSTART:20270322T090000Z\nDTEND:20270322T100000Z\nEND:VEVENT\n";

TEST_F(CalendarExchangeTest, ModesAreMadeAndTheirRulesReplaced) {
  put(alice_, mode("mine", ModeState::kAvailable));
  EXPECT_EQ(import(kEvent).modes, std::vector<std::string>{"ical-event"});
  EXPECT_EQ(import(kEvent).version, 2u);
  const Modes all = modes(alice_);
  ASSERT_EQ(all.modes.size(), 2u);
  EXPECT_EQ(all.modes[0].priority, 100);
  EXPECT_EQ(all.modes[0].rules.size(), 1u) << "replaced, not added";
  import(kEvent, "mine");
  EXPECT_EQ(modes(alice_).modes[1].rules.size(), 1u);
  expect_fault(FaultCode::NOT_FOUND, "modeId", [&](db::Session& db) {
    availability_.import_calendar(db, alice_,
                                  "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:1\nX-WHITEBRICK-MODE:none\nDTSTART:"
                                  "20270322T090000Z\nEND:VEVENT\nEND:VCALENDAR\n",
                                  {}, {});
  });
}

TEST_F(CalendarExchangeTest, WhatIsExportedIsImportedAsTheSame) {
  import(
      std::string(kEvent) +
      "BEGIN:VAVAILABILITY\nUID:2\nDTSTART:20270101T000000Z\nDTEND:20280101T000000Z\nBEGIN:AVAILABLE\nUID:3\n"
      "DTSTART;TZID=Europe/Paris:20270104T090000\nDTEND;TZID=Europe/"
      "Paris:20270104T170000\nRRULE:FREQ=DAILY;COUNT=9\n"
      "END:AVAILABLE\nEND:VAVAILABILITY\n");
  const std::string first = exported();
  const auto planned = [&] {
    return run([&](db::Session& db) {
      const Time from(std::chrono::sys_days(std::chrono::year(2027) / 1 / 1));
      return availability_.preview_calendar(db, alice_, from, from + std::chrono::days(200)).size();
    });
  };
  EXPECT_EQ(planned(), 11u);
  run([&](db::Session& db) { availability_.import_calendar(db, alice_, first, {}, 1); });
  EXPECT_EQ(exported(), first);
  EXPECT_EQ(planned(), 11u);
  expect_fault(FaultCode::STALE_VERSION, "ifVersion",
               [&](db::Session& db) { availability_.import_calendar(db, alice_, first, {}, 1); });
}

}  // namespace
}  // namespace whitebrick::availability

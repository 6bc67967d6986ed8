#include <gtest/gtest.h>

#include "modules/availability/calendar_text.hpp"
#include "server/fault.hpp"

namespace whitebrick::availability {
namespace {

std::string calendar(const std::string& body) {
  return "BEGIN:VCALENDAR\nVERSION:2.0\n" + body + "END:VCALENDAR\n";
}
std::string event(const std::string& body) {
  return calendar("BEGIN:VEVENT\nUID:1\n" + body + "END:VEVENT\n");
}

Rule only_rule(const std::string& text) {
  const CalendarContent content = read_calendar(text, std::nullopt);
  EXPECT_EQ(content.modes.size(), 1u);
  return content.modes.at(0).rules.at(0);
}

TEST(CalendarText, AnEventIsARule) {
  const Rule rule = only_rule(event(
      "DTSTART;TZID=Europe/Paris:20261123T090000\nDTEND;TZID=Europe/London:20261123T090000\n"
      "RRULE:FREQ=WEEKLY;BYDAY=MO\nEXDATE:20261130T080000Z\nRDATE;TZID=Europe/Paris:20261124T090000\n"));
  EXPECT_EQ(rule.zone, "Europe/Paris");
  EXPECT_EQ(local_text(rule.start), "2026-11-23T09:00:00");
  EXPECT_EQ(local_text(rule.end.value()), "2026-11-23T10:00:00") << "nine in London";
  EXPECT_EQ(rule.recurrence, "FREQ=WEEKLY;BYDAY=MO");
  ASSERT_EQ(rule.except.size(), 1u);
  EXPECT_EQ(local_text(rule.except[0]), "2026-11-30T09:00:00");
  ASSERT_EQ(rule.extra.size(), 1u);
  EXPECT_EQ(local_text(rule.extra[0]), "2026-11-24T09:00:00");
}

TEST(CalendarText, ADateIsADayAndADurationOfDaysIsByWallClock) {
  const Rule day = only_rule(event("DTSTART;VALUE=DATE:20261225\n"));
  EXPECT_EQ(local_text(day.end.value()), "2026-12-26T00:00:00");
  const Rule days = only_rule(event("DTSTART;TZID=Europe/Paris:20270327T090000\nDURATION:P1D\n"));
  EXPECT_EQ(local_text(days.end.value()), "2027-03-28T09:00:00");
  const Rule exact = only_rule(event("DTSTART:20270327T090000Z\nDURATION:PT90M\n"));
  EXPECT_EQ(exact.duration, std::chrono::minutes(90));
}

TEST(CalendarText, AMovedOccurrenceIsAnExceptionAndAnEvent) {
  const CalendarContent content =
      read_calendar(calendar("BEGIN:VEVENT\nUID:a\nDTSTART:20261123T090000Z\nDTEND:20261123T100000Z\nRRULE:"
                             "FREQ=DAILY\nEND:VEVENT\n"
                             "BEGIN:VEVENT\nUID:a\nRECURRENCE-ID:20261124T090000Z\nDTSTART:"
                             "20261124T150000Z\nDTEND:20261124T160000Z\n"
                             "END:VEVENT\n"),
                    std::nullopt);
  ASSERT_EQ(content.modes.at(0).rules.size(), 2u);
  ASSERT_EQ(content.modes[0].rules[0].except.size(), 1u);
  EXPECT_EQ(local_text(content.modes[0].rules[0].except[0]), "2026-11-24T09:00:00");
}

TEST(CalendarText, AnAvailabilityIsBusyAroundWhatIsAvailable) {
  const CalendarContent content = read_calendar(
      calendar("BEGIN:VAVAILABILITY\nUID:a\nPRIORITY:1\nBUSYTYPE:BUSY-TENTATIVE\nBEGIN:AVAILABLE\nUID:b\n"
               "DTSTART:20261123T090000Z\nDTEND:20261123T170000Z\nRRULE:FREQ=DAILY\nEND:AVAILABLE\nEND:"
               "VAVAILABILITY\n"),
      std::nullopt);
  ASSERT_EQ(content.modes.size(), 2u);
  EXPECT_EQ(content.modes[0].mode, "ical-busy-tentative-1");
  EXPECT_EQ(content.modes[0].state, ModeState::kNotAvailable);
  EXPECT_FALSE(content.modes[0].rules.at(0).end) << "for ever";
  EXPECT_EQ(content.modes[1].mode, "ical-available-1");
  EXPECT_EQ(content.modes[1].state, ModeState::kAvailable);
  EXPECT_GT(content.modes[1].priority, content.modes[0].priority);
  EXPECT_LT(content.modes[1].priority, 100) << "an event wins";
}

// The AVAILABLE of a VAVAILABILITY of the January of 2027 in Paris.
std::vector<Rule> available_in_january(const std::string& parts) {
  const CalendarContent content =
      read_calendar(calendar("BEGIN:VAVAILABILITY\nUID:a\nDTSTART;TZID=Europe/Paris:20270101T000000\n"
                             "DTEND;TZID=Europe/Paris:20270201T000000\n" +
                             parts + "END:VAVAILABILITY\n"),
                    std::nullopt);
  return content.modes.at(1).rules;
}
Rule only_available(const std::string& body) {
  const auto rules =
      available_in_january("BEGIN:AVAILABLE\nUID:b\n" + body + "DURATION:PT1H\nEND:AVAILABLE\n");
  EXPECT_EQ(rules.size(), 1u);
  return rules.at(0);
}

TEST(CalendarText, WhatIsAvailableIsCutToTheWholeTime) {
  Rule rule = only_available("DTSTART;TZID=Europe/Paris:20261201T090000\nRRULE:FREQ=DAILY;INTERVAL=2\n");
  EXPECT_EQ(local_text(rule.start), "2027-01-02T09:00:00") << "every second day goes on as it did";
  EXPECT_EQ(rule.recurrence, "FREQ=DAILY;INTERVAL=2;UNTIL=20270131T225959Z");
  rule = only_available("DTSTART;TZID=Europe/Paris:20261230T090000\nRRULE:FREQ=DAILY;COUNT=40\n");
  EXPECT_EQ(local_text(rule.start), "2027-01-01T09:00:00");
  EXPECT_EQ(rule.recurrence, "FREQ=DAILY;COUNT=31");
  const std::string early = "FREQ=DAILY;UNTIL=20270110T000000Z";
  EXPECT_EQ(only_available("DTSTART:20270104T090000Z\nRRULE:" + early + "\n").recurrence, early);
  EXPECT_EQ(only_available("DTSTART:20270104T090000Z\nRRULE:FREQ=DAILY;COUNT=3\n").recurrence,
            "FREQ=DAILY;COUNT=3");

  rule = only_available("DTSTART;TZID=Europe/Paris:20261231T233000\n");
  EXPECT_EQ(local_text(rule.start), "2027-01-01T00:00:00");
  EXPECT_EQ(local_text(rule.end.value()), "2027-01-01T00:30:00");
  rule = only_available("DTSTART:20261201T090000Z\nRDATE:20270105T090000Z,20270305T090000Z\n");
  EXPECT_EQ(local_text(rule.start), "2027-01-05T09:00:00");
  EXPECT_TRUE(rule.extra.empty());
  for (const char* outside : {"DTSTART:20270301T090000Z\nDURATION:PT1H\n",
                              "DTSTART:20270301T090000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY\n",
                              "DTSTART:20260101T090000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY;COUNT=5\n"}) {
    EXPECT_TRUE(
        available_in_january(std::string("BEGIN:AVAILABLE\nUID:b\n") + outside + "END:AVAILABLE\n").empty())
        << outside;
  }
}

TEST(CalendarText, AMovedAvailableIsAnExceptionAndAnother) {
  const auto rules = available_in_january(
      "BEGIN:AVAILABLE\nUID:b\nDTSTART:20270104T090000Z\nDTEND:20270104T100000Z\nRRULE:FREQ=DAILY\n"
      "END:AVAILABLE\nBEGIN:AVAILABLE\nUID:b\nRECURRENCE-ID:20270105T090000Z\n"
      "DTSTART:20270105T150000Z\nDTEND:20270105T160000Z\nEND:AVAILABLE\n");
  ASSERT_EQ(rules.size(), 2u);
  ASSERT_EQ(rules[0].except.size(), 1u);
  EXPECT_EQ(local_text(rules[0].except[0]), "2027-01-05T09:00:00");
  EXPECT_TRUE(rules[1].except.empty());
}

TEST(CalendarText, NamesOfProgramsBeforeZonesAreNotHeeded) {
  EXPECT_EQ(
      only_rule(event("DTSTART;TZID=/citadel.org/2026_1/America/New_York:20261123T090000\nDURATION:PT1H\n"))
          .zone,
      "America/New_York");
}

void refused(FaultCode code, const std::string& field, const std::string& text) {
  try {
    read_calendar(text, std::nullopt);
    ADD_FAILURE() << "no fault: " << text.substr(0, 80);
  } catch (const Fault& fault) {
    EXPECT_EQ(name(fault.code()), name(code)) << fault.message();
    EXPECT_EQ(fault.field(), field) << fault.message();
  }
}

TEST(CalendarText, HostileTextsAreRefused) {
  refused(FaultCode::INVALID_ARGUMENT, "calendar", "");
  refused(FaultCode::INVALID_ARGUMENT, "calendar", "BEGIN:VEVENT\nEND:VEVENT\n");
  refused(FaultCode::INVALID_ARGUMENT, "calendar", "BEGIN:VCALENDAR\n");
  refused(FaultCode::INVALID_ARGUMENT, "calendar", "END:VCALENDAR\n");
  refused(FaultCode::INVALID_ARGUMENT, "calendar",
          event("DTSTART:20270101T090000Z\nRRULE:FREQ=WEEKLY;BYDAY=ZZ\n"));
  refused(FaultCode::INVALID_ARGUMENT, "calendar", event("DTEND:20270101T090000Z\n"));
  refused(FaultCode::INVALID_ARGUMENT, "calendar", event("DTSTART:99990101T090000Z\n"));
  refused(
      FaultCode::INVALID_ARGUMENT, "calendar",
      event("DTSTART:20270101T090000Z\nDTEND:20270101T100000Z\nRDATE;VALUE=PERIOD:20270101T090000Z/PT1H\n"));
  refused(FaultCode::INVALID_ARGUMENT, "timeZone", event("DTSTART;TZID=Mars/Olympus:20270101T090000\n"));
  refused(FaultCode::INVALID_ARGUMENT, "timeZone",
          event("DTSTART;TZID=../../../etc/passwd:20270101T090000\n"));
  std::string deep;
  for (int i = 0; i < 1000; ++i) deep += "BEGIN:VEVENT\n";
  refused(FaultCode::INVALID_ARGUMENT, "calendar", calendar(deep));
  refused(FaultCode::LIMIT_EXCEEDED, "calendar", calendar(std::string(kMaxCalendarText, 'x')));
  std::string lines, parameters = "X-A", zone = "DTSTART;TZID=";
  for (int i = 0; i < 2001; ++i) lines += "X-A:1\n";
  for (int i = 0; i < 5000; ++i) parameters += ";P" + std::to_string(i) + "=1";
  for (int i = 0; i < 20000; ++i) zone += "/a";
  refused(FaultCode::LIMIT_EXCEEDED, "calendar", calendar(lines));
  refused(FaultCode::LIMIT_EXCEEDED, "calendar", event(parameters + ":y\n"));
  refused(FaultCode::INVALID_ARGUMENT, "timeZone", event(zone + ":20270101T090000\n"));
}

TEST(CalendarText, WhatIsWrittenIsReadAgain) {
  WrittenRule event;
  event.rule = only_rule(
      calendar("BEGIN:VEVENT\nUID:1\nX-WHITEBRICK-MODE:meeting\nDTSTART;TZID=Asia/Tokyo:20261123T090000\n"
               "DTEND;TZID=Asia/Tokyo:20261124T100000\nRRULE:FREQ=MONTHLY;BYDAY=-1FR\n"
               "EXDATE;TZID=Asia/Tokyo:20261127T090000\nEND:VEVENT\n"));
  event.rule.mode = "meeting";
  event.summary = "Réunion; \\ très, très longue " + std::string(200, 'z');
  WrittenRule off = event, open = event;
  off.of_profile = true;
  off.rule.action = RuleAction::kDeactivate;
  open.as_availability = true;
  open.rule.mode = "open";
  const std::string text = write_calendar({event, off, open});
  const CalendarContent read = read_calendar(text, std::nullopt);
  ASSERT_EQ(read.modes.size(), 2u);
  EXPECT_TRUE(read.modes[0].named);
  EXPECT_EQ(read.modes[0].mode, "meeting");
  EXPECT_EQ(read.modes[0].rules.at(0).start, event.rule.start);
  EXPECT_EQ(read.modes[0].rules[0].end, event.rule.end);
  EXPECT_EQ(read.modes[0].rules[0].except, event.rule.except);
  EXPECT_EQ(read.modes[1].mode, "open");
  ASSERT_TRUE(read.of_profile);
  EXPECT_EQ(read.of_profile->at(0).action, RuleAction::kDeactivate);
  for (std::size_t at = 0, end; (end = text.find("\r\n", at)) != std::string::npos; at = end + 2)
    EXPECT_LE(end - at, 75u);
}

}  // namespace
}  // namespace whitebrick::availability

#include <gtest/gtest.h>

#include <ctime>
#include <fstream>
#include <sstream>

#include "modules/availability/calendar.hpp"
#include "server/fault.hpp"

namespace whitebrick::availability {
namespace {

std::string trimmed(const std::string& text) {
  const auto begin = text.find_first_not_of(' '), end = text.find_last_not_of(' ');
  return begin == std::string::npos ? "" : text.substr(begin, end - begin + 1);
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, separator);) {
    if (separator == '|' || !trimmed(part).empty()) parts.push_back(trimmed(part));
  }
  return parts;
}

Time utc(const std::string& text) { return Time(parse_local(text, "time").time_since_epoch()); }
std::string text_of(Time time) {
  return local_text(LocalTime(std::chrono::floor<std::chrono::seconds>(time.time_since_epoch())))
      .substr(0, 16);
}

Rule rule(const std::string& zone, const std::string& start, const std::string& end,
          const std::string& recurrence = {}) {
  Rule rule;
  rule.zone = zone;
  rule.start = parse_local(start, "start");
  if (end.find('T') != std::string::npos)
    rule.end = parse_local(end, "end");
  else if (!end.empty())
    rule.duration = std::chrono::minutes(std::stoi(end));
  if (!recurrence.empty()) rule.recurrence = recurrence;
  return rule;
}

TEST(Calendar, Table) {
  std::ifstream file(WB_SOURCE_DIR "/tests/unit/availability/calendar.table");
  int cases = 0;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    SCOPED_TRACE(line);
    const auto cells = split(line, '|');
    ASSERT_EQ(cells.size(), 7u);
    Rule read = rule(cells[0], cells[1], cells[2], cells[3]);
    for (const std::string& date : split(cells[4], ' ')) {
      if (date[0] == '+')
        read.extra.push_back(parse_local(date.substr(1), "extra"));
      else
        read.except.push_back(parse_local(date, "except"));
    }
    std::vector<Rule> rules{read}, none;
    check_rules(rules, none);
    const auto window = split(cells[5], ' ');
    std::string found;
    for (const Interval& interval : occurrences(rules[0], utc(window[0]), utc(window[1]))) {
      found += (found.empty() ? "" : " ") + text_of(interval.begin) + "/" + text_of(interval.end.value());
    }
    EXPECT_EQ(found.empty() ? "-" : found, cells[6]);
    ++cases;
  }
  EXPECT_GE(cases, 30);
}

void refused(FaultCode code, const std::string& field, Rule given, bool of_profile = false) {
  std::vector<Rule> rules{std::move(given)}, none;
  try {
    check_rules(of_profile ? none : rules, of_profile ? rules : none);
    ADD_FAILURE() << "no fault, but " << name(code) << " of " << field;
  } catch (const Fault& fault) {
    EXPECT_EQ(name(fault.code()), name(code)) << fault.message();
    EXPECT_EQ(fault.field(), field) << fault.message();
  }
}

TEST(Calendar, WhatIsNoRecurrenceIsRefused) {
  for (const char* recurrence : {"",
                                 "FREQ",
                                 "DAILY",
                                 "FREQ=HOURLY",
                                 "FREQ=MINUTELY",
                                 "FREQ=SECONDLY",
                                 "FREQ=DAILY;",
                                 "FREQ=DAILY;FREQ=DAILY",
                                 "FREQ=DAILY;BYHOUR=9",
                                 "FREQ=DAILY;BYMINUTE=1",
                                 "FREQ=DAILY;BYSECOND=1",
                                 "INTERVAL=2",
                                 "FREQ=DAILY;INTERVAL=0",
                                 "FREQ=DAILY;INTERVAL=1000",
                                 "FREQ=DAILY;COUNT=0",
                                 "FREQ=DAILY;COUNT=-1",
                                 "FREQ=DAILY;COUNT=3x",
                                 "FREQ=DAILY;COUNT=2;UNTIL=20270101",
                                 "FREQ=DAILY;UNTIL=2027",
                                 "FREQ=DAILY;UNTIL=20270230",
                                 "FREQ=DAILY;UNTIL=20279999T000000Z",
                                 "FREQ=DAILY;BYMONTH=13",
                                 "FREQ=DAILY;BYMONTHDAY=32",
                                 "FREQ=WEEKLY;BYDAY=XX",
                                 "FREQ=WEEKLY;BYDAY=2MO",
                                 "FREQ=WEEKLY;BYMONTHDAY=1",
                                 "FREQ=YEARLY;BYDAY=54MO",
                                 "FREQ=YEARLY;BYDAY=1MO;BYWEEKNO=3",
                                 "FREQ=MONTHLY;BYYEARDAY=1",
                                 "FREQ=DAILY;BYSETPOS=1",
                                 "FREQ=MONTHLY;BYDAY=MO;BYSETPOS=0",
                                 "FREQ=WEEKLY;WKST=XX",
                                 "FREQ=YEARLY;RSCALE=HEBREW",
                                 "freq=daily",
                                 "RRULE:FREQ=DAILY",
                                 "FREQ=DAILY\nX=1"}) {
    SCOPED_TRACE(recurrence);
    Rule given = rule("UTC", "2027-01-01T09:00", "60");
    given.recurrence = recurrence;
    refused(FaultCode::INVALID_ARGUMENT, "recurrence", given);
  }
  refused(FaultCode::LIMIT_EXCEEDED, "recurrence",
          rule("UTC", "2027-01-01T09:00", "60", "FREQ=DAILY;COUNT=1001"));
  refused(FaultCode::LIMIT_EXCEEDED, "recurrence",
          rule("UTC", "2027-01-01T09:00", "60", "FREQ=DAILY;COUNT=1;BYMONTH=2;BYMONTHDAY=30"));
  refused(FaultCode::LIMIT_EXCEEDED, "recurrence",
          rule("UTC", "2027-01-01T09:00", "60", std::string(5000, 'A')));
}

TEST(Calendar, WhatMakesNoSenseIsRefused) {
  for (const char* zone :
       {"", "Nowhere/City", "../../etc/passwd", "/etc/localtime", "Europe/Paris\n", "CET+CEST+x y"}) {
    refused(FaultCode::INVALID_ARGUMENT, "timeZone", rule(zone, "2027-01-01T09:00", "60"));
  }
  refused(FaultCode::INVALID_ARGUMENT, "end", rule("UTC", "2027-01-01T09:00", "2027-01-01T09:00"));
  refused(FaultCode::INVALID_ARGUMENT, "end",
          rule("UTC", "2027-01-01T09:00", "2029-01-01T09:00", "FREQ=DAILY"));
  refused(FaultCode::INVALID_ARGUMENT, "end", rule("UTC", "2027-01-01T09:00", "", "FREQ=DAILY"));
  refused(FaultCode::INVALID_ARGUMENT, "durationMinutes", rule("UTC", "2027-01-01T09:00", "0"));
  refused(FaultCode::INVALID_ARGUMENT, "durationMinutes", rule("UTC", "2027-01-01T09:00", "527041"));
  Rule both = rule("UTC", "2027-01-01T09:00", "2027-01-01T10:00");
  both.duration = std::chrono::minutes(5);
  refused(FaultCode::INVALID_ARGUMENT, "durationMinutes", both);
  Rule off = rule("UTC", "2027-01-01T09:00", "60");
  off.action = RuleAction::kDeactivate;
  refused(FaultCode::INVALID_ARGUMENT, "action", off);
  for (const char* time : {"2027-02-29T09:00", "2027-01-01T24:00", "2027-01-01", "2027-01-01T09:00Z",
                           "2027-1-01T09:000", "+027-01-01T09:00", "1969-12-31T09:00", "2101-01-01T09:00"}) {
    EXPECT_THROW(parse_local(time, "start"), Fault) << time;
  }
}

TEST(Calendar, RulesAreLimitedTogether) {
  const auto exceeds = [](std::vector<Rule> rules, const std::string& field) {
    std::vector<Rule> none;
    try {
      check_rules(rules, none);
      ADD_FAILURE() << field;
    } catch (const Fault& fault) {
      EXPECT_EQ(fault.code(), FaultCode::LIMIT_EXCEEDED);
      EXPECT_EQ(fault.field(), field);
    }
  };
  exceeds(std::vector<Rule>(kMaxRules + 1, rule("UTC", "2027-01-01T09:00", "60")), "rule");
  exceeds(std::vector<Rule>(kMaxRecurring + 1, rule("UTC", "2027-01-01T09:00", "60", "FREQ=DAILY")),
          "recurrence");
  Rule dated = rule("UTC", "2027-01-01T09:00", "60");
  dated.extra.assign(kMaxDates, parse_local("2027-01-02T09:00", "extra"));
  exceeds(std::vector<Rule>(6, dated), "extra");
  dated.extra.push_back(dated.extra.front());
  exceeds({dated}, "extra");
  std::vector<Rule> many;
  for (const char* zone : {"UTC", "Europe/Paris", "Europe/Rome", "Europe/Berlin", "Asia/Tokyo",
                           "Asia/Kolkata", "America/New_York", "America/Chicago", "America/Denver"}) {
    many.push_back(rule(zone, "2027-01-01T09:00", "60"));
  }
  exceeds(many, "timeZone");
}

// A profile of three modes: 1 and 2 for everybody, 3 for some.
class Compiled : public ::testing::Test {
 protected:
  void in_mode(std::uint64_t mode, const std::string& start, const std::string& end,
               const std::string& recurrence = {}) {
    rules_.push_back({mode, mode != 3, false, rule("UTC", start, end, recurrence)});
  }
  void in_profile(RuleAction action, std::uint64_t mode, const std::string& start,
                  const std::string& end = {}, const std::string& recurrence = {}) {
    Rule made = rule("UTC", start, end, recurrence);
    made.action = action;
    rules_.push_back({mode, mode != 3, true, made});
  }
  std::string compiled(const std::string& from, const std::string& to) {
    std::string found;
    for (const ModeInterval& interval : compile(rules_, utc(from), utc(to))) {
      found += (found.empty() ? "" : " ") + std::to_string(interval.mode_id) + ":" +
               text_of(interval.begin).substr(5) + "/" +
               (interval.end ? text_of(*interval.end).substr(5) : "");
    }
    return found;
  }
  std::vector<PlacedRule> rules_;
};

TEST_F(Compiled, WhatTouchesIsOne) {
  in_mode(1, "2027-01-04T09:00", "2027-01-04T12:00");
  in_mode(1, "2027-01-04T11:00", "2027-01-04T13:00");
  in_mode(1, "2027-01-04T13:00", "2027-01-04T14:00");
  in_mode(2, "2027-01-04T12:00", "2027-01-04T13:00");
  EXPECT_EQ(compiled("2027-01-04T00:00", "2027-01-05T00:00"),
            "1:01-04T09:00/01-04T14:00 2:01-04T12:00/01-04T13:00");
}

TEST_F(Compiled, OnAndOffByTheProfile) {
  in_profile(RuleAction::kActivate, 1, "2027-01-04T09:00", "", "FREQ=WEEKLY;BYDAY=MO");
  in_profile(RuleAction::kDeactivate, 1, "2027-01-08T17:00", "", "FREQ=WEEKLY;BYDAY=FR");
  EXPECT_EQ(compiled("2027-01-04T00:00", "2027-01-17T00:00"),
            "1:01-04T09:00/01-08T17:00 1:01-11T09:00/01-15T17:00");
  EXPECT_EQ(compiled("2027-01-06T00:00", "2027-01-07T00:00"), "1:01-04T09:00/01-08T17:00")
      << "it has begun before";
}

TEST_F(Compiled, AnotherModeForEverybodyEndsIt) {
  in_profile(RuleAction::kActivate, 1, "2027-01-04T09:00", "", "FREQ=DAILY");
  in_profile(RuleAction::kActivate, 2, "2027-01-04T17:00", "", "FREQ=DAILY");
  in_profile(RuleAction::kActivate, 3, "2027-01-04T12:00");
  EXPECT_EQ(compiled("2027-01-04T18:00", "2027-01-06T00:00"),
            "3:01-04T12:00/01-05T12:00 2:01-04T17:00/01-05T09:00 1:01-05T09:00/01-05T17:00 "
            "2:01-05T17:00/01-06T09:00");
}

TEST_F(Compiled, APeriodOfDeactivationCutsEverything) {
  in_mode(1, "2027-01-04T09:00", "2027-01-04T17:00", "FREQ=DAILY");
  in_profile(RuleAction::kDeactivate, 1, "2027-01-05T12:00", "2027-01-06T12:00");
  EXPECT_EQ(compiled("2027-01-04T00:00", "2027-01-07T00:00"),
            "1:01-04T09:00/01-04T17:00 1:01-05T09:00/01-05T12:00 1:01-06T12:00/01-06T17:00");
}

// What is cut and what cuts it are both in order.
TEST_F(Compiled, ManyPeriodsOfDeactivationCostLittle) {
  const auto at = [](int hour, const char* minutes) {
    return "2027-01-04T" + std::string(hour < 10 ? "0" : "") + std::to_string(hour) + minutes;
  };
  const auto cost = [&](std::size_t expected) {
    const std::clock_t before = std::clock();
    EXPECT_EQ(compile(rules_, utc("2027-01-04T00:00"), utc("2028-01-04T00:00")).size(), expected);
    return std::clock() - before;
  };
  for (int hour = 0; hour < 20; ++hour) in_mode(1, at(hour, ":00"), at(hour, ":30"), "FREQ=DAILY");
  const auto uncut = cost(20 * 365);
  for (int hour = 0; hour < 20; ++hour)
    in_profile(RuleAction::kDeactivate, 1, at(hour, ":10"), at(hour, ":20"), "FREQ=DAILY");
  EXPECT_LT(cost(2 * 20 * 365), 10 * uncut);
}

TEST_F(Compiled, ItBeganWhereItDidHoweverLateOneLooks) {
  in_mode(1, "2027-01-04T09:00", "2027-01-04T12:00");
  in_mode(1, "2027-01-04T12:00", "2027-01-04T18:00");
  for (const char* from : {"2027-01-04T08:00", "2027-01-04T11:00", "2027-01-04T13:00"}) {
    EXPECT_EQ(compiled(from, "2027-01-05T00:00"), "1:01-04T09:00/01-04T18:00") << from;
  }
  in_profile(RuleAction::kDeactivate, 1, "2027-01-04T13:00", "2027-01-04T14:00");
  EXPECT_EQ(compiled("2027-01-04T15:00", "2027-01-05T00:00"), "1:01-04T14:00/01-04T18:00");
}

TEST_F(Compiled, WhatGoesOnForYearsBeganOnTheSameDayForAllWhoLook) {
  in_mode(1, "2020-01-04T06:00", "2020-01-05T06:00", "FREQ=DAILY");
  in_mode(2, "2020-01-04T18:00", "2020-01-05T18:00", "FREQ=DAILY");
  const std::string once = compiled("2027-01-04T03:00", "2027-01-10T00:00");
  EXPECT_EQ(compiled("2027-01-04T12:00", "2027-01-10T00:00"), once);
  EXPECT_EQ(compiled("2026-06-04T21:00", "2026-06-10T00:00").substr(0, 13), once.substr(0, 13));
}

TEST_F(Compiled, ForEverOnceInAMode) {
  in_mode(1, "2017-01-04T09:00", "");
  EXPECT_EQ(compiled("2027-01-04T00:00", "2027-01-07T00:00"), "1:01-04T09:00/");
}

}  // namespace
}  // namespace whitebrick::availability

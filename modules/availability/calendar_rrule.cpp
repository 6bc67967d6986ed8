// The text of a recurrence, read strictly: what is not understood whole is refused.
#include <algorithm>
#include <map>
#include <regex>

#include "modules/availability/calendar_recurrence.hpp"
#include "server/fault.hpp"

namespace whitebrick::availability {
namespace {

constexpr std::size_t kMaxLength = 512;  // std::regex recurses with the length
constexpr int kMaxCount = 1000;
constexpr std::string_view kDays = "SUMOTUWETHFRSA";

using Parts = std::map<std::string, std::string>;

[[noreturn]] void refuse(const std::string& why) {
  throw Fault(FaultCode::INVALID_ARGUMENT, why, "recurrence");
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> items;
  std::size_t at = 0;
  for (std::size_t end; (end = text.find(separator, at)) != std::string::npos; at = end + 1) {
    items.push_back(text.substr(at, end - at));
  }
  items.push_back(text.substr(at));
  return items;
}

// What each part may be.
const std::map<std::string, std::regex>& forms() {
  static const std::map<std::string, std::regex> forms = [] {
    const auto list = [](const std::string& item) { return std::regex(item + "(," + item + ")*"); };
    const std::string of_year = "[+-]?([1-9]|[1-9][0-9]|[12][0-9][0-9]|3[0-5][0-9]|36[0-6])";
    const std::string of_weeks = "[+-]?([1-9]|[1-4][0-9]|5[0-3])";
    return std::map<std::string, std::regex>{
        {"FREQ", std::regex("DAILY|WEEKLY|MONTHLY|YEARLY")},
        {"INTERVAL", std::regex("[1-9][0-9]{0,2}")},
        {"COUNT", std::regex("[1-9][0-9]{0,3}")},
        {"UNTIL", std::regex("[12][0-9]{7}(T([01][0-9]|2[0-3])[0-5][0-9][0-5][0-9]Z?)?")},
        {"BYDAY", list("(" + of_weeks + ")?(MO|TU|WE|TH|FR|SA|SU)")},
        {"BYMONTHDAY", list("[+-]?([1-9]|[12][0-9]|3[01])")},
        {"BYMONTH", list("([1-9]|1[0-2])")},
        {"BYYEARDAY", list(of_year)},
        {"BYWEEKNO", list(of_weeks)},
        {"BYSETPOS", list(of_year)},
        {"WKST", std::regex("MO|TU|WE|TH|FR|SA|SU")},
    };
  }();
  return forms;
}

Parts parts_of(const std::string& text) {
  Parts parts;
  for (const std::string& part : split(text, ';')) {
    const std::size_t sign = part.find('=');
    if (sign == std::string::npos) refuse("a recurrence is a list of NAME=VALUE with ; between them");
    const std::string name = part.substr(0, sign), value = part.substr(sign + 1);
    const auto form = forms().find(name);
    if (form == forms().end()) refuse("of RFC 5545, parts for days and slower are understood");
    if (!std::regex_match(value, form->second)) refuse(name + " has a value that it cannot have");
    if (!parts.emplace(name, value).second) refuse(name + " is there twice");
  }
  return parts;
}

void check_together(const Parts& parts) {
  if (!parts.contains("FREQ")) refuse("FREQ is missing");
  const std::string& frequency = parts.at("FREQ");
  const bool yearly = frequency == "YEARLY", weekly = frequency == "WEEKLY", monthly = frequency == "MONTHLY";
  if (parts.contains("COUNT") && parts.contains("UNTIL")) refuse("COUNT and UNTIL exclude each other");
  if (!yearly && (parts.contains("BYYEARDAY") || parts.contains("BYWEEKNO"))) {
    refuse("BYYEARDAY and BYWEEKNO go with YEARLY only");
  }
  if (weekly && parts.contains("BYMONTHDAY")) refuse("BYMONTHDAY does not go with WEEKLY");
  if (!monthly && !yearly && parts.contains("BYSETPOS")) refuse("BYSETPOS goes with MONTHLY and YEARLY only");
  const auto by_day = parts.find("BYDAY");
  const bool numbered =
      by_day != parts.end() && by_day->second.find_first_of("0123456789") != std::string::npos;
  if (numbered && ((!monthly && !yearly) || parts.contains("BYWEEKNO"))) {
    refuse("numbered days go with MONTHLY and YEARLY only, without BYWEEKNO");
  }
}

std::chrono::weekday weekday_of(std::string_view name) {
  return std::chrono::weekday(static_cast<unsigned>(kDays.find(name) / 2));
}

std::vector<int> numbers_of(const Parts& parts, const std::string& name) {
  std::vector<int> numbers;
  const auto part = parts.find(name);
  if (part == parts.end()) return numbers;
  for (const std::string& item : split(part->second, ',')) numbers.push_back(std::stoi(item));
  return numbers;
}

void read_until(Recurrence& rule, const std::string& text) {
  const auto part = [&](std::size_t at, std::size_t length) { return std::stoi(text.substr(at, length)); };
  const auto date = std::chrono::year(part(0, 4)) / std::chrono::month(static_cast<unsigned>(part(4, 2))) /
                    std::chrono::day(static_cast<unsigned>(part(6, 2)));
  if (!date.ok()) refuse("UNTIL is no date");
  rule.until_is_utc = text.back() == 'Z';
  rule.until = std::chrono::local_days(date) + std::chrono::hours(24) - std::chrono::seconds(1);
  if (text.size() == 8) return;
  rule.until = std::chrono::local_days(date) + std::chrono::hours(part(9, 2)) +
               std::chrono::minutes(part(11, 2)) + std::chrono::seconds(part(13, 2));
}

}  // namespace

Recurrence Recurrence::parse(const std::string& text) {
  if (text.size() > kMaxLength)
    throw Fault(FaultCode::LIMIT_EXCEEDED, "at most 512 characters", "recurrence");
  const Parts parts = parts_of(text);
  check_together(parts);
  Recurrence rule;
  const std::map<std::string, Frequency> frequencies{{"DAILY", Frequency::kDaily},
                                                     {"WEEKLY", Frequency::kWeekly},
                                                     {"MONTHLY", Frequency::kMonthly},
                                                     {"YEARLY", Frequency::kYearly}};
  rule.frequency = frequencies.at(parts.at("FREQ"));
  if (parts.contains("INTERVAL")) rule.interval = std::stoi(parts.at("INTERVAL"));
  if (parts.contains("COUNT")) rule.count = std::stoi(parts.at("COUNT"));
  if (rule.count.value_or(0) > kMaxCount)
    throw Fault(FaultCode::LIMIT_EXCEEDED, "COUNT is at most 1000", "recurrence");
  if (parts.contains("UNTIL")) read_until(rule, parts.at("UNTIL"));
  if (parts.contains("WKST")) rule.week_begins = weekday_of(parts.at("WKST"));
  if (parts.contains("BYDAY")) {
    for (const std::string& item : split(parts.at("BYDAY"), ',')) {
      const std::size_t number = item.size() - 2;
      rule.by_day.push_back(
          {number == 0 ? 0 : std::stoi(item.substr(0, number)), weekday_of(item.substr(number))});
    }
  }
  rule.by_month_day = numbers_of(parts, "BYMONTHDAY");
  rule.by_month = numbers_of(parts, "BYMONTH");
  rule.by_year_day = numbers_of(parts, "BYYEARDAY");
  rule.by_week = numbers_of(parts, "BYWEEKNO");
  rule.by_position = numbers_of(parts, "BYSETPOS");
  return rule;
}

}  // namespace whitebrick::availability

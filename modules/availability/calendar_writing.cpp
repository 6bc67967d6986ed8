#include <algorithm>

#include "modules/availability/calendar_text.hpp"

namespace whitebrick::availability {
namespace {

constexpr std::size_t kFold = 75;  // octets of a line

// A line, folded; never inside of a character.
void add_line(std::string& text, const std::string& line) {
  std::size_t width = 0;
  for (std::size_t at = 0; at < line.size();) {
    std::size_t length = 1;
    while (at + length < line.size() && (static_cast<unsigned char>(line[at + length]) & 0xC0) == 0x80)
      ++length;
    if (width + length > kFold) {
      text += "\r\n ";
      width = 1;
    }
    text.append(line, at, length);
    width += length;
    at += length;
  }
  text += "\r\n";
}

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '\n') {
      out += "\\n";
      continue;
    }
    if (c == '\\' || c == ';' || c == ',') out += '\\';
    out += c;
  }
  return out;
}

// "20270328T090000"
std::string stamp(LocalTime time) {
  std::string text = local_text(time);
  std::erase_if(text, [](char c) { return c == '-' || c == ':'; });
  return text;
}

std::string when(const std::string& name, const std::string& zone, LocalTime time) {
  return zone == "UTC" ? name + ":" + stamp(time) + "Z" : name + ";TZID=" + zone + ":" + stamp(time);
}

void add_rule(std::string& text, const WrittenRule& written, const std::string& component,
              std::size_t number) {
  const Rule& rule = written.rule;
  add_line(text, "BEGIN:" + component);
  add_line(text, "UID:" + std::to_string(number) + "." + rule.mode + "@whitebrick");
  add_line(text, "DTSTAMP:19700101T000000Z");
  add_line(text, when("DTSTART", rule.zone, rule.start));
  if (rule.end) add_line(text, when("DTEND", rule.zone, *rule.end));
  if (rule.duration) add_line(text, "DURATION:PT" + std::to_string(rule.duration->count()) + "M");
  if (rule.recurrence) add_line(text, "RRULE:" + *rule.recurrence);
  for (const LocalTime time : rule.except) add_line(text, when("EXDATE", rule.zone, time));
  for (const LocalTime time : rule.extra) add_line(text, when("RDATE", rule.zone, time));
  add_line(text, "SUMMARY:" + escaped(written.summary));
  if (!written.as_availability) {
    add_line(text, "X-WHITEBRICK-MODE:" + rule.mode);
    if (written.of_profile) {
      add_line(text, std::string("X-WHITEBRICK-ACTION:") +
                         (rule.action == RuleAction::kActivate ? "ACTIVATE" : "DEACTIVATE"));
    }
  }
  add_line(text, "END:" + component);
}

// 1 is the highest there, 100 here.
int priority_of(int priority) { return priority < 10 ? 0 : std::clamp(10 - priority / 10, 1, 9); }

}  // namespace

std::string write_calendar(const std::vector<WrittenRule>& rules) {
  std::string text;
  add_line(text, "BEGIN:VCALENDAR");
  add_line(text, "VERSION:2.0");
  add_line(text, "PRODID:-//Whitebrick//Availability 1//EN");
  std::string open;
  for (std::size_t i = 0; i < rules.size(); ++i) {
    const WrittenRule& written = rules[i];
    const std::string of = written.as_availability ? written.rule.mode : "";
    if (of != open && !open.empty()) add_line(text, "END:VAVAILABILITY");
    if (of != open && !of.empty()) {
      add_line(text, "BEGIN:VAVAILABILITY");
      add_line(text, "UID:" + of + "@whitebrick");
      add_line(text, "DTSTAMP:19700101T000000Z");
      add_line(text, "PRIORITY:" + std::to_string(priority_of(written.priority)));
      add_line(text, "X-WHITEBRICK-MODE:" + of);
    }
    open = of;
    add_rule(text, written, written.as_availability ? "AVAILABLE" : "VEVENT", i + 1);
  }
  if (!open.empty()) add_line(text, "END:VAVAILABILITY");
  add_line(text, "END:VCALENDAR");
  return text;
}

}  // namespace whitebrick::availability

#include "server/log.hpp"

#include <array>
#include <boost/locale/utf.hpp>
#include <boost/log/core.hpp>
#include <boost/log/expressions.hpp>
#include <boost/log/sources/severity_logger.hpp>
#include <boost/log/utility/formatting_ostream.hpp>
#include <boost/log/utility/setup/console.hpp>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <vector>

#include "db/time.hpp"

namespace whitebrick::log {
namespace {

namespace logging = boost::log;

constexpr std::array<std::string_view, 4> kLevelNames{"debug", "info", "warning", "error"};

thread_local std::string correlation;

// What a record carries to the sink, where it becomes text.
using Pairs = std::vector<std::pair<std::string, std::string>>;

// The time of a log line is when this machine wrote it; no rule is evaluated on it.
std::string timestamp() {
  const auto now = std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
  std::string text = db::to_sql(now);
  text[text.find(' ')] = 'T';
  return text + "Z";
}

void append_code(std::string& out, unsigned char c) {
  std::array<char, 7> code{};
  std::snprintf(code.data(), code.size(), "\\u%04x", c);
  out += code.data();
}

// One line whatever a client sent: control characters and bytes that are not UTF-8 are escaped.
std::string escaped(std::string_view value) {
  using Utf8 = boost::locale::utf::utf_traits<char>;
  std::string out;
  for (auto at = value.begin(); at != value.end();) {
    const auto first = at;
    const auto point = Utf8::decode(at, value.end());
    const auto byte = static_cast<unsigned char>(*first);
    if (!boost::locale::utf::is_valid_codepoint(point)) {
      append_code(out, byte);
      at = first + 1;
    } else if (point < 0x20 || (point >= 0x7f && point < 0xa0)) {
      append_code(out, static_cast<unsigned char>(point));
    } else if (byte == '"' || byte == '\\') {
      out += '\\';
      out += *first;
    } else {
      out.append(first, at);
    }
  }
  return out;
}

bool needs_quotes(std::string_view raw, std::string_view text) {
  return raw.empty() || raw != text || text.find_first_of(" =") != std::string_view::npos;
}

void write_plain(const Pairs& pairs, logging::formatting_ostream& out) {
  const char* separator = "";
  for (const auto& [key, value] : pairs) {
    const std::string text = escaped(value);
    const char* quote = needs_quotes(value, text) ? "\"" : "";
    out << separator << key << '=' << quote << text << quote;
    separator = " ";
  }
}

void write_json(const Pairs& pairs, logging::formatting_ostream& out) {
  char separator = '{';
  for (const auto& [key, value] : pairs) {
    out << separator << '"' << escaped(key) << "\":\"" << escaped(value) << '"';
    separator = ',';
  }
  out << '}';
}

}  // namespace

void start(const Settings& settings) {
  const auto core = logging::core::get();
  core->remove_all_sinks();
  const auto sink = logging::add_console_log(std::clog, logging::keywords::auto_flush = true);
  const auto form = settings.json ? &write_json : &write_plain;
  sink->set_formatter([form](const logging::record_view& record, logging::formatting_ostream& out) {
    if (const auto pairs = logging::extract<Pairs>("Pairs", record)) form(*pairs, out);
  });
  core->set_filter([least = settings.level](const logging::attribute_value_set& values) {
    const auto level = logging::extract<Level>("Severity", values);
    return !level || *level >= least;
  });
}

void write(Level level, std::string_view event, std::initializer_list<Field> fields) {
  // One source per thread: cheap to keep, and not to be shared.
  thread_local logging::sources::severity_logger<Level> source;
  auto record = source.open_record(logging::keywords::severity = level);
  if (!record) return;
  Pairs pairs;
  pairs.reserve(fields.size() + 4);
  pairs.emplace_back("time", timestamp());
  pairs.emplace_back("level", kLevelNames.at(static_cast<std::size_t>(level)));
  pairs.emplace_back("event", event);
  if (!correlation.empty()) pairs.emplace_back("correlation", correlation);
  for (const auto& [key, value] : fields) pairs.emplace_back(key, value);
  // Seen only where start() was never called (a test): Boost.Log's own sink prints it.
  record.attribute_values().insert("Message", logging::attributes::make_attribute_value(std::string(event)));
  record.attribute_values().insert("Pairs", logging::attributes::make_attribute_value(std::move(pairs)));
  source.push_record(std::move(record));
}

Correlation::Correlation(std::string id) : previous_(std::exchange(correlation, std::move(id))) {}
Correlation::~Correlation() { correlation = std::move(previous_); }
const std::string& Correlation::current() { return correlation; }

}  // namespace whitebrick::log

#include "server/settings.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <concepts>
#include <cstdint>
#include <stdexcept>
#include <string_view>
#include <type_traits>
#include <utility>

namespace whitebrick {
namespace {

struct Range {
  std::int64_t least;
  std::int64_t most;
};
constexpr Range kPort{0, 65535};
constexpr Range kSize{1, 1'000'000'000};
constexpr Range kCount{1, 1'000'000};
constexpr Range kSeconds{0, 86400};
constexpr Range kMilliseconds{1, 3'600'000};

constexpr std::array<std::string_view, 4> kLevels{"debug", "info", "warning", "error"};

[[noreturn]] void refuse(const std::string& name, const std::string& text, const std::string& wanted) {
  throw std::invalid_argument(name + ": '" + text + "' is not " + wanted + ".");
}

// `access` answers the member of a Config, constant or not.
template <std::integral T>
std::int64_t to_number(T value) {
  return static_cast<std::int64_t>(value);
}
template <class Rep, class Period>
std::int64_t to_number(std::chrono::duration<Rep, Period> value) {
  return value.count();
}

// A number or a duration in its own unit.
template <class Access>
Setting number(std::string name, std::string unit, std::string help, Range range, Access access) {
  auto show = [access](const Config& c) { return std::to_string(to_number(access(c))); };
  auto read = [access, name, range](Config& c, const std::string& text) {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || value < range.least ||
        value > range.most) {
      refuse(name, text,
             "a whole number from " + std::to_string(range.least) + " to " + std::to_string(range.most));
    }
    auto& member = access(c);
    member = static_cast<std::remove_reference_t<decltype(member)>>(value);
  };
  return {std::move(name), std::move(unit), std::move(help), show, read};
}

// A std::string or a path.
template <class Access>
Setting text(std::string name, std::string unit, std::string help, Access access) {
  auto show = [access](const Config& c) { return std::string(access(c)); };
  auto read = [access](Config& c, const std::string& value) { access(c) = value; };
  return {std::move(name), std::move(unit), std::move(help), show, read};
}

template <class Access>
Setting flag(std::string name, std::string help, Access access) {
  auto show = [access](const Config& c) { return std::string(access(c) ? "true" : "false"); };
  auto read = [access, name](Config& c, const std::string& value) {
    if (value != "true" && value != "false") refuse(name, value, "true or false");
    access(c) = value == "true";
  };
  return {std::move(name), "true|false", std::move(help), show, read};
}

template <class Access>
Setting list(std::string name, std::string help, Access access) {
  auto show = [access](const Config& c) {
    std::string joined;
    for (const std::string& item : access(c)) joined += (joined.empty() ? "" : ",") + item;
    return joined;
  };
  auto read = [access](Config& c, const std::string& value) {
    std::vector<std::string> items;
    std::size_t from = 0;
    while (from < value.size()) {
      const std::size_t comma = std::min(value.find(',', from), value.size());
      const std::size_t first = value.find_first_not_of(' ', from);
      const std::size_t last = value.find_last_not_of(' ', comma - 1);
      if (first < comma) items.push_back(value.substr(first, last - first + 1));
      from = comma + 1;
    }
    access(c) = std::move(items);
  };
  return {std::move(name), "a,b,...", std::move(help), show, read};
}

Setting level() {
  auto show = [](const Config& c) { return std::string(kLevels.at(static_cast<std::size_t>(c.log.level))); };
  auto read = [](Config& c, const std::string& value) {
    for (std::size_t i = 0; i < kLevels.size(); ++i) {
      if (kLevels[i] == value) {
        c.log.level = static_cast<log::Level>(i);
        return;
      }
    }
    refuse("log.level", value, "debug, info, warning or error");
  };
  return {"log.level", "debug|info|warning|error", "Least level that is written.", show, read};
}

}  // namespace

const std::vector<Setting>& settings() {
  static const std::vector<Setting> all{
      text(
          "http.address", "IP address", "Where SOAP is served.",
          [](auto& c) -> auto& { return c.http.address; }),
      number(
          "http.port", "port", "0: any free one; the log says which.", kPort,
          [](auto& c) -> auto& { return c.http.port; }),
      text(
          "http.tls_certificate", "file", "PEM chain; with http.tls_key the port speaks TLS only.",
          [](auto& c) -> auto& { return c.http.tls_certificate; }),
      text(
          "http.tls_key", "file", "PEM key of the certificate.",
          [](auto& c) -> auto& { return c.http.tls_key; }),
      text(
          "public_url", "URL", "How clients reach the pool, for the WSDL. Empty: as the request says.",
          [](auto& c) -> auto& { return c.public_url; }),
      list(
          "http.trusted_proxies", "Balancers whose X-Forwarded headers are believed.",
          [](auto& c) -> auto& { return c.http.trusted_proxies; }),
      list(
          "http.cors_origins", "Origins whose pages may call from a browser.",
          [](auto& c) -> auto& { return c.http.cors_origins; }),
      number(
          "http.io_threads", "threads", "Threads that read and write.", {1, 64},
          [](auto& c) -> auto& { return c.http.io_threads; }),
      number(
          "http.workers", "threads", "Requests worked on at once.", {1, 1024},
          [](auto& c) -> auto& { return c.http.workers; }),
      number(
          "http.worker_queue", "requests", "Requests waiting for a worker; beyond it they are shed.", kCount,
          [](auto& c) -> auto& { return c.http.worker_queue; }),
      number(
          "http.max_connections", "connections", "Open at once.", kCount,
          [](auto& c) -> auto& { return c.http.max_connections; }),
      number(
          "http.max_body", "bytes", "Largest request.", kSize,
          [](auto& c) -> auto& { return c.http.max_body; }),
      number(
          "http.max_bulk_body", "bytes", "Largest request that carries events.", kSize,
          [](auto& c) -> auto& { return c.http.max_bulk_body; }),
      number(
          "http.max_headers", "headers", "Most of them in a request.", {8, 1000},
          [](auto& c) -> auto& { return c.http.max_headers; }),
      number(
          "http.receive_within", "seconds", "A whole request must have come.", {1, 3600},
          [](auto& c) -> auto& { return c.http.receive_within; }),
      number(
          "http.idle_timeout", "seconds", "A connection without a request is closed.", {1, 3600},
          [](auto& c) -> auto& { return c.http.idle_timeout; }),
      number(
          "http.answer_within", "milliseconds", "Then the client gets a retryable fault.", kMilliseconds,
          [](auto& c) -> auto& { return c.http.answer_within; }),
      number(
          "http.poll_margin", "milliseconds", "Parked polls are answered this much before their time is up.",
          {0, 5000}, [](auto& c) -> auto& { return c.http.poll_margin; }),
      text(
          "admin.address", "IP address", "Where /live, /ready and /metrics are.",
          [](auto& c) -> auto& { return c.admin_address; }),
      number(
          "admin.port", "port", "0: any free one; the log says which.", kPort,
          [](auto& c) -> auto& { return c.admin_port; }),
      text(
          "data_directory", "folder", "Of the private database.",
          [](auto& c) -> auto& { return c.data_directory; }),
      number(
          "data_memory", "MiB", "Of the private database, for its pages. 0: a quarter of the machine's.",
          {0, 16 << 20}, [](auto& c) -> auto& { return c.data_memory_mib; }),
      text(
          "database.host", "name", "MariaDB over TCP. Without host and socket a private one is started.",
          [](auto& c) -> auto& { return c.database.host; }),
      number(
          "database.port", "port", "Of database.host.", {1, 65535},
          [](auto& c) -> auto& { return c.database.port; }),
      text(
          "database.socket", "file", "MariaDB over its unix socket.",
          [](auto& c) -> auto& { return c.database.socket; }),
      text(
          "database.user", "name", "Account of the program in the database.",
          [](auto& c) -> auto& { return c.database.user; }),
      text(
          "database.password_file", "file", "Its first line is the password.",
          [](auto& c) -> auto& { return c.database_password_file; }),
      text(
          "database.schema", "name", "The schema, created by migrate when it is missing.",
          [](auto& c) -> auto& { return c.database.schema; }),
      text(
          "database.tls_ca", "file", "PEM; set: the connection must be TLS and the server verified.",
          [](auto& c) -> auto& { return c.database.tls_ca; }),
      number(
          "database.connections", "connections", "Most of this replica.", {2, 1024},
          [](auto& c) -> auto& { return c.database.connections; }),
      number(
          "database.lease_wait", "milliseconds", "Waiting for a free connection.", kMilliseconds,
          [](auto& c) -> auto& { return c.database.lease_wait; }),
      number(
          "database.probe_interval", "milliseconds", "Between tries to reach a database that is away.",
          kMilliseconds, [](auto& c) -> auto& { return c.database.probe_interval; }),
      number(
          "database.connect_timeout", "seconds", "To reach the database.", {1, 60},
          [](auto& c) -> auto& { return c.database.connect_timeout; }),
      number(
          "database.read_timeout", "seconds", "To hear from it.", {1, 600},
          [](auto& c) -> auto& { return c.database.read_timeout; }),
      flag(
          "database.migrate_on_start", "Bring the schema up to date when serving starts.",
          [](auto& c) -> auto& { return c.migrate_on_start; }),
      level(),
      flag(
          "log.json", "JSON instead of key=value.", [](auto& c) -> auto& { return c.log.json; }),
      text(
          "replica", "name", "This replica in the pool. Empty: address and port.",
          [](auto& c) -> auto& { return c.replica; }),
      number(
          "drain_notice", "seconds", "/ready says 404 this long before the listener closes.", kSeconds,
          [](auto& c) -> auto& { return c.drain_notice; }),
      number(
          "drain_grace", "seconds", "Then running requests may take this long.", kSeconds,
          [](auto& c) -> auto& { return c.drain_grace; }),
      number(
          "terminal_lease", "seconds", "A terminal that says nothing for so long is gone.", {1, 86400},
          [](auto& c) -> auto& { return c.terminal_lease; }),
      number(
          "service_lease", "seconds", "A service that says nothing for so long is gone.", {1, 86400},
          [](auto& c) -> auto& { return c.service_lease; }),
      number(
          "token_lifetime", "seconds", "Of a token after Login or RenewToken.", {1, 31536000},
          [](auto& c) -> auto& { return c.token_lifetime; }),
      list(
          "events.push_allow",
          "Hosts, addresses and networks that events may be pushed to although they are not public.",
          [](auto& c) -> auto& { return c.push_allow; }),
      list(
          "events.push_ports", "Ports that events may be pushed to; *: any.",
          [](auto& c) -> auto& { return c.push_ports; }),
      flag(
          "events.push_http", "Push to http endpoints, too.", [](auto& c) -> auto& { return c.push_http; }),
      text(
          "events.push_certificates", "file", "PEM authorities of https endpoints. Empty: the system's.",
          [](auto& c) -> auto& { return c.push_certificates; }),
      number(
          "events.push_senders", "threads", "Subscribers that are pushed to at the same time.", {1, 256},
          [](auto& c) -> auto& { return c.push_senders; }),
      number(
          "events.retention_days", "days",
          "Events stay in the log this long, and a day beyond their time to live.", {1, 3650},
          [](auto& c) -> auto& { return c.event_retention_days; }),
      number(
          "argon2_memory_kib", "KiB", "Memory to hash a password.", {8, 4194304},
          [](auto& c) -> auto& { return c.argon2_memory_kib; }),
  };
  return all;
}

}  // namespace whitebrick

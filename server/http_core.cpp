#include "server/http_core.hpp"

#include <stdexcept>

namespace whitebrick {

namespace {

std::vector<boost::asio::ip::address> parse_addresses(const std::vector<std::string>& texts) {
  std::vector<boost::asio::ip::address> addresses;
  for (const std::string& text : texts) {
    boost::system::error_code error;
    addresses.push_back(boost::asio::ip::make_address(text, error));
    if (error) throw std::runtime_error("trusted proxy '" + text + "' is not an IP address");
  }
  return addresses;
}

}  // namespace

HttpCore::HttpCore(HttpSettings s, WaitRegistry& r, Run run_, FaultPage page)
    : settings(std::move(s)),
      trusted_proxies(parse_addresses(settings.trusted_proxies)),
      registry(r),
      run(std::move(run_)),
      fault_page(std::move(page)),
      workers(settings.workers, settings.worker_queue) {}

void HttpCore::connection_ended() {
  if (--connections > 0) return;
  std::lock_guard lock(mutex_);
  ended_.notify_all();
}

bool HttpCore::await_connections_end(std::chrono::steady_clock::time_point until) {
  std::unique_lock lock(mutex_);
  return ended_.wait_until(lock, until, [&] { return connections == 0; });
}

const std::string& HttpLoop::date(std::time_t now) {
  if (now != date_of_) {
    std::tm parts{};
    gmtime_r(&now, &parts);
    char text[32];
    date_.assign(text, std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts));
    date_of_ = now;
  }
  return date_;
}

}  // namespace whitebrick

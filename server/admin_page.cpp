#include "server/admin_page.hpp"

namespace whitebrick {
namespace {

HttpSettings settings(const std::string& address, std::uint16_t port) {
  HttpSettings http;
  http.address = address;
  http.port = port;
  http.trusted_proxies.clear();
  http.io_threads = 1;
  http.workers = 2;
  http.worker_queue = 16;
  http.max_connections = 64;
  http.max_body = 1024;
  http.bulk_paths.clear();
  return http;
}

HttpResponse text(int status, std::string body) {
  HttpResponse response;
  response.status = status;
  response.content_type = "text/plain; charset=utf-8";
  response.body = std::move(body);
  return response;
}

}  // namespace

HttpResponse admin_answer(const HttpRequest& request, bool ready, const Metrics& metrics) {
  if (request.path == "/live") return text(200, "live\n");
  if (request.path == "/ready") return ready ? text(200, "ready\n") : text(404, "not ready\n");
  if (request.path == "/metrics") {
    HttpResponse page = text(200, metrics.page());
    page.content_type = "text/plain; version=0.0.4; charset=utf-8";
    return page;
  }
  return text(404, "/live, /ready and /metrics are here.\n");
}

AdminPage::AdminPage(const std::string& address, std::uint16_t port, const Metrics& metrics)
    : metrics_(metrics),
      http_(
          settings(address, port), nothing_waits_,
          [this](int, const HttpRequest& request, Poll&) -> RunResult {
            return admin_answer(request, ready_, metrics_);
          },
          [](const HttpRequest&, std::string_view) { return text(503, "too slow\n"); }) {}

void AdminPage::start() { http_.start(); }
void AdminPage::stop() { http_.stop(std::chrono::milliseconds(0)); }
std::uint16_t AdminPage::port() const { return http_.port(); }

}  // namespace whitebrick

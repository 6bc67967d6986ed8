#include "server/http_server.hpp"

#include <algorithm>
#include <future>
#include <stdexcept>
#include <thread>
#include <utility>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include "server/http_connection.hpp"
#include "server/http_core.hpp"
#include "server/http_tls.hpp"
#include "server/log.hpp"

namespace whitebrick {

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

constexpr std::string_view kFull =
    "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

}  // namespace

struct HttpServer::State {
  HttpCore core;
  std::vector<std::unique_ptr<HttpLoop>> loops;
  std::optional<asio::ssl::context> tls;
  tcp::acceptor acceptor;  // on the first loop, as its timer
  asio::steady_timer pause;
  std::vector<std::thread> threads;
  std::size_t next_loop = 0;
  std::uint16_t port = 0;
  bool stopped = false;

  State(HttpSettings settings, WaitRegistry& registry, Run run, FaultPage page)
      : core(std::move(settings), registry, std::move(run), std::move(page)),
        loops(make_loops(core.settings.io_threads)),
        acceptor(loops[0]->context),
        pause(loops[0]->context) {}

  static std::vector<std::unique_ptr<HttpLoop>> make_loops(int count) {
    std::vector<std::unique_ptr<HttpLoop>> loops;
    for (int i = 0; i < std::max(count, 1); ++i) loops.push_back(std::make_unique<HttpLoop>());
    return loops;
  }

  void listen() {
    const auto& settings = core.settings;
    const std::string where = settings.address + ":" + std::to_string(settings.port);
    boost::system::error_code error;
    const auto address = asio::ip::make_address(settings.address, error);
    if (error) throw std::runtime_error("'" + settings.address + "' is not an IP address to listen on");
    const tcp::endpoint endpoint(address, settings.port);
    acceptor.open(endpoint.protocol(), error);
    if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor.bind(endpoint, error);
    if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
    if (error) throw std::runtime_error("cannot listen on " + where + ": " + error.message());
    port = acceptor.local_endpoint().port();
  }

  void accept() {
    HttpLoop& loop = *loops[next_loop++ % loops.size()];
    acceptor.async_accept(loop.context,
                          [this, &loop](const boost::system::error_code& error, tcp::socket socket) {
                            if (error == asio::error::operation_aborted || !acceptor.is_open()) return;
                            if (error) return pause_accepting(error);
                            take(loop, std::move(socket));
                            accept();
                          });
  }

  // Out of file descriptors, most likely: they come back.
  void pause_accepting(const boost::system::error_code& error) {
    log::warning("connection.refused", {{"error", error.message()}});
    pause.expires_after(std::chrono::milliseconds(100));
    pause.async_wait([this](const boost::system::error_code& aborted) {
      if (!aborted && acceptor.is_open()) accept();
    });
  }

  void take(HttpLoop& loop, tcp::socket&& socket) {
    if (core.connections >= core.settings.max_connections) {
      ++core.shed;
      boost::system::error_code ignored;
      socket.non_blocking(true, ignored);
      if (!tls) socket.write_some(asio::buffer(kFull.data(), kFull.size()), ignored);
      return;
    }
    auto connection = std::make_shared<HttpConnection>(core, loop, std::move(socket), tls ? &*tls : nullptr);
    asio::post(loop.context, [connection = std::move(connection)] { connection->start(); });
  }

  // `step` for each connection; it may end some of them.
  void on_connections(void (HttpConnection::*step)()) {
    for (const auto& loop : loops) {
      asio::post(loop->context, [loop = loop.get(), step] {
        std::vector<std::shared_ptr<HttpConnection>> all;
        for (HttpConnection* connection : loop->connections) all.push_back(connection->shared_from_this());
        for (const auto& connection : all) (*connection.*step)();
      });
    }
  }

  void drain() {
    core.draining = true;
    on_connections(&HttpConnection::drain);
  }

  void stop(std::chrono::milliseconds grace) {
    if (std::exchange(stopped, true)) return;
    const auto until = std::chrono::steady_clock::now() + grace;
    if (!threads.empty()) {
      drain();
      // Awaited, so that no connection begins behind the closing of the last one below.
      std::promise<void> closed;
      asio::post(loops[0]->context, [&] {
        boost::system::error_code ignored;
        acceptor.close(ignored);
        pause.cancel();
        closed.set_value();
      });
      closed.get_future().wait();
      on_connections(&HttpConnection::close_if_idle);
      if (grace.count() > 0) core.await_connections_end(until);
    }
    core.workers.stop();
    on_connections(&HttpConnection::close);
    for (const auto& loop : loops) loop->work.reset();
    for (auto& thread : threads) thread.join();
    threads.clear();
  }
};

HttpServer::HttpServer(HttpSettings settings, WaitRegistry& registry, Run run, FaultPage page)
    : state_(std::make_shared<State>(std::move(settings), registry, std::move(run), std::move(page))) {}

HttpServer::~HttpServer() { state_->stop(std::chrono::milliseconds{0}); }

void HttpServer::start() {
  const auto& settings = state_->core.settings;
  if (settings.tls_certificate.empty() != settings.tls_key.empty()) {
    throw std::runtime_error("TLS needs both a certificate and a key");
  }
  if (!settings.tls_certificate.empty()) state_->tls = make_tls(settings.tls_certificate, settings.tls_key);
  state_->listen();
  state_->core.workers.start();
  state_->accept();
  for (const auto& loop : state_->loops) {
    state_->threads.emplace_back([loop = loop.get()] { loop->context.run(); });
  }
}

std::uint16_t HttpServer::port() const { return state_->port; }

void HttpServer::drain() { state_->drain(); }

void HttpServer::stop(std::chrono::milliseconds grace) { state_->stop(grace); }

HttpCounts HttpServer::counts() const {
  const HttpCore& core = state_->core;
  HttpCounts counts;
  counts.connections = core.connections;
  counts.parked = core.parked;
  counts.queued = core.workers.waiting();
  counts.requests = core.requests;
  counts.shed = core.shed;
  counts.timed_out = core.timed_out;
  counts.hung_up = core.hung_up;
  return counts;
}

}  // namespace whitebrick

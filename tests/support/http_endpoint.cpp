#include "tests/support/http_endpoint.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <list>
#include <mutex>
#include <thread>

namespace whitebrick::testing {

namespace http = boost::beast::http;
using boost::asio::ip::tcp;

std::string EndpointRequest::header(const std::string& name) const {
  for (const auto& [key, value] : headers) {
    if (boost::beast::iequals(key, name)) return value;
  }
  return {};
}

struct HttpEndpoint::State {
  const std::function<EndpointAnswer(const EndpointRequest&)> answer;
  boost::asio::io_context context{};
  tcp::acceptor acceptor{context, tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0)};
  mutable std::mutex mutex{};
  std::vector<EndpointRequest> requests{};
  bool stopping = false;
  std::list<tcp::socket> sockets{};
  std::vector<std::thread> connections{};
  std::thread accepting{};

  void accept() {
    for (;;) {
      tcp::socket socket(context);
      boost::system::error_code error;
      acceptor.accept(socket, error);
      const std::lock_guard lock(mutex);
      if (stopping) return;
      if (error) continue;
      sockets.push_back(std::move(socket));
      connections.emplace_back([this, &mine = sockets.back()] { serve(mine); });
    }
  }

  void serve(tcp::socket& socket) {
    boost::beast::flat_buffer buffer;
    boost::system::error_code error;
    for (;;) {
      http::request<http::string_body> in;
      http::read(socket, buffer, in, error);
      if (error) return;
      EndpointRequest request{std::string(in.target()), in.body(), {}};
      for (const auto& field : in) request.headers.emplace_back(field.name_string(), field.value());
      {
        const std::lock_guard lock(mutex);
        requests.push_back(request);
      }
      const EndpointAnswer said = answer(request);
      http::response<http::string_body> out(static_cast<http::status>(said.status), 11);
      for (const auto& [key, value] : said.headers) out.set(key, value);
      out.body() = said.body;
      out.keep_alive(in.keep_alive());
      out.prepare_payload();
      http::write(socket, out, error);
      if (error || !in.keep_alive()) return;
    }
  }
};

HttpEndpoint::HttpEndpoint(std::function<EndpointAnswer(const EndpointRequest&)> answer)
    : state_(new State{std::move(answer)}) {
  State& state = *state_;
  state.accepting = std::thread([&state] { state.accept(); });
}

HttpEndpoint::~HttpEndpoint() {
  State& state = *state_;
  {
    const std::lock_guard lock(state.mutex);
    state.stopping = true;
    boost::system::error_code error;
    for (tcp::socket& socket : state.sockets) socket.shutdown(tcp::socket::shutdown_both, error);
  }
  // Ends the accept() under way.
  boost::asio::io_context context;
  tcp::socket last(context);
  boost::system::error_code error;
  last.connect(state.acceptor.local_endpoint(), error);
  state.accepting.join();
  for (std::thread& connection : state.connections) connection.join();
}

std::uint16_t HttpEndpoint::port() const { return state_->acceptor.local_endpoint().port(); }

std::string HttpEndpoint::url(const std::string& host) const {
  return "http://" + host + ":" + std::to_string(port()) + "/notify";
}

std::vector<EndpointRequest> HttpEndpoint::requests() const {
  const std::lock_guard lock(state_->mutex);
  return state_->requests;
}

int HttpEndpoint::connections() const {
  const std::lock_guard lock(state_->mutex);
  return static_cast<int>(state_->connections.size());
}

}  // namespace whitebrick::testing

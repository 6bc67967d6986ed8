#pragma once
// A client that writes the bytes it is told to: Beast's own would not send what
// these tests are about.

#include <utility>

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

#include <sys/socket.h>
#include <sys/time.h>

#include <cstdlib>
#include <string>
#include <string_view>

namespace whitebrick {

struct Reply {
  int status = 0;  // 0: the connection ended, or nothing came within the time
  std::string head;
  std::string body;
  bool has(std::string_view line) const { return head.find(std::string(line) + "\r\n") != std::string::npos; }
};

class RawClient {
 public:
  explicit RawClient(std::uint16_t port, int seconds = 10) : socket_(context_) {
    socket_.connect({boost::asio::ip::address_v4::loopback(), port});
    const timeval patience{seconds, 0};
    setsockopt(socket_.native_handle(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  }

  void send(std::string_view bytes) {
    boost::system::error_code ignored;  // a server that has enough may be gone
    boost::asio::write(socket_, boost::asio::buffer(bytes.data(), bytes.size()), ignored);
  }
  void post(std::string_view path, std::string_view body = "", std::string_view more = "") {
    send("POST " + std::string(path) + " HTTP/1.1\r\nHost: h\r\n" + std::string(more) +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body));
  }

  Reply reply(bool head_only = false) {
    std::size_t end = 0;
    while ((end = in_.find("\r\n\r\n")) == std::string::npos) {
      if (!more()) return {};
    }
    Reply reply;
    reply.head = in_.substr(0, end + 2);
    reply.status = std::atoi(in_.c_str() + 9);
    in_.erase(0, end + 4);
    const std::size_t at = reply.head.find("Content-Length: ");
    std::size_t length =
        at == std::string::npos || head_only ? 0 : std::strtoul(reply.head.c_str() + at + 16, nullptr, 10);
    while (in_.size() < length) {
      if (!more()) return {};
    }
    reply.body = in_.substr(0, length);
    in_.erase(0, length);
    return reply;
  }

  // Waits for the end; true when nothing came before it.
  bool ended() { return in_.empty() && !more() && ended_; }
  void close() { socket_.close(); }
  boost::asio::ip::tcp::socket& socket() { return socket_; }

 private:
  bool more() {
    char bytes[4096];
    const auto count = ::recv(socket_.native_handle(), bytes, sizeof bytes, 0);
    ended_ = count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR);
    if (count <= 0) return false;
    in_.append(bytes, static_cast<std::size_t>(count));
    return true;
  }

  boost::asio::io_context context_;
  boost::asio::ip::tcp::socket socket_;
  std::string in_;
  bool ended_ = false;
};

}  // namespace whitebrick

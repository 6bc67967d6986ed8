#include "http_call.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <stdexcept>
#include <system_error>

namespace bench {
namespace {

constexpr std::size_t kPiece = 65536;
constexpr std::string_view kEndOfHead = "\r\n\r\n";

}  // namespace

std::size_t content_length(std::string_view head) {
  constexpr std::string_view kName = "\r\ncontent-length:";
  const auto same = [](char a, char b) { return std::tolower(static_cast<unsigned char>(a)) == b; };
  const auto found = std::search(head.begin(), head.end(), kName.begin(), kName.end(), same);
  if (found == head.end()) throw std::runtime_error("an answer without Content-Length");
  std::string_view value = head.substr(static_cast<std::size_t>(found - head.begin()) + kName.size());
  value.remove_prefix(std::min(value.find_first_not_of(' '), value.size()));
  std::size_t length = 0;
  std::from_chars(value.data(), value.data() + value.size(), length);
  return length;
}

HttpConnection::HttpConnection(std::uint16_t port, std::string path)
    : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)), path_(std::move(path)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int on = 1;
  ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    const int error = errno;
    ::close(socket_);
    throw std::system_error(error, std::generic_category(), "connect to port " + std::to_string(port));
  }
}

HttpConnection::~HttpConnection() { ::close(socket_); }

std::string HttpConnection::post(std::string_view token, std::string_view body) {
  std::string message;
  message.reserve(body.size() + 512);
  message.append("POST ").append(path_).append(" HTTP/1.1\r\nHost: 127.0.0.1\r\n");
  message.append("Content-Type: text/xml; charset=utf-8\r\nSOAPAction: \"\"\r\n");
  message.append("Authorization: Bearer ").append(token).append("\r\n");
  message.append("Content-Length: ").append(std::to_string(body.size())).append(kEndOfHead).append(body);
  send_all(message);

  received_.clear();
  std::size_t end_of_head = std::string::npos;
  while ((end_of_head = received_.find(kEndOfHead)) == std::string::npos) receive_more();
  const std::size_t start = end_of_head + kEndOfHead.size();
  const std::size_t length = content_length(std::string_view(received_).substr(0, end_of_head + 2));
  while (received_.size() < start + length) receive_more();
  if (!received_.starts_with("HTTP/1.1 200")) throw std::runtime_error(received_);
  return received_.substr(start, length);
}

void HttpConnection::send_all(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) throw std::system_error(errno, std::generic_category(), "send");
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

std::size_t HttpConnection::receive_more() {
  std::array<char, kPiece> piece;
  const ssize_t count = ::recv(socket_, piece.data(), piece.size(), 0);
  if (count <= 0) throw std::runtime_error("the server closed the connection in the middle of an answer");
  received_.append(piece.data(), static_cast<std::size_t>(count));
  return static_cast<std::size_t>(count);
}

}  // namespace bench

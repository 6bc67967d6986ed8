#include "parked_polls.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <optional>
#include <stdexcept>
#include <system_error>

#include "http_call.hpp"

namespace bench {
namespace {

constexpr std::string_view kEndOfHead = "\r\n\r\n";
constexpr std::size_t kPiece = 65536;
constexpr int kMostAtOnce = 256;

std::system_error failed(const char* what) { return {errno, std::generic_category(), what}; }

// Where the message in `received` ends, when all of it is there.
std::optional<std::size_t> end_of_message(std::string_view received) {
  const auto end_of_head = received.find(kEndOfHead);
  if (end_of_head == std::string_view::npos) return std::nullopt;
  const std::size_t length = content_length(received.substr(0, end_of_head + 2));
  const auto end = end_of_head + kEndOfHead.size() + length;
  return received.size() < end ? std::nullopt : std::optional(end);
}

}  // namespace

ParkedPolls::ParkedPolls(std::uint16_t port) : port_(port), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
  if (epoll_ < 0) throw failed("epoll_create1");
}

ParkedPolls::~ParkedPolls() {
  for (const Connection& connection : connections_) {
    if (connection.socket >= 0) ::close(connection.socket);
  }
  ::close(epoll_);
}

std::size_t ParkedPolls::connect() {
  connections_.emplace_back();
  open(connections_.size() - 1);
  return connections_.size() - 1;
}

void ParkedPolls::open(std::size_t number) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  connections_.at(number) = {fd, {}, false};
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port_);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    throw failed("connect");
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = number;
  if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) throw failed("epoll_ctl");
}

// A message is far smaller than a socket's buffer, which is empty between two calls.
void ParkedPolls::post(std::size_t connection, std::string_view path, std::string_view token,
                       std::string_view body) {
  std::string message;
  message.reserve(body.size() + 512);
  message.append("POST ").append(path).append(" HTTP/1.1\r\nHost: 127.0.0.1\r\n");
  message.append("Content-Type: text/xml; charset=utf-8\r\nSOAPAction: \"\"\r\n");
  message.append("Authorization: Bearer ").append(token).append("\r\n");
  message.append("Content-Length: ").append(std::to_string(body.size())).append(kEndOfHead).append(body);
  if (connections_.at(connection).socket < 0) open(connection);
  connections_.at(connection).waits = true;
  const auto sent = ::send(connections_.at(connection).socket, message.data(), message.size(), MSG_NOSIGNAL);
  if (sent != static_cast<ssize_t>(message.size())) throw failed("send");
}

bool ParkedPolls::wait(std::chrono::milliseconds time, const Answered& answered) {
  std::array<epoll_event, kMostAtOnce> events;
  const int ready = ::epoll_wait(epoll_, events.data(), kMostAtOnce, static_cast<int>(time.count()));
  for (int i = 0; i < ready; ++i) receive(events[static_cast<std::size_t>(i)].data.u64, answered);
  return ready > 0;
}

void ParkedPolls::receive(std::size_t number, const Answered& answered) {
  const auto arrived = Clock::now();
  std::array<char, kPiece> piece;
  Connection& connection = connections_.at(number);
  const ssize_t count = ::recv(connection.socket, piece.data(), piece.size(), MSG_DONTWAIT);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (count <= 0 && connection.waits) throw std::runtime_error("the server closed a connection");
  if (count <= 0) {  // idle for too long
    ::close(connection.socket);
    connection.socket = -1;
    return;
  }
  connection.received.append(piece.data(), static_cast<std::size_t>(count));
  const auto end = end_of_message(connection.received);
  if (!end) return;
  const std::string message = std::move(connection.received);
  connection.received = message.substr(*end);
  connection.waits = false;
  answered(number, message.starts_with("HTTP/1.1 200"), std::string_view(message).substr(0, *end), arrived);
}

std::vector<std::string_view> texts_of(std::string_view xml, std::string_view name) {
  const std::string begin = std::string("<").append(name).append(">");
  std::vector<std::string_view> texts;
  for (auto at = xml.find(begin); at != std::string_view::npos; at = xml.find(begin, at)) {
    at += begin.size();
    texts.push_back(xml.substr(at, xml.find('<', at) - at));
  }
  return texts;
}

std::string envelope(std::string_view module, std::string_view content) {
  return std::string(
             R"(<?xml version="1.0" encoding="UTF-8"?>)"
             R"(<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" xmlns:m="urn:whitebrick:)")
      .append(module)
      .append(R"(:1"><e:Body>)")
      .append(content)
      .append("</e:Body></e:Envelope>");
}

}  // namespace bench

#pragma once
// Many keep-alive HTTP connections in one thread, each with at most one SOAP call under way; what a call
// waits for costs nothing here, so that a thousand parked polls are no load of their own.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

using Clock = std::chrono::steady_clock;

class ParkedPolls {
 public:
  explicit ParkedPolls(std::uint16_t port);  // of 127.0.0.1
  ~ParkedPolls();
  ParkedPolls(const ParkedPolls&) = delete;
  ParkedPolls& operator=(const ParkedPolls&) = delete;

  // Answers the number of the new connection.
  std::size_t connect();
  void post(std::size_t connection, std::string_view path, std::string_view token, std::string_view body);

  // `ok`: 200. Else the fault may be one that is tried again.
  using Answered =
      std::function<void(std::size_t connection, bool ok, std::string_view answer, Clock::time_point)>;
  // Until one or more calls were answered, or the time is over; false then.
  bool wait(std::chrono::milliseconds, const Answered&);

 private:
  struct Connection {
    int socket = -1;
    std::string received;
    bool waits = false;  // for an answer
  };

  void open(std::size_t connection);
  void receive(std::size_t connection, const Answered&);

  std::uint16_t port_;
  int epoll_ = -1;
  std::vector<Connection> connections_;
};

// Texts of all elements of this name (with its prefix), in a piece of XML.
std::vector<std::string_view> texts_of(std::string_view xml, std::string_view name);
std::string envelope(std::string_view module, std::string_view content);

}  // namespace bench

#pragma once
// Stands between a pool and the server's socket and cuts the connection around a
// COMMIT: before it reaches the server, or after the server has answered.

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>

namespace whitebrick::testing {

class CuttingProxy {
 public:
  enum class Cut { kNever, kBeforeCommit, kAfterCommit };

  CuttingProxy(std::string server_socket, std::string own_socket)
      : server_socket_(std::move(server_socket)),
        own_socket_(std::move(own_socket)),
        listener_(open_socket()) {
    std::filesystem::remove(own_socket_);
    const auto address = address_of(own_socket_);
    if (::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(listener_, 8) != 0) {
      throw std::runtime_error("proxy: cannot listen");
    }
    thread_ = std::thread([this] { serve(); });
  }
  ~CuttingProxy() {
    stopping_ = true;
    thread_.join();
    ::close(listener_);
    std::filesystem::remove(own_socket_);
  }
  CuttingProxy(const CuttingProxy&) = delete;
  CuttingProxy& operator=(const CuttingProxy&) = delete;

  // Applies to the next COMMIT only.
  void cut_next(Cut cut) { cut_ = cut; }
  int cuts() const { return cuts_; }

 private:
  static int open_socket() { return ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0); }
  static sockaddr_un address_of(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    return address;
  }
  bool readable(int a, int b) {
    std::array<pollfd, 2> fds{{{a, POLLIN, 0}, {b, POLLIN, 0}}};
    return ::poll(fds.data(), b < 0 ? 1 : 2, 20) > 0;
  }

  // One connection at a time is enough: the tests lease one.
  void serve() {
    while (!stopping_) {
      if (!readable(listener_, -1)) continue;
      const int client = ::accept(listener_, nullptr, nullptr);
      const int server = open_socket();
      const auto address = address_of(server_socket_);
      if (::connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0)
        relay(client, server);
      ::close(client);
      ::close(server);
    }
  }

  void relay(int client, int server) {
    std::array<char, 65536> buffer;
    while (!stopping_) {
      if (!readable(client, server)) continue;
      bool cut_after_answer = false;
      if (const auto got = ::recv(client, buffer.data(), buffer.size(), MSG_DONTWAIT); got > 0) {
        const std::string_view text(buffer.data(), static_cast<std::size_t>(got));
        if (text.ends_with("\x03"
                           "COMMIT")) {
          const Cut cut = cut_.exchange(Cut::kNever);
          if (cut != Cut::kNever) ++cuts_;
          if (cut == Cut::kBeforeCommit) return;
          cut_after_answer = cut == Cut::kAfterCommit;
        }
        ::send(server, buffer.data(), text.size(), MSG_NOSIGNAL);
        if (cut_after_answer) {
          [[maybe_unused]] const auto answer = ::recv(server, buffer.data(), buffer.size(), 0);
          return;
        }
      } else if (got == 0) {
        return;
      }
      if (const auto got = ::recv(server, buffer.data(), buffer.size(), MSG_DONTWAIT); got > 0) {
        ::send(client, buffer.data(), static_cast<std::size_t>(got), MSG_NOSIGNAL);
      } else if (got == 0) {
        return;
      }
    }
  }

  const std::string server_socket_, own_socket_;
  const int listener_;
  std::atomic<bool> stopping_{false};
  std::atomic<Cut> cut_{Cut::kNever};
  std::atomic<int> cuts_{0};
  std::thread thread_;
};

}  // namespace whitebrick::testing

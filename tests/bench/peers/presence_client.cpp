// A SIP presence client on one UDP socket, in one thread: what watch_client is to Whitebrick, to a SIP
// server. usage: presence_client PORT WATCHERS Subscribes w0, w1, ... to bob's presence, one at a time, each
// waiting for its first NOTIFY, and answers every NOTIFY with 200. Prints READY; then each line "M W" of the
// input makes M PUBLISHes by bob, at most W of them not yet seen by all, and prints one line of JSON:
// NOTIFYs, NOTIFYs/s, milliseconds from the PUBLISH to the last watcher that was told.

#include <arpa/inet.h>
#include <poll.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
using Milliseconds = std::chrono::duration<double, std::milli>;

constexpr std::chrono::seconds kPatience{15};
constexpr int kBuffer = 8 << 20;
constexpr std::string_view kEndOfHead = "\r\n\r\n";

// Value of a header; nothing when there is none.
std::string header(std::string_view message, std::string_view name) {
  const std::string key = "\r\n" + std::string(name) + ":";
  auto at = message.find(key);
  if (at == std::string_view::npos) return "";
  at = message.find_first_not_of(' ', at + key.size());
  return std::string(message.substr(at, message.find("\r\n", at) - at));
}

class Presence {
 public:
  Presence(int port, int watchers)
      : socket_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)),
        subscribed_(static_cast<std::size_t>(watchers)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    if (::bind(socket_, reinterpret_cast<sockaddr*>(&address), length) != 0) throw std::runtime_error("bind");
    ::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &length);
    own_port_ = std::to_string(ntohs(address.sin_port));
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVBUFFORCE, &kBuffer, sizeof kBuffer);
    server_ = address;
    server_.sin_port = htons(static_cast<std::uint16_t>(port));
    for (int number = 0; number < watchers; ++number) subscribe(number);
  }

  void run(int times, int most_at_once) {
    while (receive(std::chrono::milliseconds(300))) {
    }
    changes_.assign(static_cast<std::size_t>(times), {});
    for (Change& change : changes_) change.told.assign(subscribed_.size(), false);
    last_.clear();
    notifies_ = 0;
    const int answered = publishes_answered_;
    int sent = 0;
    const auto begin = Clock::now();
    auto progress = begin;
    while (last_.size() < changes_.size()) {
      // A PUBLISH needs the entity tag of the one before it.
      while (sent < times && sent - static_cast<int>(last_.size()) < most_at_once &&
             publishes_answered_ - answered == sent) {
        changes_[static_cast<std::size_t>(sent)].at = Clock::now();
        publish(sent++);
      }
      if (receive(std::chrono::milliseconds(1000))) progress = Clock::now();
      if (Clock::now() > progress + kPatience) {
        throw std::runtime_error("stuck after " + std::to_string(notifies_) + " NOTIFYs");
      }
    }
    const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    std::sort(last_.begin(), last_.end());
    const auto at = [&](double part) {
      return last_[static_cast<std::size_t>(part * static_cast<double>(last_.size() - 1))];
    };
    std::printf("{\"count\": %ld, \"rate\": %.1f, \"p50_ms\": %.3f, \"p99_ms\": %.3f}\n", notifies_,
                static_cast<double>(notifies_) / seconds, at(0.5), at(0.99));
    std::fflush(stdout);
  }

 private:
  struct Change {
    Clock::time_point at;
    std::vector<bool> told;
    std::size_t count = 0;
  };

  void send(const std::string& message) {
    if (::sendto(socket_, message.data(), message.size(), 0, reinterpret_cast<const sockaddr*>(&server_),
                 sizeof server_) < 0) {
      throw std::runtime_error("sendto");
    }
  }

  std::string begin(const std::string& method, const std::string& from, const std::string& tag,
                    const std::string& call, int sequence) const {
    return method + " sip:bob@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:" + own_port_ +
           ";branch=z9hG4bK" + call + std::to_string(sequence) +
           "\r\nMax-Forwards: 70\r\nFrom: <sip:" + from + "@127.0.0.1>;tag=" + tag +
           "\r\nTo: <sip:bob@127.0.0.1>\r\nCall-ID: " + call +
           "@client\r\nCSeq: " + std::to_string(sequence) + " " + method +
           "\r\nEvent: presence\r\nExpires: 3600\r\n";
  }

  void subscribe(int number) {
    const std::string name = "w" + std::to_string(number);
    send(begin("SUBSCRIBE", name, "f" + name, "sub" + name, 1) + "Contact: <sip:" + name +
         "@127.0.0.1:" + own_port_ + ">\r\nAccept: application/pidf+xml\r\nContent-Length: 0\r\n\r\n");
    const auto end = Clock::now() + kPatience;
    while (accepted_ <= number || !subscribed_[static_cast<std::size_t>(number)]) {
      receive(std::chrono::milliseconds(100));
      if (Clock::now() > end) throw std::runtime_error(name + " cannot subscribe");
    }
  }

  void publish(int change) {
    const std::string body =
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" "
        "entity=\"sip:bob@127.0.0.1\"><tuple id=\"t1\"><status><basic>" +
        std::string(change % 2 == 0 ? "closed" : "open") + "</basic></status><note>change" +
        std::to_string(change) + "</note></tuple></presence>\r\n";
    const int sequence = ++publishes_;
    send(begin("PUBLISH", "bob", "b" + std::to_string(sequence), "pub", sequence) +
         (entity_tag_.empty() ? "" : "SIP-If-Match: " + entity_tag_ + "\r\n") +
         "Content-Type: application/pidf+xml\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         body);
  }

  bool receive(std::chrono::milliseconds time) {
    pollfd ready{socket_, POLLIN, 0};
    if (::poll(&ready, 1, static_cast<int>(time.count())) <= 0) return false;
    std::array<char, 65536> datagram;
    ssize_t count = 0;
    while ((count = ::recv(socket_, datagram.data(), datagram.size(), MSG_DONTWAIT)) > 0) {
      read(std::string_view(datagram.data(), static_cast<std::size_t>(count)));
    }
    return true;
  }

  void read(std::string_view message) {
    if (message.starts_with("NOTIFY ")) {
      ++notifies_;
      answer(message);
      note(message);
      return;
    }
    if (!message.starts_with("SIP/2.0 ")) return;
    const int code = std::atoi(message.data() + 8);
    if (code < 200) return;
    if (code >= 300) throw std::runtime_error(std::string(message.substr(0, message.find("\r\n"))));
    const std::string sequence = header(message, "CSeq");
    if (sequence.ends_with("SUBSCRIBE")) ++accepted_;
    if (sequence.ends_with("PUBLISH")) {
      ++publishes_answered_;
      entity_tag_ = header(message, "SIP-ETag");
    }
  }

  void answer(std::string_view notify) {
    std::string text = "SIP/2.0 200 OK\r\n";
    const auto end = notify.find(kEndOfHead);
    for (auto at = notify.find("\r\n") + 2; at < end;) {
      const auto next = notify.find("\r\n", at) + 2;
      for (const std::string_view name : {"Via:", "From:", "To:", "Call-ID:", "CSeq:"}) {
        if (::strncasecmp(notify.data() + at, name.data(), name.size()) == 0)
          text += notify.substr(at, next - at);
      }
      at = next;
    }
    send(text + "Content-Length: 0\r\n\r\n");
  }

  // A NOTIFY with a later state settles the earlier ones for that watcher: state, not history (RFC 3856).
  void note(std::string_view notify) {
    const auto at = notify.find("sip:w");
    if (at == std::string_view::npos) return;
    const auto watcher = static_cast<std::size_t>(std::atoi(notify.data() + at + 5));
    if (watcher >= subscribed_.size()) return;
    subscribed_[watcher] = true;
    constexpr std::string_view kNote = "<note>change";
    const auto body = notify.find(kNote);
    if (body == std::string_view::npos) return;
    const int last =
        std::min(std::atoi(notify.data() + body + kNote.size()), static_cast<int>(changes_.size()) - 1);
    for (int number = last; number >= 0; --number) {
      Change& change = changes_[static_cast<std::size_t>(number)];
      if (change.told[watcher]) return;
      change.told[watcher] = true;
      if (++change.count == subscribed_.size())
        last_.push_back(Milliseconds(Clock::now() - change.at).count());
    }
  }

  int socket_;
  std::string own_port_;
  sockaddr_in server_{};
  std::string entity_tag_;
  int publishes_ = 0, publishes_answered_ = 0, accepted_ = 0;
  std::vector<bool> subscribed_;
  std::vector<Change> changes_;
  std::vector<double> last_;
  long notifies_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: presence_client PORT WATCHERS\n");
    return 2;
  }
  try {
    Presence presence(std::atoi(argv[1]), std::atoi(argv[2]));
    std::printf("READY\n");
    std::fflush(stdout);
    for (int times = 0, most = 0; std::cin >> times >> most;) presence.run(times, most);
    return 0;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}

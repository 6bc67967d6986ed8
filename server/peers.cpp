#include "server/peers.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <thread>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/udp.hpp>

#include "server/log.hpp"
#include "server/peer_datagram.hpp"
#include "server/peer_table.hpp"
#include "server/sweep_order.hpp"

namespace whitebrick {

namespace {

namespace asio = boost::asio;
using asio::ip::udp;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kSweepPeriod{200};  // 5 queries a second, 10,000 keys in 2 s
constexpr std::size_t kSweepKeys = 1000;
constexpr std::chrono::seconds kBeatPeriod{2};
constexpr int kBeatsPerForgetting = 10;

WaitRegistry::Salt salt_of(const std::string& secret) {
  const std::string key = derived_key(secret, "wait keys");
  WaitRegistry::Salt salt;
  std::memcpy(salt.data(), key.data(), sizeof salt);
  return salt;
}

}  // namespace

struct Peers::State {
  const Settings settings;
  db::Pool& pool;
  WaitRegistry& registry;
  std::map<std::string, Readiness*, std::less<>> readiness;
  std::string secret;

  asio::io_context context{1};
  udp::socket receiving{context};
  std::thread receiver;
  std::array<char, kMaxDatagram + 1> received{};
  udp::endpoint sender;

  std::mutex sending;  // guards the two below
  std::optional<udp::socket> outgoing;
  std::vector<udp::endpoint> others;

  std::mutex waiting;
  std::condition_variable changed;
  bool stopping = false;
  std::thread keeper;  // beats and sweeps: it may block on the database
  WaitKey cursor;
  int beats = 0;
  bool reachable = true;

  std::atomic<std::uint64_t> datagrams_sent = 0;
  std::atomic<std::uint64_t> datagrams_received = 0;
  std::atomic<std::uint64_t> datagrams_refused = 0;
  std::atomic<std::uint64_t> sweeps = 0;

  State(Settings s, db::Pool& p, WaitRegistry& r) : settings(std::move(s)), pool(p), registry(r) {}

  void start() {
    secret = cluster_secret(pool);
    registry.set_salt(salt_of(secret));
    const auto address = asio::ip::make_address(settings.address);
    receiving.open(udp::endpoint(address, 0).protocol());
    receiving.bind({address, 0});
    {
      std::lock_guard lock(sending);
      outgoing.emplace(context, udp::endpoint(address, 0));
      outgoing->non_blocking(true);  // lossy by design, and never in anybody's way
    }
    beat_once();
    receive();
    receiver = std::thread([this] { context.run(); });
    keeper = std::thread([this] { keep(); });
  }

  void stop() {
    {
      std::lock_guard lock(waiting);
      stopping = true;
    }
    changed.notify_all();
    context.stop();
    if (receiver.joinable()) receiver.join();
    if (!keeper.joinable()) return;
    keeper.join();
    {
      std::lock_guard lock(sending);
      outgoing.reset();
    }
    try {
      leave(pool, settings.name);
    } catch (const std::exception&) {
      // The row grows old by itself.
    }
  }

  void receive() {
    receiving.async_receive_from(asio::buffer(received), sender,
                                 [this](const boost::system::error_code& error, std::size_t count) {
                                   if (error == asio::error::operation_aborted) return;
                                   if (!error) take({received.data(), count});
                                   receive();
                                 });
  }

  void take(std::string_view bytes) {
    const auto hashes = read_datagram(secret, bytes);
    if (!hashes) {
      ++datagrams_refused;
      return;
    }
    ++datagrams_received;
    for (const std::uint64_t hash : *hashes) registry.wake_hashed(hash);
  }

  void send(const std::vector<WaitKey>& keys) {
    std::vector<std::uint64_t> hashes;
    hashes.reserve(keys.size());
    for (const WaitKey& key : keys) hashes.push_back(registry.hash(key));
    std::span<const std::uint64_t> rest(hashes);
    while (!rest.empty()) {
      const auto part = rest.first(std::min(rest.size(), kHashesPerDatagram));
      rest = rest.subspan(part.size());
      const std::string bytes = write_datagram(secret, part);
      std::lock_guard lock(sending);
      if (!outgoing) return;
      for (const udp::endpoint& other : others) {
        boost::system::error_code ignored;
        outgoing->send_to(asio::buffer(bytes), other, 0, ignored);
        ++datagrams_sent;
      }
    }
  }

  bool has_others() {
    std::lock_guard lock(sending);
    return !others.empty();
  }

  // Both answer whether the database was asked.
  bool beat_once() {
    beat(pool, settings.name, settings.address, receiving.local_endpoint().port());
    std::vector<udp::endpoint> found;
    for (const PeerAddress& peer : living_peers(pool, settings.name)) {
      boost::system::error_code error;
      const auto address = asio::ip::make_address(peer.address, error);
      if (!error) found.emplace_back(address, peer.port);
    }
    {
      std::lock_guard lock(sending);
      others = std::move(found);
    }
    if (beats++ % kBeatsPerForgetting == 0) forget_dead_peers(pool);
    return true;
  }

  bool sweep_once() {
    const auto keys = next_keys(registry.keys(), cursor, kSweepKeys, [&](std::string_view kind) {
      return readiness.find(kind) != readiness.end();
    });
    if (keys.empty()) return false;
    cursor = keys.back();
    ++sweeps;
    auto lease = pool.lease();
    const auto owner = readiness.find(kind_of(keys.front()));
    for (const WaitKey& key : owner->second->ready(lease.session(), keys)) registry.wake(key);
    return true;
  }

  void keep() {
    auto next_beat = Clock::now() + kBeatPeriod;
    auto next_sweep = Clock::now();
    std::unique_lock lock(waiting);
    while (!stopping) {
      lock.unlock();
      guarded([&] { return sweep_once(); });
      if (Clock::now() >= next_beat) {
        next_beat = Clock::now() + kBeatPeriod;
        guarded([&] { return beat_once(); });
      }
      lock.lock();
      // Not sooner after a slow one: the database gets no more than its five a second.
      next_sweep = std::max(next_sweep + kSweepPeriod, Clock::now());
      changed.wait_until(lock, next_sweep, [&] { return stopping; });
    }
  }

  template <class Work>
  void guarded(Work&& work) {
    try {
      if (work() && !std::exchange(reachable, true)) log::info("peers.resumed");
    } catch (const std::exception& error) {
      if (std::exchange(reachable, false)) log::warning("peers.interrupted", {{"error", error.what()}});
    }
  }
};

Peers::Peers(Settings settings, db::Pool& pool, WaitRegistry& registry)
    : state_(std::make_unique<State>(std::move(settings), pool, registry)) {}

Peers::~Peers() { stop(); }

void Peers::add(Readiness& readiness) { state_->readiness.emplace(readiness.kind(), &readiness); }

void Peers::start() { state_->start(); }

void Peers::stop() { state_->stop(); }

void Peers::wake(const std::vector<WaitKey>& keys) noexcept {
  try {
    for (const WaitKey& key : keys) state_->registry.wake(key);
    if (state_->settings.send_datagrams && state_->has_others()) state_->send(keys);
  } catch (const std::exception& error) {
    log::warning("peers.unwoken", {{"error", error.what()}});  // the sweep finds them
  }
}

PeerCounts Peers::counts() const {
  PeerCounts counts;
  {
    std::lock_guard lock(state_->sending);
    counts.peers = state_->others.size();
  }
  counts.datagrams_sent = state_->datagrams_sent;
  counts.datagrams_received = state_->datagrams_received;
  counts.datagrams_refused = state_->datagrams_refused;
  counts.sweeps = state_->sweeps;
  return counts;
}

}  // namespace whitebrick

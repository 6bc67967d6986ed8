#include "modules/events/host_lookup.hpp"

#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

namespace whitebrick::events {

struct HostLookup::State {
  struct Lookup {
    std::chrono::steady_clock::time_point until;  // who comes later does not wait
    std::optional<Addresses> found{};
  };

  const Resolve resolve;
  std::mutex mutex{};
  std::condition_variable changed{};
  std::map<std::string, std::shared_ptr<Lookup>> under_way{};  // by host

  void run(const std::string& host, Lookup& lookup) {
    Addresses found = resolve(host);
    {
      const std::lock_guard lock(mutex);
      lookup.found = std::move(found);
      under_way.erase(host);
    }
    changed.notify_all();
  }
};

HostLookup::HostLookup(Resolve resolve) : state_(new State{std::move(resolve)}) {}

std::optional<HostLookup::Addresses> HostLookup::addresses(const std::string& host,
                                                           std::chrono::milliseconds patience) {
  std::unique_lock lock(state_->mutex);
  auto& under_way = state_->under_way;
  auto found = under_way.find(host);
  if (found == under_way.end()) {
    if (under_way.size() >= kMostHanging) return std::nullopt;
    const auto until = std::chrono::steady_clock::now() + patience;
    const auto lookup = std::make_shared<State::Lookup>(State::Lookup{until});
    std::thread([state = state_, host, lookup] { state->run(host, *lookup); }).detach();
    found = under_way.emplace(host, lookup).first;
  }
  const auto lookup = found->second;
  state_->changed.wait_until(lock, lookup->until, [&] { return lookup->found.has_value(); });
  return lookup->found;
}

HostLookup::Addresses HostLookup::resolve_by_system(const std::string& host) {
  boost::asio::io_context context;
  boost::asio::ip::tcp::resolver resolver(context);
  boost::system::error_code error;
  Addresses found;
  for (const auto& entry : resolver.resolve(host, "", error)) found.push_back(entry.endpoint().address());
  return found;
}

}  // namespace whitebrick::events

#pragma once
// The other replicas: who they are (table `replica`) and telling them what became
// ready. Datagrams carry only hashes of keys, under an HMAC whose secret lives in the
// database (`cluster_secret`); they may be lost. A sweep over the waiting keys
// (Readiness, at most 5 queries a second however many wait) makes sure of every
// wake-up within 2 s.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "db/pool.hpp"
#include "server/wait.hpp"

namespace whitebrick {

struct PeerCounts {
  std::size_t peers = 0;  // replicas seen lately, besides this one
  std::uint64_t datagrams_sent = 0;
  std::uint64_t datagrams_received = 0;
  std::uint64_t datagrams_refused = 0;  // not ours: length, form or HMAC
  std::uint64_t sweeps = 0;             // Readiness queries
};

class Peers final : public Wake {
 public:
  struct Settings {
    std::string name;                   // this replica, unique in the pool
    std::string address = "127.0.0.1";  // UDP, port chosen by the system
    bool send_datagrams = true;         // off in the test that proves the sweep
  };
  Peers(Settings, db::Pool&, WaitRegistry&);
  ~Peers() override;

  void add(Readiness&);  // before start()
  // Registers this replica, listens, sweeps. Throws when the address cannot be bound or
  // the database is away; later it may come and go.
  void start();
  void stop();
  void wake(const std::vector<WaitKey>& keys) noexcept override;
  PeerCounts counts() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace whitebrick

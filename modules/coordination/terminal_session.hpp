#pragma once
// A connected terminal as its row says.

#include <cstdint>
#include <optional>
#include <string>

#include "modules/coordination/coordination.hpp"

namespace whitebrick::coordination {

struct Coordination::TerminalSession {
  std::uint64_t id = 0, terminal_id = 0, user_id = 0, queue_id = 0, version = 1;
  std::string public_id;
  int lease_seconds = 0;
  bool moved = false;  // it was connected another way before

  // Locks the row: connecting, activating and ending go one after the other.
  static std::optional<TerminalSession> find(db::Session&, std::uint64_t terminal_id);
  // A new version, so that nobody ends it for what it was before.
  static void touch(db::Session&, std::uint64_t id);
};

}  // namespace whitebrick::coordination

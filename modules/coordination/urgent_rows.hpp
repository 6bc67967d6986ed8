#pragma once
// An urgent message as its row says.

#include "modules/coordination/urgent.hpp"

namespace whitebrick::coordination {

inline constexpr int kRepeatSeconds = 120;
inline constexpr int kMaxRepeats = 10;

struct UrgentMessages::Stored {
  std::uint64_t id = 0, owner_profile_id = 0, sender_profile_id = 0;
  std::vector<std::uint64_t> event_ids;  // the first one, and the last repetition
  std::string public_id, owner_number, sender_number;
  std::optional<std::string> sender_name;
  UrgentContent message;
  Time sent_at;
  int repeats = 0;
  bool acknowledged = false;
};

}  // namespace whitebrick::coordination

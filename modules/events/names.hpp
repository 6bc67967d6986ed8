#pragma once
// Wire names of what events refer to by number. Reads tables of profiles and directory.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "modules/events/events.hpp"

namespace whitebrick::events {

// Who reads an event decides which of its target profiles he may know.
struct TargetReader {
  std::optional<std::uint64_t> service_id;  // only profiles that subscribe to this service
  std::optional<std::uint64_t> user_id;     // only this user's profiles
};

using TargetNames = std::multimap<std::uint64_t, ProfileName>;  // by event
TargetNames target_names(db::Session&, const std::vector<std::uint64_t>& event_ids, const TargetReader&);

struct TerminalName {
  std::string terminal, user;
  ProfileName profile;  // that the subscription is for
};
std::map<std::uint64_t, TerminalName> terminal_names(db::Session&,
                                                     const std::vector<std::uint64_t>& subscription_ids);

// Numbers of {user, profile}; missing ones are left out.
std::map<std::pair<std::string, std::string>, std::uint64_t> profile_ids(
    db::Session&, const std::vector<std::pair<std::string, std::string>>&);
std::optional<std::uint64_t> service_id(db::Session&, const std::string& name, const std::string& provider);
std::optional<std::uint64_t> terminal_id(db::Session&, std::uint64_t user_id, const std::string& terminal);
bool subscribes_to(db::Session&, std::uint64_t profile_id, std::uint64_t service_id);

}  // namespace whitebrick::events

#pragma once
// Service sessions as they are answered: with their chains and parameters, by a fixed number of
// queries however many they are.

#include <optional>
#include <string>
#include <vector>

#include "db/session.hpp"
#include "modules/coordination/coordination.hpp"

namespace whitebrick::coordination {

// Services used by means of one another, the one in use included.
inline constexpr std::size_t kMaxChain = 8;

class ServiceSessionRows {
 public:
  static ServiceSessions of_user(db::Session&, std::uint64_t user_id);
  // Of a service, all or those of one user.
  static ServiceSessions of_service(db::Session&, std::uint64_t service_id,
                                    std::optional<std::uint64_t> user_id);
  static std::optional<ServiceSession> one(db::Session&, std::uint64_t id);
  // Services of a session and of those by means of which it is used, the nearest first.
  static std::vector<std::uint64_t> chain(db::Session&, std::uint64_t id);
};

// Whose session of the calling service it is. Faults: SESSION_ENDED(field).
std::uint64_t user_of_service_session(db::Session&, const Caller& service, const std::string& public_id,
                                      const std::string& field);

}  // namespace whitebrick::coordination

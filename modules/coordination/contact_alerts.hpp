#pragma once
// "Tell me when he can be reached" (and call back then): a watch on one contact that fires
// contact.reachable when the asker sees him CONNECTABLE. It knows nothing that GetConnectability does
// not answer to the same asker.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "db/pool.hpp"
#include "modules/availability/availability.hpp"
#include "modules/events/events.hpp"
#include "modules/profiles/profiles.hpp"

namespace whitebrick::coordination {

struct ContactAlert {
  std::string contact;
  bool once = true;           // else each time he becomes reachable
  std::optional<Time> until;  // in the past: no watch any more
};

class ContactAlerts {
 public:
  static constexpr std::int64_t kMaxPerProfile = 1000;

  ContactAlerts(availability::Availability&, events::Events&);

  // Answers the present state. Already CONNECTABLE: the event is published at once, and a watch for once is
  // done. Replaces the watch on that contact. Faults: INVALID_ARGUMENT(contact), LIMIT_EXCEEDED(contact).
  availability::Connectability watch(db::Session&, const profiles::ProfileKey& asker, const ContactAlert&);

  // Fires the watches on this number that are due.
  void number_changed(db::Session&, const std::string& number);
  // The profile is gone.
  void forget(db::Session&, std::uint64_t profile_id);
  // Job: watches whose contact came while nobody looked, and those whose time is over.
  bool check(db::Pool&);

 private:
  struct Alert;
  void look(db::Session&, const std::vector<Alert>&);
  void fire(db::Session&, std::uint64_t profile_id, const std::string& number);

  availability::Availability& availability_;
  events::Events& events_;
};

}  // namespace whitebrick::coordination

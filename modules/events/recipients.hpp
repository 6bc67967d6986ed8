#pragma once
// Which subscriptions an event reaches. An event without target profiles reaches the services and
// components that subscribe to its type. One with target profiles reaches components, the
// terminals connected for those profiles, and the services that those profiles subscribe to.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "db/session.hpp"
#include "modules/events/events.hpp"

namespace whitebrick::events {

struct Recipient {
  std::uint64_t subscription_id = 0;
  std::uint64_t queue_id = 0;
  bool pushed = false;
  PartyKind kind = PartyKind::kService;
  friend auto operator<=>(const Recipient&, const Recipient&) = default;
};

// Of one type from one transmitter, for all the events of a batch.
struct Recipients {
  // Too many services for one transaction (kMostAtOnce): they are not in `services`, but got one
  // after the other (general_after).
  bool fan_out = false;
  std::vector<Recipient> services, components;               // of events without target profiles; of all
  std::map<std::uint64_t, std::vector<Recipient>> profiles;  // of events for this profile

  // Of an event, besides components; counted without looking for those that are there twice.
  std::size_t most(const std::vector<std::uint64_t>& target_profiles) const;
  // Is one connected for the profile that hears of the type?
  bool has_terminal(std::uint64_t profile) const;
  // Each subscription once.
  std::vector<Recipient> of(const std::vector<std::uint64_t>& target_profiles) const;
};

// `for_services`: the batch has an event without target profiles. `profiles`: all targets of the
// batch, each once.
Recipients find_recipients(db::Session&, const std::string& type, std::uint64_t transmitter_id,
                           bool for_services, const std::vector<std::uint64_t>& profiles);

inline constexpr std::size_t kMostAtOnce = 1000;

// The services that an event without target profiles reaches, by their subscriptions' ids: the next
// ones after this one, of those that existed when it was published.
std::vector<Recipient> general_after(db::Session&, const std::string& type, std::uint64_t transmitter_id,
                                     std::uint64_t after_subscription, Time published_at, std::size_t most);
// The same of an event with target profiles: their terminals, and their services or not.
std::vector<Recipient> targeted_after(db::Session&, const std::string& type, std::uint64_t transmitter_id,
                                      std::uint64_t event_id, std::uint64_t after_subscription,
                                      Time published_at, bool for_services, std::size_t most);
// Those of these subscriptions that exist; at most kMostAtOnce.
std::vector<Recipient> recipients_by_id(db::Session&, const std::vector<std::uint64_t>& subscription_ids);
std::uint64_t count_general(db::Session&, const std::string& type, std::uint64_t transmitter_id);

// Who is told that a type became available or not, by whoever: all who hear of every transmitter.
std::vector<std::uint64_t> subscribers_of_type(db::Session&, const std::string& type);
// Who hears of some transmitters, of which this is the first or the last one: subscriptions limited to it,
// and those for a profile that uses it; of terminals those who name the type (not by "*").
std::vector<std::uint64_t> subscribers_of_transmitter(db::Session&, const std::string& type,
                                                      std::uint64_t service_id);

}  // namespace whitebrick::events

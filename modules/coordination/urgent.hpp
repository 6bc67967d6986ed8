#pragma once
// Urgent messages (clause U): voice or written, from senders whom the called user allowed
// beforehand, delivered whatever his availability, repeated until he acknowledges them.
//
// Publishes: urgent.message (to the called profile, and again every two minutes that a terminal is
// connected, ten times; the first one waits for a terminal), urgent.receipt (to the sender's profile: STORED,
// NOTIFIED when a terminal has taken the message, READ when the user acknowledged it).

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "db/pool.hpp"
#include "modules/events/events.hpp"
#include "modules/profiles/profiles.hpp"

namespace whitebrick::coordination {

enum class UrgentKind { kVoice = 1, kWritten = 2 };

struct UrgentPermission {
  std::string contact;
  bool voice = false, written = false;  // neither: revoked
  std::optional<Time> until;            // in the past: revoked
  int rate_per_hour = 10;
};

struct HeldPermission {
  std::string profile;  // may be sent to
  UrgentPermission permission;
  int sent_last_hour = 0;
};

struct UrgentContent {
  UrgentKind kind = UrgentKind::kWritten;
  std::string content;                    // text, or bytes of speech
  std::optional<std::string> voice_type;  // media type of speech
};

struct UrgentMessage {
  std::string id;
  std::string sender;  // number
  UrgentContent message;
  Time sent_at;
  bool acknowledged = false;
};

class UrgentMessages {
 public:
  static constexpr std::size_t kMaxVoice = 765 * 1024;  // bytes; in base64 and an envelope just under 1 MiB

  UrgentMessages(profiles::Profiles&, events::Events&);

  static constexpr std::int64_t kMaxPermissions = 1000;  // of a profile

  // Answers whether the contact may send now. Faults: INVALID_ARGUMENT(contact), LIMIT_EXCEEDED(contact).
  bool allow(db::Session&, const profiles::ProfileKey& owner, const UrgentPermission&);
  // Those that hold, of all profiles of the user or of one; at most check::kMaxItems.
  std::vector<HeldPermission> permissions(db::Session&, std::uint64_t user_id,
                                          std::optional<std::uint64_t> profile_id);
  // By a user as any profile of his (id 0), or as one. Answers the message's id. Faults:
  // INVALID_ARGUMENT(contact), FORBIDDEN(contact) - the same, by the same queries, for who is hidden,
  // missing, or has not allowed the sender this kind -, LIMIT_EXCEEDED (contact; with the time to wait): more
  // than the called user allows.
  std::string send(db::Session&, const profiles::ProfileKey& sender, const std::string& contact,
                   const UrgentContent&);
  // By the called user. Faults: NOT_FOUND(urgentId).
  UrgentMessage get(db::Session&, const Caller&, const std::string& id);
  // By the called user; answers whether it was the first time. Faults: NOT_FOUND(urgentId).
  bool acknowledge(db::Session&, const Caller&, const std::string& id);

  // The profile is gone: with who might send to it, and soon, by the job, what was sent to it.
  void forget(db::Session&, std::uint64_t profile_id);
  // Job: repeats what is not acknowledged, tells senders that a terminal has it; forgets after 30 days, and
  // what was sent to deleted profiles.
  bool repeat(db::Pool&);

 private:
  struct Stored;
  std::optional<Stored> find(db::Session&, std::uint64_t id);
  std::uint64_t tell(db::Session&, const Stored&, int repeat);
  void tell_sender(db::Session&, const Stored&, const std::string& status,
                   const std::optional<std::string>& terminal);
  void repeat_one(db::Session&, std::uint64_t id);
  void look_for_terminal(db::Session&, std::uint64_t id);
  bool forget_some(db::Session&);  // answers whether there may be more

  profiles::Profiles& profiles_;
  events::Events& events_;
};

}  // namespace whitebrick::coordination

#pragma once
// Contents of the events about calls and urgent messages (wsdl/events.xsd). Pure.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "modules/coordination/call_decision.hpp"
#include "modules/profiles/profiles.hpp"

namespace whitebrick::coordination {

// How a class of terminals shows that somebody calls.
enum class Display { kPopUp = 1, kSimToolkit, kAnnouncement };
Display display_of(profiles::TerminalKind);
std::string_view wire_name(Display);

// Who calls, as the called user is told.
struct CallerIdentity {
  std::optional<std::string> number;  // nothing: withheld
  std::optional<std::string> display_name;
};

struct CallNews {
  std::string call_id;
  CallerIdentity caller;
  Communication type = Communication::kVoiceImmediate;
};

struct Announcement {
  std::vector<CallRing> rings;
  int ring_seconds = 0;
  bool during_call = false;
  bool authorised = true;  // the caller
};

std::string call_incoming_content(const CallNews&, const Announcement&);
std::string call_taken_content(const std::string& call_id, const std::optional<std::string>& terminal);
std::string call_lost_content(const CallNews&, std::string_view cause);
std::string call_diverted_content(const CallNews&, std::string_view reason,
                                  const availability::TransferTarget& target,
                                  const std::optional<profiles::ServiceRef>& messaging);

}  // namespace whitebrick::coordination

#pragma once
// Contents of the events that coordination publishes and reads (wsdl/events.xsd). Pure.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "modules/availability/view.hpp"

namespace whitebrick::coordination {

struct WatchedContact;  // coordination.hpp

// Why a session ended; as in wsdl/events.xsd.
enum class Cause {
  kDisconnected,
  kLeaseLost,
  kDeactivated,
  kServiceGone,
  kAccountDisabled,
  kUnsubscribed,
  kClosed
};

std::string_view wire_name(Cause);
std::string_view wire_name(availability::Connectability);

std::string contact_state_content(const WatchedContact&);

struct EndedSession {
  std::optional<std::string> access_session, service_session, terminal;
  Cause cause = Cause::kDisconnected;
  std::string cause_id;  // the same for all that ended together
};
std::string session_ended_content(const EndedSession&);

// The text of the first element of this name in a content that the server wrote itself and that
// needs no escapes (an identifier). Nothing when there is none.
std::optional<std::string> element_text(std::string_view content, std::string_view element);

// Content of the internal event session.changed: those who watch `number` from an access session with
// an id above `told_up_to` have still to be told.
struct WatchersToTell {
  std::string number;
  std::uint64_t told_up_to = 0;
  friend bool operator==(const WatchersToTell&, const WatchersToTell&) = default;
};
std::string watchers_content(const WatchersToTell&);
WatchersToTell read_watchers(std::string_view content);  // std::runtime_error for other text

// Content of the internal event session.refresh: what the access sessions of a user with an id above
// `done_up_to` are told of his contacts is to be compared.
struct SessionsToRefresh {
  std::uint64_t user_id = 0, done_up_to = 0;
  friend bool operator==(const SessionsToRefresh&, const SessionsToRefresh&) = default;
};
std::string refresh_content(const SessionsToRefresh&);
SessionsToRefresh read_refresh(std::string_view content);  // std::runtime_error for other text

}  // namespace whitebrick::coordination

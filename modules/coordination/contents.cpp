#include "modules/coordination/contents.hpp"

#include <charconv>
#include <stdexcept>
#include <vector>

#include "modules/coordination/call_decision.hpp"
#include "modules/coordination/coordination.hpp"
#include "server/xml_text.hpp"

namespace whitebrick::coordination {

using availability::Communication;
using availability::Connectability;

std::string_view wire_name(Cause cause) {
  switch (cause) {
    case Cause::kDisconnected:
      return "DISCONNECTED";
    case Cause::kLeaseLost:
      return "LEASE_LOST";
    case Cause::kDeactivated:
      return "DEACTIVATED";
    case Cause::kServiceGone:
      return "SERVICE_GONE";
    case Cause::kAccountDisabled:
      return "ACCOUNT_DISABLED";
    case Cause::kUnsubscribed:
      return "UNSUBSCRIBED";
    case Cause::kClosed:
      break;
  }
  return "CLOSED";
}

std::string_view wire_name(Connectability state) {
  switch (state) {
    case Connectability::kConnectable:
      return "CONNECTABLE";
    case Connectability::kNotConnectable:
      return "NOT_CONNECTABLE";
    case Connectability::kAuthorisationRequired:
      return "AUTHORISATION_REQUIRED";
    case Connectability::kInTransfer:
      return "IN_TRANSFER";
    case Connectability::kUnknown:
      break;
  }
  return "UNKNOWN";
}

std::string contact_state_content(const WatchedContact& contact) {
  std::vector<XmlField> fields{{"contact", contact.contact},
                               {"state", std::string(wire_name(contact.reach.state))},
                               {"profileId", contact.profile}};
  if (contact.display_name) fields.emplace_back("displayName", *contact.display_name);
  for (const Communication type : availability::kCommunications) {
    if (availability::holds(contact.reach.offers, type))
      fields.emplace_back("offers", std::string(wire_name(type)));
  }
  return xml_text("ContactState", kCatalogueNamespace, fields);
}

std::string session_ended_content(const EndedSession& ended) {
  std::vector<XmlField> fields;
  if (ended.access_session) fields.emplace_back("accessSessionId", *ended.access_session);
  if (ended.service_session) fields.emplace_back("serviceSessionId", *ended.service_session);
  if (ended.terminal) fields.emplace_back("terminalId", *ended.terminal);
  fields.emplace_back("cause", std::string(wire_name(ended.cause)));
  fields.emplace_back("causeId", ended.cause_id);
  return xml_text("SessionEnded", kCatalogueNamespace, fields);
}

std::optional<std::string> element_text(std::string_view content, std::string_view element) {
  const std::string tag = "<" + std::string(element) + ">";
  const auto begin = content.find(tag);
  if (begin == std::string_view::npos) return std::nullopt;
  const auto end = content.find('<', begin + tag.size());
  if (end == std::string_view::npos) return std::nullopt;
  return std::string(content.substr(begin + tag.size(), end - begin - tag.size()));
}

std::string watchers_content(const WatchersToTell& watchers) {
  return std::to_string(watchers.told_up_to) + ' ' + watchers.number;
}

WatchersToTell read_watchers(std::string_view content) {
  WatchersToTell watchers;
  const auto* end = content.data() + content.size();
  const auto read = std::from_chars(content.data(), end, watchers.told_up_to);
  if (read.ec != std::errc() || read.ptr == end || *read.ptr != ' ') {
    throw std::runtime_error("no content of session.changed: " + std::string(content));
  }
  watchers.number.assign(read.ptr + 1, end);
  return watchers;
}

std::string refresh_content(const SessionsToRefresh& sessions) {
  return std::to_string(sessions.user_id) + ' ' + std::to_string(sessions.done_up_to);
}

// Without the second number: all.
SessionsToRefresh read_refresh(std::string_view content) {
  SessionsToRefresh sessions;
  const auto* end = content.data() + content.size();
  auto read = std::from_chars(content.data(), end, sessions.user_id);
  if (read.ec == std::errc() && read.ptr != end && *read.ptr == ' ')
    read = std::from_chars(read.ptr + 1, end, sessions.done_up_to);
  if (read.ec != std::errc() || read.ptr != end) {
    throw std::runtime_error("no content of session.refresh: " + std::string(content));
  }
  return sessions;
}

}  // namespace whitebrick::coordination

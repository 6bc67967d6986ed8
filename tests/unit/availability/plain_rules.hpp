#pragma once
// The rules of clauses 12, 24 and K1-K5 as one reads them aloud, for comparing with the compiled filter. Slow
// and plain on purpose; shares no type and no code with it.

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace plain {

struct Mode {
  std::string name;
  std::string state;               // "available", "not available", "transfer", "unknown"
  std::set<std::string> contacts;  // empty: everybody
  int priority = 0;
  int activated = 0;                            // when, counted in minutes like all times here
  std::optional<int> from, until;               // active from..until-1
  bool by_rule = false;                         // else ordered by hand
  std::optional<std::set<std::string>> offers;  // "voice now", "written now", "voice later", "written later"
  bool tell = true;                             // the owner wants to be told of calls that miss him
  std::string target;  // of a transfer: "number", "terminal", "line" (terminals of a kind) or "mail"
};

struct Grant {
  std::optional<int> from, until;
};

struct Asker {
  bool owner = false;
  std::set<std::string> numbers;
  std::vector<Grant> grants;
};

struct Profile {
  std::string policy = "ask";
  std::string default_state = "available";
  std::set<std::string> authorised, refused;
  std::vector<Mode> modes;
  bool connected = false;
};

// What becomes of one type of communication.
struct Call {
  std::string there, away;  // accept, reject, notify, forward: a terminal that takes it is there, none is
  bool box = false;         // a messaging system would take what is not put through
  friend bool operator==(const Call&, const Call&) = default;
};

struct Sight {
  std::string availability = "unknown";
  bool must_ask = false;
  std::string connectability = "UNKNOWN";
  std::set<std::string> offers;
  std::map<std::string, Call> calls;  // by type
  friend bool operator==(const Sight&, const Sight&) = default;
};

inline const std::set<std::string>& all_types() {
  static const std::set<std::string> types{"voice now", "written now", "voice later", "written later"};
  return types;
}
inline bool now_type(const std::string& type) { return type == "voice now" || type == "written now"; }

inline bool within(int time, const std::optional<int>& from, const std::optional<int>& until) {
  if (from.has_value() && time < from.value()) return false;
  if (until.has_value() && time >= until.value()) return false;
  return true;
}

inline bool any_in(const std::set<std::string>& some, const std::set<std::string>& all) {
  for (const std::string& one : some) {
    if (all.count(one) > 0) return true;
  }
  return false;
}

// `a` is to be preferred to `b`.
inline bool better(const Mode& a, const Mode& b) {
  if (a.contacts.empty() != b.contacts.empty()) return b.contacts.empty();
  if (a.contacts.size() != b.contacts.size()) return a.contacts.size() < b.contacts.size();
  if (a.by_rule != b.by_rule) return b.by_rule;
  if (a.priority != b.priority) return a.priority > b.priority;
  return a.activated > b.activated;
}

inline const Mode* mode_for(const Profile& profile, const Asker& asker, int time) {
  const Mode* best = nullptr;
  for (const Mode& mode : profile.modes) {
    if (!within(time, mode.from, mode.until)) continue;
    if (!mode.contacts.empty() && !any_in(asker.numbers, mode.contacts)) continue;
    if (best == nullptr || better(mode, *best)) best = &mode;
  }
  return best;
}

inline Sight everything_rejected() {
  Sight sight;
  for (const std::string& type : all_types()) sight.calls[type] = {"reject", "reject"};
  return sight;
}

inline Sight see_state(const Profile& profile, const Mode* mode, const std::string& state) {
  Sight sight;
  sight.availability = state;
  if (state == "transfer")
    sight.connectability = "IN_TRANSFER";
  else if (state == "not available")
    sight.connectability = "NOT_CONNECTABLE";
  else
    sight.connectability = profile.connected ? "CONNECTABLE" : "NOT_CONNECTABLE";

  std::set<std::string> offered = all_types();
  if (state == "not available") offered = {"voice later", "written later"};
  if (mode != nullptr && mode->offers.has_value()) offered = mode->offers.value();
  const std::string missed = mode != nullptr && !mode->tell ? "reject" : "notify";
  for (const std::string& type : all_types()) {
    Call& call = sight.calls[type];
    call.there = missed;
    call.away = missed;
    const bool voice = type == "voice now" || type == "voice later";
    call.box = offered.count(voice ? "voice later" : "written later") > 0;
    if (offered.count(type) == 0) continue;
    if (!now_type(type) || state == "transfer" || profile.connected) sight.offers.insert(type);
    if (!now_type(type)) continue;
    if (state != "transfer") {
      call.there = "accept";
    } else if (mode->target == "number") {
      call.there = "forward";
      call.away = "forward";
    } else if (mode->target != "mail") {
      call.there = "forward";
    }
  }
  return sight;
}

inline Sight see(const Profile& profile, const Asker& asker, int time) {
  const Mode* mode = mode_for(profile, asker, time);
  const std::string state = mode == nullptr ? profile.default_state : mode->state;
  if (asker.owner) return see_state(profile, mode, state);
  if (any_in(asker.numbers, profile.refused)) return everything_rejected();
  if (state == "unknown") return everything_rejected();

  bool allowed = any_in(asker.numbers, profile.authorised);
  for (const Grant& grant : asker.grants) {
    if (within(time, grant.from, grant.until)) allowed = true;
  }
  if (allowed || profile.policy == "open") return see_state(profile, mode, state);
  Sight sight = everything_rejected();
  if (profile.policy == "closed") return sight;
  sight.must_ask = true;
  sight.connectability = "AUTHORISATION_REQUIRED";
  if (mode == nullptr || mode->tell) {
    for (auto& [type, call] : sight.calls) call = {"notify", "notify"};
  }
  return sight;
}

}  // namespace plain

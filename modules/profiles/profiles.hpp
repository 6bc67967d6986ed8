#pragma once
// Users, terminals, profiles, contact lists and subscribed services (patent 6 and 18).
//
// The only header of this module that others may include. Knows no SOAP. All state is
// in the database; one object may be used from many threads.
// Failures: Fault (the client can act on it) or db::Error (it cannot).
//
// A user's data is changed by the user himself or an administrator; a contact number is
// given by an administrator only (nobody can claim somebody else's number).
// Publishes (component "profiles", in the caller's transaction): profile.changed, profile.deleted,
// profile.service_removed and profile.terminal_deleted, for components only.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "db/session.hpp"
#include "modules/events/events.hpp"
#include "server/caller.hpp"

namespace whitebrick::profiles {

enum class Policy { kOpen = 1, kAsk = 2, kClosed = 3 };
enum class DefaultState { kAvailable = 1, kNotAvailable = 2, kUnknown = 4 };
enum class ListKind { kWanted = 1, kAuthorised = 2, kRefused = 3 };
enum class TerminalKind { kFixed = 1, kMobile, kVoip, kWeb, kPortal, kOther };

struct Written {
  std::uint64_t version = 0;
  bool created = false;
};

struct UserData {
  std::string user;
  std::optional<std::string> display_name;
};

struct TerminalData {
  std::string terminal;
  TerminalKind kind = TerminalKind::kOther;
  std::optional<std::string> display_name;
  std::vector<std::string> capabilities;
  std::vector<std::string> applications;
};

struct ProfileData {
  std::string profile;
  std::optional<std::string> display_name;
  std::optional<std::string> contact_number;  // absent: unchanged
  Policy policy = Policy::kAsk;
  DefaultState default_state = DefaultState::kAvailable;
};

struct ContactLists {
  std::vector<std::string> wanted, authorised, refused;  // contact numbers, in order
};

struct ServiceRef {
  std::string name, provider;
};

struct Parameter {
  std::string name, value;
};

struct SubscribedService {
  ServiceRef service;
  std::vector<Parameter> parameters;
};

struct Profile {
  std::string user;
  ProfileData data;
  std::uint64_t version = 0;
  ContactLists lists;
  std::vector<SubscribedService> services;
};

struct Listed {
  std::vector<Profile> profiles;
  bool more = false;  // than are answered at once
};

// A profile as other modules hold it.
struct ProfileKey {
  std::uint64_t id = 0;       // profile.id
  std::uint64_t user_id = 0;  // user.id
  std::string user, profile;  // wire ids
  std::optional<std::string> contact_number;
};

// A contact number in its one stored form: "tel:+33123456789" or "sip:alice@example.org"
// (scheme and host in lower case, no parameters). Accepts E.164 ("+33 1 23 45 67 89"),
// tel: and sip:/sips: URIs. Pure. Fault INVALID_ARGUMENT naming `field`.
std::string normalise_number(const std::string& number, const std::string& field);

// What ifVersion means, for everything that has a version: Fault STALE_VERSION unless nothing is
// demanded, or `stored` (of the row as it was found and locked) is what was demanded. Pure.
void demand_version(std::optional<std::uint64_t> stored, std::optional<std::uint64_t> if_version,
                    const std::string& what);

// What profile.changed tells: the views that others have of this profile, or that its user
// has of others, may be different now. Its content is XML; nobody outside of the server sees it.
struct Change {
  std::uint64_t profile_id = 0;
  std::optional<std::string> former_number;  // it has another one now
};
std::string change_content(const Change&);
Change read_change(const std::string& content);  // throws std::runtime_error for other text

// What profile.deleted, profile.service_removed and profile.terminal_deleted tell: whoever keeps
// something for it ends it. Components only.
struct Removal {
  std::uint64_t id = 0;                       // of the profile; of the terminal
  std::optional<std::uint64_t> service_id;    // that the profile does not subscribe to any more
  std::optional<std::string> former_number;   // of the profile
  std::optional<std::uint64_t> user_id = {};  // whose profile it was
};
std::string removal_content(const std::string& type, const Removal&);
Removal read_removal(const std::string& content);  // throws std::runtime_error for other text

struct User {
  UserData data;
  std::uint64_t version = 0;
  Time created_at;
  std::vector<std::string> profiles, terminals;  // their ids
};

struct Terminal {
  TerminalData data;
  std::uint64_t version = 0;
};

class Profiles {
 public:
  explicit Profiles(events::Events&);

  // Faults: STALE_VERSION where if_version is given and not the stored one.
  Written put_user(db::Session&, const UserData&, std::optional<std::uint64_t> if_version);
  Written put_terminal(db::Session&, std::uint64_t user_id, const TerminalData&,
                       std::optional<std::uint64_t> if_version);
  // Faults: FORBIDDEN(contactNumber) unless by_admin, ALREADY_EXISTS(contactNumber).
  Written put_profile(db::Session&, std::uint64_t user_id, const ProfileData&, bool by_admin,
                      std::optional<std::uint64_t> if_version);
  Profile get_profile(db::Session&, const ProfileKey&);
  // By name, as far as one answer holds them (check::kMaxAnswer).
  Listed list_profiles(db::Session&, std::uint64_t user_id);
  // Replaces all three. A number that belongs to nobody is stored like any other.
  std::uint64_t set_contact_lists(db::Session&, const ProfileKey&, const ContactLists&,
                                  std::optional<std::uint64_t> if_version);
  // Replaces the parameters when it did already. Faults: NOT_FOUND(service), LIMIT_EXCEEDED(service,
  // parameter) (more than a profile holds).
  std::uint64_t subscribe_to_service(db::Session&, const ProfileKey&, const ServiceRef&,
                                     const std::vector<Parameter>&);

  User get_user(db::Session&, std::uint64_t user_id);
  std::vector<Terminal> list_terminals(db::Session&, std::uint64_t user_id);  // at most check::kMaxItems
  // What hangs on it ends soon after, by the events named at Removal. Answer whether there was one.
  // Faults: STALE_VERSION.
  bool delete_terminal(db::Session&, std::uint64_t user_id, const std::string& terminal,
                       std::optional<std::uint64_t> if_version);
  bool delete_profile(db::Session&, std::uint64_t user_id, const std::string& profile,
                      std::optional<std::uint64_t> if_version);
  // False: it did not subscribe to it.
  bool unsubscribe_from_service(db::Session&, const ProfileKey&, const ServiceRef&);

  // Publishes profile.changed, also for an upper module whose own facts about it changed.
  void changed(db::Session&, const Change&);

  // The user a request is about: `user` when given (must be the caller's own, or the caller
  // an administrator), else the caller's. Faults: FORBIDDEN, NOT_FOUND, INVALID_ARGUMENT(userId).
  std::uint64_t subject(db::Session&, const Caller&, const std::optional<std::string>& user);
  // The same for one of that user's profiles. Faults also: NOT_FOUND(profileId).
  ProfileKey subject_profile(db::Session&, const Caller&, const std::optional<std::string>& user,
                             const std::string& profile);

  // Look-ups for other modules; nothing when there is none.
  std::optional<std::uint64_t> find_user(db::Session&, const std::string& user);
  std::optional<std::uint64_t> find_terminal(db::Session&, std::uint64_t user_id,
                                             const std::string& terminal);
  std::optional<ProfileKey> find_profile(db::Session&, std::uint64_t user_id, const std::string& profile);
  std::optional<ProfileKey> find_number(db::Session&, const std::string& normalised);
  std::vector<ProfileKey> profiles_of(db::Session&, std::uint64_t user_id);
  std::vector<std::string> wanted_contacts(db::Session&, std::uint64_t profile_id);
  bool subscribes_to(db::Session&, std::uint64_t profile_id, std::uint64_t service_id);

 private:
  void removed(db::Session&, const std::string& type, const Removal&);

  events::Events& events_;
};

}  // namespace whitebrick::profiles

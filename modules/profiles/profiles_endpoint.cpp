#include "modules/profiles/profiles_endpoint.hpp"

#include <array>

#include "modules/profiles/profiles.hpp"
#include "profiles_soapProfilesService.h"
#include "server/operation.hpp"
#include "server/soap_optional.hpp"

namespace whitebrick::profiles {
namespace {

using namespace profiles_soap;

template <class Ours, class Wire, std::size_t size>
using Names = std::array<std::pair<Ours, Wire>, size>;

constexpr Names<TerminalKind, prof__TerminalKind, 6> kKinds{{
    {TerminalKind::kFixed, prof__TerminalKind::FIXED},
    {TerminalKind::kMobile, prof__TerminalKind::MOBILE},
    {TerminalKind::kVoip, prof__TerminalKind::VOIP},
    {TerminalKind::kWeb, prof__TerminalKind::WEB},
    {TerminalKind::kPortal, prof__TerminalKind::PORTAL},
    {TerminalKind::kOther, prof__TerminalKind::OTHER},
}};
constexpr Names<Policy, prof__Policy, 3> kPolicies{{
    {Policy::kAsk, prof__Policy::ASK},
    {Policy::kOpen, prof__Policy::OPEN},
    {Policy::kClosed, prof__Policy::CLOSED},
}};
constexpr Names<DefaultState, prof__DefaultState, 3> kDefaultStates{{
    {DefaultState::kAvailable, prof__DefaultState::AVAILABLE},
    {DefaultState::kNotAvailable, prof__DefaultState::NOT_AVAILABLE},
    {DefaultState::kUnknown, prof__DefaultState::UNKNOWN},
}};

template <class Ours, class Wire, std::size_t size>
Wire to_wire(const Names<Ours, Wire, size>& names, Ours value) {
  for (const auto& [ours, wire] : names) {
    if (ours == value) return wire;
  }
  return names.front().second;
}
template <class Ours, class Wire, std::size_t size>
Ours from_wire(const Names<Ours, Wire, size>& names, Wire value) {
  for (const auto& [ours, wire] : names) {
    if (wire == value) return ours;
  }
  return names.front().first;
}

std::optional<std::uint64_t> version_of(const LONG64* version) {
  return version == nullptr ? std::nullopt : std::optional(static_cast<std::uint64_t>(*version));
}

prof__SubscribedService* service_to_wire(struct soap* soap, const SubscribedService& service) {
  prof__SubscribedService* out = soap_new_prof__SubscribedService(soap);
  out->service = soap_new_c__ServiceRef(soap);
  out->service->name = service.service.name;
  out->service->provider = service.service.provider;
  for (const Parameter& parameter : service.parameters) {
    prof__Parameter* item = soap_new_prof__Parameter(soap);
    item->name = parameter.name;
    item->value = parameter.value;
    out->parameter.push_back(item);
  }
  return out;
}

prof__Profile* profile_to_wire(struct soap* soap, const Profile& profile) {
  prof__Profile* out = soap_new_prof__Profile(soap);
  out->userId = profile.user;
  out->profileId = profile.data.profile;
  out->displayName = put(soap, profile.data.display_name);
  out->contactNumber = put(soap, profile.data.contact_number);
  out->policy = to_wire(kPolicies, profile.data.policy);
  out->defaultState = to_wire(kDefaultStates, profile.data.default_state);
  out->version = static_cast<LONG64>(profile.version);
  out->wanted = profile.lists.wanted;
  out->authorised = profile.lists.authorised;
  out->refused = profile.lists.refused;
  for (const SubscribedService& service : profile.services)
    out->service.push_back(service_to_wire(soap, service));
  return out;
}

class ProfilesEndpoint final : public ProfilesService {
 public:
  ProfilesEndpoint(struct soap* s, Guard& guard, Profiles& profiles)
      : ProfilesService(s), guard_(guard), profiles_(profiles) {}
  ProfilesService* copy() override { return nullptr; }

  int PutUser(_prof__PutUser* in, _prof__PutUserResponse& out) override {
    return guard_.operation("PutUser", *in, out, [&](Operation& op) {
      const UserData user{.user = in->userId, .display_name = given(in->displayName)};
      answer(out, profiles_.put_user(op.db, user, version_of(in->ifVersion)));
    });
  }

  int PutTerminal(_prof__PutTerminal* in, _prof__PutTerminalResponse& out) override {
    return guard_.operation("PutTerminal", *in, out, [&](Operation& op) {
      const TerminalData terminal{.terminal = in->terminalId,
                                  .kind = from_wire(kKinds, in->kind),
                                  .display_name = given(in->displayName),
                                  .capabilities = in->capability,
                                  .applications = in->application};
      const std::uint64_t user = profiles_.subject(op.db, op.caller, given(in->userId));
      answer(out, profiles_.put_terminal(op.db, user, terminal, version_of(in->ifVersion)));
    });
  }

  int PutProfile(_prof__PutProfile* in, _prof__PutProfileResponse& out) override {
    return guard_.operation("PutProfile", *in, out, [&](Operation& op) {
      ProfileData profile{.profile = in->profileId,
                          .display_name = given(in->displayName),
                          .contact_number = given(in->contactNumber)};
      if (in->policy != nullptr) profile.policy = from_wire(kPolicies, *in->policy);
      if (in->defaultState != nullptr) profile.default_state = from_wire(kDefaultStates, *in->defaultState);
      const std::uint64_t user = profiles_.subject(op.db, op.caller, given(in->userId));
      answer(out, profiles_.put_profile(op.db, user, profile, op.caller.role == Role::kAdmin,
                                        version_of(in->ifVersion)));
      const auto key = profiles_.find_profile(op.db, user, in->profileId);
      out.contactNumber = put(soap, key ? key->contact_number : std::nullopt);
    });
  }

  int GetProfile(_prof__GetProfile* in, _prof__GetProfileResponse& out) override {
    return guard_.operation("GetProfile", *in, out, [&](Operation& op) {
      const ProfileKey key = profiles_.subject_profile(op.db, op.caller, given(in->userId), in->profileId);
      out.profile = profile_to_wire(soap, profiles_.get_profile(op.db, key));
    });
  }

  int ListProfiles(_prof__ListProfiles* in, _prof__ListProfilesResponse& out) override {
    return guard_.operation("ListProfiles", *in, out, [&](Operation& op) {
      const std::uint64_t user = profiles_.subject(op.db, op.caller, given(in->userId));
      const Listed listed = profiles_.list_profiles(op.db, user);
      if (listed.more) out.more = put(soap, std::optional(true));
      for (const Profile& profile : listed.profiles) out.profile.push_back(profile_to_wire(soap, profile));
    });
  }

  int SetContactLists(_prof__SetContactLists* in, _prof__SetContactListsResponse& out) override {
    return guard_.operation("SetContactLists", *in, out, [&](Operation& op) {
      const ContactLists lists{.wanted = in->wanted, .authorised = in->authorised, .refused = in->refused};
      const ProfileKey key = profiles_.subject_profile(op.db, op.caller, given(in->userId), in->profileId);
      out.version =
          static_cast<LONG64>(profiles_.set_contact_lists(op.db, key, lists, version_of(in->ifVersion)));
    });
  }

  int SubscribeToService(_prof__SubscribeToService* in, _prof__SubscribeToServiceResponse& out) override {
    return guard_.operation("SubscribeToService", *in, out, [&](Operation& op) {
      std::vector<Parameter> parameters;
      for (const prof__Parameter* item : in->parameter) parameters.push_back({item->name, item->value});
      const ProfileKey key = profiles_.subject_profile(op.db, op.caller, given(in->userId), in->profileId);
      out.version = static_cast<LONG64>(
          profiles_.subscribe_to_service(op.db, key, {in->service->name, in->service->provider}, parameters));
    });
  }

  int UnsubscribeFromService(_prof__UnsubscribeFromService* in,
                             _prof__UnsubscribeFromServiceResponse& out) override {
    return guard_.operation("UnsubscribeFromService", *in, out, [&](Operation& op) {
      const ProfileKey key = profiles_.subject_profile(op.db, op.caller, given(in->userId), in->profileId);
      out.unsubscribed =
          profiles_.unsubscribe_from_service(op.db, key, {in->service->name, in->service->provider});
    });
  }

  int GetUser(_prof__GetUser* in, _prof__GetUserResponse& out) override {
    return guard_.operation("GetUser", *in, out, [&](Operation& op) {
      const User user = profiles_.get_user(op.db, profiles_.subject(op.db, op.caller, given(in->userId)));
      out.user = soap_new_prof__User(soap);
      out.user->userId = user.data.user;
      out.user->displayName = put(soap, user.data.display_name);
      out.user->version = static_cast<LONG64>(user.version);
      out.user->createdAt = user.created_at;
      out.user->profileId = user.profiles;
      out.user->terminalId = user.terminals;
    });
  }

  int ListTerminals(_prof__ListTerminals* in, _prof__ListTerminalsResponse& out) override {
    return guard_.operation("ListTerminals", *in, out, [&](Operation& op) {
      const std::uint64_t user = profiles_.subject(op.db, op.caller, given(in->userId));
      for (const Terminal& terminal : profiles_.list_terminals(op.db, user)) {
        prof__Terminal* item = soap_new_prof__Terminal(soap);
        item->terminalId = terminal.data.terminal;
        item->kind = to_wire(kKinds, terminal.data.kind);
        item->displayName = put(soap, terminal.data.display_name);
        item->version = static_cast<LONG64>(terminal.version);
        item->capability = terminal.data.capabilities;
        item->application = terminal.data.applications;
        out.terminal.push_back(item);
      }
    });
  }

  int DeleteTerminal(_prof__DeleteTerminal* in, _prof__DeleteTerminalResponse& out) override {
    return guard_.operation("DeleteTerminal", *in, out, [&](Operation& op) {
      const std::uint64_t user = profiles_.subject(op.db, op.caller, given(in->userId));
      out.deleted = profiles_.delete_terminal(op.db, user, in->terminalId, version_of(in->ifVersion));
    });
  }

  int DeleteProfile(_prof__DeleteProfile* in, _prof__DeleteProfileResponse& out) override {
    return guard_.operation("DeleteProfile", *in, out, [&](Operation& op) {
      const std::uint64_t user = profiles_.subject(op.db, op.caller, given(in->userId));
      out.deleted = profiles_.delete_profile(op.db, user, in->profileId, version_of(in->ifVersion));
    });
  }

 private:
  template <class Response>
  static void answer(Response& out, const Written& written) {
    out.version = static_cast<LONG64>(written.version);
    out.created = written.created;
  }

  Guard& guard_;
  Profiles& profiles_;
};

}  // namespace

int dispatch(struct soap* soap, Guard& guard, Profiles& profiles) {
  return ProfilesEndpoint(soap, guard, profiles).dispatch();
}

}  // namespace whitebrick::profiles

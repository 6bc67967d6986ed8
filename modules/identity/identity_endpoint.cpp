#include "modules/identity/identity_endpoint.hpp"

#include "identity_soapIdentityService.h"
#include "modules/identity/identity.hpp"
#include "server/fault.hpp"
#include "server/operation.hpp"
#include "server/soap_optional.hpp"

namespace whitebrick::identity {
namespace {

using namespace identity_soap;

id__Role role_to_wire(Role role) {
  if (role == Role::kUser) return id__Role::USER;
  return role == Role::kService ? id__Role::SERVICE : id__Role::ADMIN;
}

Role role_from_wire(id__Role role) {
  if (role == id__Role::USER) return Role::kUser;
  return role == id__Role::SERVICE ? Role::kService : Role::kAdmin;
}

std::optional<std::string> unless_empty(const std::string& text) {
  return text.empty() ? std::nullopt : std::optional(text);
}

void demand_private_channel(const Operation& op) {
  if (op.request.private_channel) return;
  throw Fault(FaultCode::AUTHENTICATION_REQUIRED, "a password is accepted over TLS only: use https",
              "password");
}

class IdentityEndpoint final : public IdentityService {
 public:
  IdentityEndpoint(struct soap* s, Guard& guard, Identity& identity)
      : IdentityService(s), guard_(guard), identity_(identity) {}
  IdentityService* copy() override { return nullptr; }

  int Login(_id__Login* in, _id__LoginResponse& out) override {
    return guard_.operation("Login", *in, out, [&](Operation& op) {
      demand_private_channel(op);
      const Token token = identity_.login(op.db, in->accountName, in->password, op.request.peer);
      out.token = token.token;
      out.expiresAt = token.expires_at;
      out.role = role_to_wire(token.role);
      out.userId = put(soap, unless_empty(token.user));
    });
  }

  int Logout(_id__Logout* in, _id__LogoutResponse& out) override {
    return guard_.operation("Logout", *in, out,
                            [&](Operation& op) { out.ended = identity_.logout(op.db, op.caller); });
  }

  int RenewToken(_id__RenewToken* in, _id__RenewTokenResponse& out) override {
    return guard_.operation("RenewToken", *in, out, [&](Operation& op) {
      const Token token = identity_.renew(op.db, op.caller);
      out.token = token.token;
      out.expiresAt = token.expires_at;
    });
  }

  int CreateAccount(_id__CreateAccount* in, _id__CreateAccountResponse& out) override {
    return guard_.operation("CreateAccount", *in, out, [&](Operation& op) {
      demand_private_channel(op);
      identity_.create_account(op.db, {.name = in->accountName,
                                       .password = in->password,
                                       .role = role_from_wire(in->role),
                                       .user = given(in->userId)});
      out.accountName = in->accountName;
    });
  }

  int SetPassword(_id__SetPassword* in, _id__SetPasswordResponse& out) override {
    return guard_.operation("SetPassword", *in, out, [&](Operation& op) {
      demand_private_channel(op);
      identity_.set_password(op.db, in->accountName, in->password);
      out.changed = true;
    });
  }

  int ResolveContactNumber(_id__ResolveContactNumber* in, _id__ResolveContactNumberResponse& out) override {
    return guard_.operation("ResolveContactNumber", *in, out, [&](Operation& op) {
      const profiles::ProfileKey profile = identity_.resolve_contact_number(op.db, op.caller, in->number);
      out.userId = profile.user;
      out.profileId = profile.profile;
      out.contactNumber = profile.contact_number.value_or("");
    });
  }

 private:
  Guard& guard_;
  Identity& identity_;
};

}  // namespace

int dispatch(struct soap* soap, Guard& guard, Identity& identity) {
  return IdentityEndpoint(soap, guard, identity).dispatch();
}

}  // namespace whitebrick::identity

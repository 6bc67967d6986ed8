// Services that act for the user of a service session.
#include "modules/availability/availability.hpp"
#include "server/fault.hpp"

namespace whitebrick::availability {
namespace {

constexpr std::string_view kOfServiceSession = R"sql(
SELECT p.id AS id, p.user_id AS user_id, u.name AS user, p.name AS profile, p.contact_number AS contact_number
FROM service_session v JOIN profile p ON p.id = v.profile_id JOIN user u ON u.id = p.user_id
WHERE v.public_id = UNHEX(?) AND v.service_id = ?)sql";

}  // namespace

profiles::ProfileKey Availability::acting_profile(db::Session& db, const Caller& caller,
                                                  const std::optional<std::string>& service_session,
                                                  const std::optional<std::string>& profile) {
  constexpr const char* kField = "serviceSessionId";
  if (caller.role != Role::kService) {
    if (service_session) {
      throw Fault(FaultCode::INVALID_ARGUMENT, "only a service names a service session", kField);
    }
    if (profile) return profiles_.subject_profile(db, caller, std::nullopt, *profile);
    return {.id = 0, .user_id = caller.user_id, .user = caller.user, .profile = {}, .contact_number = {}};
  }
  if (!service_session) {
    throw Fault(FaultCode::INVALID_ARGUMENT, "a service names its service session", kField);
  }
  const auto found = db.query_one(
      kOfServiceSession,
      [](const db::Row& row) {
        return profiles::ProfileKey{row.id("id"), row.id("user_id"), row.text("user"), row.text("profile"),
                                    row.text_or_null("contact_number")};
      },
      *service_session, caller.account_id);
  if (!found) throw Fault(FaultCode::SESSION_ENDED, "this service session is over", kField);
  if (profile && *profile != found->profile) {
    throw Fault(FaultCode::NOT_FOUND, "the service session is of another profile", "profileId");
  }
  return *found;
}

}  // namespace whitebrick::availability

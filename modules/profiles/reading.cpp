// Profiles as they are answered: a profile with its lists and services, by a fixed number
// of queries however many profiles there are.
#include <unordered_map>

#include "modules/profiles/profiles.hpp"
#include "server/check.hpp"
#include "server/fault.hpp"

namespace whitebrick::profiles {
namespace {

// All of them: one user's profiles up to one by name, or one of these (third and fourth argument; 0: all).
constexpr std::string_view kReadProfiles = R"sql(
SELECT p.id AS id, u.name AS user, p.name AS profile, p.display_name AS display_name,
  p.contact_number AS contact_number, p.policy AS policy, p.default_state AS default_state, p.version AS version
FROM profile p JOIN user u ON u.id = p.user_id
WHERE p.user_id = ? AND (? IS NULL OR p.name <= ?) AND (? = 0 OR p.id = ?) ORDER BY p.name)sql";
constexpr std::string_view kReadLists = R"sql(
SELECT c.profile_id AS profile_id, c.kind AS kind, c.number AS number
FROM profile p JOIN contact_list c ON c.profile_id = p.id
WHERE p.user_id = ? AND (? IS NULL OR p.name <= ?) AND (? = 0 OR p.id = ?)
ORDER BY c.profile_id, c.kind, c.position)sql";
constexpr std::string_view kReadServices = R"sql(
SELECT ps.profile_id AS profile_id, ps.service_id AS service_id, s.name AS name, s.provider AS provider,
  sp.name AS parameter, sp.value AS value
FROM profile p JOIN profile_service ps ON ps.profile_id = p.id
JOIN service s ON s.account_id = ps.service_id
LEFT JOIN profile_service_parameter sp ON sp.profile_id = ps.profile_id AND sp.service_id = ps.service_id
WHERE p.user_id = ? AND (? IS NULL OR p.name <= ?) AND (? = 0 OR p.id = ?)
ORDER BY ps.profile_id, s.provider, s.name, sp.name)sql";

class Reader {
 public:
  Reader(db::Session& db, std::uint64_t user_id, std::optional<std::string> up_to, std::uint64_t profile_id)
      : db_(db), user_id_(user_id), profile_id_(profile_id), up_to_(std::move(up_to)) {}

  std::vector<Profile> read() {
    query(kReadProfiles, [&](const db::Row& row) { add_profile(row); });
    query(kReadLists, [&](const db::Row& row) { add_contact(row); });
    query(kReadServices, [&](const db::Row& row) { add_service(row); });
    return std::move(profiles_);
  }

 private:
  template <class Read>
  void query(std::string_view sql, Read read) {
    db_.query(
        sql, [&](const db::Row& row) { return read(row), true; }, user_id_, up_to_, up_to_, profile_id_,
        profile_id_);
  }

  void add_profile(const db::Row& row) {
    places_.emplace(row.id("id"), profiles_.size());
    profiles_.push_back(
        Profile{.user = row.text("user"),
                .data = {.profile = row.text("profile"),
                         .display_name = row.text_or_null("display_name"),
                         .contact_number = row.text_or_null("contact_number"),
                         .policy = static_cast<Policy>(row.number("policy")),
                         .default_state = static_cast<DefaultState>(row.number("default_state"))},
                .version = row.id("version"),
                .lists = {},
                .services = {}});
  }

  // Nothing for a profile that came into being between two of the queries.
  Profile* find(const db::Row& row) {
    const auto place = places_.find(row.id("profile_id"));
    return place == places_.end() ? nullptr : &profiles_[place->second];
  }

  void add_contact(const db::Row& row) {
    Profile* profile = find(row);
    if (profile == nullptr) return;
    switch (static_cast<ListKind>(row.number("kind"))) {
      case ListKind::kWanted:
        profile->lists.wanted.push_back(row.text("number"));
        break;
      case ListKind::kAuthorised:
        profile->lists.authorised.push_back(row.text("number"));
        break;
      case ListKind::kRefused:
        profile->lists.refused.push_back(row.text("number"));
        break;
    }
  }

  void add_service(const db::Row& row) {
    Profile* profile = find(row);
    if (profile == nullptr) return;
    const std::pair key(row.id("profile_id"), row.id("service_id"));
    if (key != last_service_) profile->services.push_back({{row.text("name"), row.text("provider")}, {}});
    last_service_ = key;
    if (auto name = row.text_or_null("parameter")) {
      profile->services.back().parameters.push_back({*std::move(name), row.text("value")});
    }
  }

  db::Session& db_;
  const std::uint64_t user_id_, profile_id_;
  const std::optional<std::string> up_to_;
  std::vector<Profile> profiles_;
  std::unordered_map<std::uint64_t, std::size_t> places_;
  std::pair<std::uint64_t, std::uint64_t> last_service_{0, 0};
};

}  // namespace

Profile Profiles::get_profile(db::Session& db, const ProfileKey& key) {
  auto found = Reader(db, key.user_id, std::nullopt, key.id).read();
  if (found.empty()) throw Fault(FaultCode::NOT_FOUND, "the user has no such profile", "profileId");
  return std::move(found.front());
}

namespace {

// With the mark-up.
constexpr std::string_view kSizes = R"sql(
SELECT p.name AS name,
  (SELECT COALESCE(SUM(LENGTH(c.number) + 32), 0) FROM contact_list c WHERE c.profile_id = p.id) +
  (SELECT COUNT(*) * 256 FROM profile_service ps WHERE ps.profile_id = p.id) +
  (SELECT COALESCE(SUM(LENGTH(sp.name) + LENGTH(sp.value) + 64), 0) FROM profile_service_parameter sp
   WHERE sp.profile_id = p.id) AS bytes
FROM profile p WHERE p.user_id = ? ORDER BY p.name)sql";

}  // namespace

Listed Profiles::list_profiles(db::Session& db, std::uint64_t user_id) {
  struct Sized {
    std::string name;
    std::size_t bytes;
  };
  auto sizes = db.query(
      kSizes,
      [](const db::Row& row) {
        return Sized{row.text("name"), static_cast<std::size_t>(row.number("bytes"))};
      },
      user_id);
  if (sizes.empty()) return {};
  const bool more = check::cut_by_size(sizes, [](const Sized& profile) { return profile.bytes; });
  return {Reader(db, user_id, sizes.back().name, 0).read(), more};
}

}  // namespace whitebrick::profiles

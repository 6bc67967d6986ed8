#pragma once
// People who look at each other.

#include "modules/availability/availability.hpp"
#include "tests/db/profiles/profiles_fixture.hpp"

namespace whitebrick::availability {

using profiles::Policy;
using profiles::ProfileKey;

class AvailabilityFixture : public profiles::ProfilesFixture {
 protected:
  // A live access session of the profile on a terminal of this number.
  void connect(const ProfileKey& key, int terminal = 1) {
    run([&](db::Session& db) {
      db.execute(
          "INSERT INTO access_session (public_id, terminal_session_id, user_id, profile_id, subscription_id, "
          "opened_at) VALUES (UNHEX(MD5(CONCAT(?, '-', ?))), ?, ?, ?, 1, UTC_TIMESTAMP(6))",
          key.id, terminal, key.id * 100 + static_cast<unsigned>(terminal), key.user_id, key.id);
    });
  }

  Mode mode(const std::string& name, ModeState state, const std::vector<std::string>& contacts = {},
            int priority = 0) {
    Mode mode;
    mode.mode = name;
    mode.state = state;
    mode.contacts = contacts;
    mode.priority = priority;
    if (state == ModeState::kTransfer) mode.transfer.number = "+33199999999";
    return mode;
  }
  profiles::Written put(const ProfileKey& key, const Mode& mode,
                        std::optional<std::uint64_t> if_version = {}) {
    return run([&](db::Session& db) { return availability_.put_mode(db, key, mode, if_version); });
  }
  Time activate(const ProfileKey& key, const Activation& activation) {
    return run([&](db::Session& db) { return availability_.activate(db, key, activation); });
  }
  Time activate(const ProfileKey& key, const std::string& mode, std::optional<Time> until = {}) {
    return activate(key, Activation{.mode = mode, .level = {}, .active = true, .until = until});
  }
  Time set_level(const ProfileKey& key, ModeState level, std::optional<Time> until = {}) {
    return activate(key, Activation{.mode = {}, .level = level, .active = true, .until = until});
  }
  void deactivate(const ProfileKey& key, const std::string& mode) {
    activate(key, Activation{.mode = mode, .level = {}, .active = false, .until = {}});
  }
  Modes modes(const ProfileKey& key) {
    return run([&](db::Session& db) { return availability_.list_modes(db, key); });
  }

  std::vector<View> views(std::uint64_t asker, const std::vector<std::string>& numbers,
                          std::uint64_t service = 0) {
    return run([&](db::Session& db) { return availability_.views(db, asker, service, numbers); });
  }
  Connectability sees(std::uint64_t asker, const std::string& number, std::uint64_t service = 0) {
    return connectability(views(asker, {number}, service).front().facts);
  }

  // Modes and grants with an end become old by this much.
  void pass(std::chrono::seconds time) {
    run([&](db::Session& db) {
      db.execute("UPDATE mode_activation SET until_at = until_at - INTERVAL ? SECOND", time.count());
      db.execute("UPDATE authorisation SET until_at = until_at - INTERVAL ? SECOND", time.count());
    });
  }
  Time now() {
    return run([](db::Session& db) { return db.now(); });
  }
  std::size_t told(const std::string& type) { return published(type).size(); }

  Availability availability_{profiles_, events_};
};

}  // namespace whitebrick::availability

#pragma once
// The rows that views are made of, for some askers and some numbers at once. Inside the module only.

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "modules/availability/availability.hpp"
#include "modules/availability/reach.hpp"
#include "modules/availability/stamps.hpp"

namespace whitebrick::availability {

class ViewRows {
 public:
  // One statement, so one state of the database. Of many numbers for one asker, a user or (0) a service in
  // its own name; with stamps of him and of the buckets, if there are any.
  ViewRows(db::Session&, std::uint64_t user_id, std::uint64_t service_id,
           const std::vector<std::string>& numbers, const std::vector<Bucket>& buckets);
  // Of one number for many users.
  ViewRows(db::Session&, const std::vector<std::uint64_t>& users, const std::string& number);

  // User 0: the service.
  View view(std::uint64_t user, const std::string& number) const;
  // When it may be another one, though nothing is written. Only with stamps.
  Time valid_until(const std::string& number, RestsOn) const;
  const StampsRead& stamps() const { return stamps_; }

 private:
  struct Right {
    bool authorised = false, refused = false, granted = false;
    std::optional<std::uint64_t> grant_for_once;
  };
  struct ActiveMode {
    std::uint64_t id;
    CoveringMode mode;
    std::vector<std::uint64_t> users;  // whom it covers, if not everybody
  };
  struct Owner {
    std::uint64_t id = 0, user_id = 0;
    ProfilePolicy policy = ProfilePolicy::kAsk;
    ModeState default_state = ModeState::kAvailable;
    bool connected = false;
    std::vector<ActiveMode> modes;
    std::unordered_map<std::uint64_t, Right> rights;  // by user
    Time rights_until = Time::max(), modes_until = Time::max();
  };

  void add(const db::Row&);
  void read(db::Session&, const std::vector<std::uint64_t>& users, std::uint64_t service_id,
            const std::vector<std::string>& numbers, const std::vector<Bucket>& buckets);
  static void add_mode(Owner&, const db::Row&, bool by_rule);
  static void add_grant(Owner&, const db::Row&);

  StampsRead stamps_;
  std::unordered_map<std::string, Owner> owners_;
};

}  // namespace whitebrick::availability

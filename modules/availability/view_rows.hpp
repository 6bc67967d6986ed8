#pragma once
// The rows that views are made of, for some askers and some numbers at once. Inside the module only.

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "modules/availability/availability.hpp"
#include "modules/availability/owner_facts.hpp"
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
  Time valid_until(std::uint64_t user, const std::string& number, RestsOn) const;
  // Whoever asks; of nobody, what nobody has.
  const OwnerFacts& owner(const std::string& number) const;
  // No longer than rules are looked ahead. Only with stamps.
  Time horizon() const;
  const StampsRead& stamps() const { return stamps_; }

 private:
  struct Owner {
    OwnerFacts facts;
    std::unordered_map<std::uint64_t, AskerRights> rights;  // by user
  };

  void add(const db::Row&);
  void read(db::Session&, const std::vector<std::uint64_t>& users, std::uint64_t service_id,
            const std::vector<std::string>& numbers, const std::vector<Bucket>& buckets);
  static void add_mode(Owner&, const db::Row&, bool by_rule);
  const Owner& found(const std::string& number) const;
  static const AskerRights& rights_of(const Owner&, std::uint64_t user);

  StampsRead stamps_;
  std::unordered_map<std::string, Owner> owners_;
};

}  // namespace whitebrick::availability

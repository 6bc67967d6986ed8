#pragma once
// What is between an asker and owners whose facts are kept, and the stamps that say whether those still hold:
// one statement, so one state of the database. Inside the module only.

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "modules/availability/owner_facts.hpp"
#include "modules/availability/reach_cache.hpp"
#include "modules/availability/stamps.hpp"

namespace whitebrick::availability {

class RightRows {
 public:
  // Stamps of the asker and of the buckets, which may be of other owners too. The owners have at most
  // db::kMaxList modes for some contacts together.
  RightRows(db::Session&, const ReachAsker&, const std::vector<const OwnerFacts*>&,
            const std::vector<Bucket>&);

  AskerRights of(const OwnerFacts&) const;
  const StampsRead& stamps() const { return stamps_; }

 private:
  void add(const db::Row&);

  StampsRead stamps_;
  std::unordered_map<std::uint64_t, AskerRights> rights_;  // by profile
  std::vector<std::uint64_t> covered_by_;                  // modes of any of them
};

}  // namespace whitebrick::availability

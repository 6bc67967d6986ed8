#pragma once
// What was read of owners, whoever asked, with the stamps read in the same statement. Also of numbers that
// nobody has. So whoever asks for somebody for the first time needs no more than what is between the two.
// Bounded. Thread-safe.

#include <cstddef>
#include <memory>
#include <string>

#include "modules/availability/owner_facts.hpp"
#include "modules/availability/reach.hpp"
#include "modules/availability/stamps.hpp"

namespace whitebrick::availability {

struct KeptOwner {
  OwnerFacts facts;
  Stamps stamps;
  Time since, until;  // read then, and not looked ahead beyond

  // Whether what rests on this much of them is as if it was read with these stamps.
  bool holds(const Stamps&, Time at, RestsOn) const;
  Time good_until(RestsOn) const;
};

class OwnerCache {
 public:
  explicit OwnerCache(std::size_t most_bytes);
  ~OwnerCache();
  OwnerCache(const OwnerCache&) = delete;
  OwnerCache& operator=(const OwnerCache&) = delete;

  // Good or not; nothing when there is none.
  std::shared_ptr<const KeptOwner> find(const std::string& number);
  // Without stamps nothing is kept.
  void keep(const std::string& number, const OwnerFacts&, const StampsRead&, Time until);

 private:
  struct Kept;
  struct State;
  const std::unique_ptr<State> state_;
};

}  // namespace whitebrick::availability

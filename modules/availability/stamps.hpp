#pragma once
// Table view_stamp: by what the database says that a view is another one than it was. Triggers give a row new
// stamps in the transaction that changes something, so whoever reads stamps and facts in one statement
// may keep the facts for as long as he reads the same stamps again.

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "db/session.hpp"
#include "modules/availability/reach.hpp"

namespace whitebrick::availability {

// Random, so never the same again, after a rollback neither.
struct Stamps {
  std::uint64_t rights = 0, modes = 0, sessions = 0;
  friend bool operator==(const Stamps&, const Stamps&) = default;
};

// As far as it rests on them.
bool same(const Stamps&, const Stamps&, RestsOn);

using Bucket = std::uint16_t;
Bucket bucket_of_number(std::string_view normalised);
Bucket bucket_of_asker(std::uint64_t user_id);

// What one statement read of it, and when.
class StampsRead {
 public:
  StampsRead() = default;
  // `rows` as GROUP_CONCAT(bucket, ' ', rights, modes, sessions SEPARATOR '') gives them; an end that is cut
  // off is left out.
  StampsRead(std::string_view rows, Time at);
  // From a row that has them as `text`, and `at`.
  explicit StampsRead(const db::Row&);

  Time at() const { return at_; }
  // Nothing for a row that is not there: what belongs to it cannot be kept.
  std::optional<Stamps> of(Bucket) const;

 private:
  Time at_{};
  std::vector<std::pair<Bucket, Stamps>> rows_;
};

// False when triggers are missing, as behind a restore without them, or cannot be seen for want of the
// privilege: then stamps say nothing.
bool stamps_are_set(db::Session&);

// At most db::kMaxList buckets, and one.
StampsRead read_stamps(db::Session&, const std::vector<Bucket>&, Bucket asker);

}  // namespace whitebrick::availability

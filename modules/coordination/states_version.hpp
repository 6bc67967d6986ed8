#pragma once
// The version of contact states as the wire knows it: it names the access session that it counts
// for, so that a version taken from one session is not mistaken for another one's. Pure.

#include <cstdint>

namespace whitebrick::coordination {

struct StatesVersion {
  std::uint64_t session = 0;  // access_session.id
  std::uint64_t state = 0;    // of its states; 0: says nothing, everything is news
  friend bool operator==(const StatesVersion&, const StatesVersion&) = default;
};

inline constexpr unsigned kStateBits = 24;

// A state too great for its bits says nothing: then every answer is complete.
constexpr std::uint64_t to_wire(StatesVersion version) {
  const bool fits = version.state >> kStateBits == 0;
  return version.session << kStateBits | (fits ? version.state : 0);
}

constexpr StatesVersion states_version(std::uint64_t wire) {
  return {wire >> kStateBits, wire & ((std::uint64_t{1} << kStateBits) - 1)};
}

}  // namespace whitebrick::coordination

#pragma once
// How many wrong passwords are too many. Pure.

#include <chrono>
#include <string>
#include <string_view>

namespace whitebrick::identity {

inline constexpr int kAttemptsPerPair = 10;     // of an account from one source
inline constexpr int kAttemptsPerAccount = 20;  // from all sources; from then on each costs a pause
inline constexpr int kAttemptsPerSource = 100;  // of all accounts

// Whoever has one address of these has them all: an IPv6 address stands for its /64, one that
// holds an IPv4 address for that one. What is no address stands for itself.
std::string source_group(std::string_view address);

// How long an account answers no source that it does not know, after its newest failure: it
// doubles from 1 s to 60 s, so that nobody can lock an account for good.
std::chrono::seconds pause_after(int failures);

}  // namespace whitebrick::identity

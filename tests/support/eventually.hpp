#pragma once
// Waiting for a condition in tests, instead of sleeping for a guess.

#include <chrono>
#include <thread>

namespace whitebrick::testing {

// True as soon as `condition()` is, false when it is not within `limit`.
template <class Condition>
bool eventually(Condition&& condition, std::chrono::milliseconds limit = std::chrono::seconds(10)) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

}  // namespace whitebrick::testing

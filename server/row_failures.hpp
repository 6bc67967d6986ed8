#pragma once
// Rows that a job could not deal with. One of them must not keep the job from those behind it: it is
// said once in the log, counted, and tried again in the next slot.

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "db/error.hpp"

namespace whitebrick {

class RowFailures {
 public:
  // `event`: name of the log line, "<noun>.<past verb>".
  explicit RowFailures(std::string event) : event_(std::move(event)) {}

  // Whether `body` came to its end. A database that is away is nobody's failure: it is passed on.
  template <class Body>
  bool attempt(std::uint64_t row, Body&& body) {
    try {
      std::forward<Body>(body)();
    } catch (const db::Unavailable&) {
      throw;
    } catch (const std::exception& e) {
      note(row, e.what());
      return false;
    }
    forget(row);
    return true;
  }

  std::uint64_t count() const;  // attempts that failed since the start

 private:
  void note(std::uint64_t row, const std::string& error);
  void forget(std::uint64_t row);

  const std::string event_;
  mutable std::mutex mutex_;
  std::map<std::uint64_t, std::string> said_;  // what was logged of a row
  std::uint64_t count_ = 0;
};

}  // namespace whitebrick

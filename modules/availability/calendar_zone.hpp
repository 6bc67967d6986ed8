#pragma once
// A time zone of the system's tzdata. Pure but for reading it.

#include <chrono>
#include <string>

#include "modules/availability/calendar.hpp"

struct _icaltimezone;

namespace whitebrick::availability {

class Zone {
 public:
  // Faults: INVALID_ARGUMENT(timeZone).
  explicit Zone(const std::string& name);

  Time to_utc(LocalTime) const;
  LocalTime to_local(Time) const;

 private:
  std::chrono::seconds offset_at(std::chrono::sys_seconds) const;
  _icaltimezone* zone_;  // libical's, for as long as the process lives
};

}  // namespace whitebrick::availability

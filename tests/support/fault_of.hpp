#pragma once
// What a call is refused with, as a text to compare.

#include <string>

#include "server/fault.hpp"

namespace whitebrick::testing {

// "CODE(field)" of the fault that `body` throws; "" when it throws none.
template <class Body>
std::string fault_of(Body&& body) {
  try {
    body();
  } catch (const Fault& fault) {
    return std::string(name(fault.code())) + "(" + fault.field() + ")";
  }
  return "";
}

}  // namespace whitebrick::testing

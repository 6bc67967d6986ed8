#include "server/fault.hpp"

#include <array>
#include <cstddef>

namespace whitebrick {
namespace {

struct Row {
  std::string_view name;
  bool sender;
  bool retryable;
};

constexpr std::array kRows = {
#define WHITEBRICK_FAULT_ROW(code, sender, retryable) Row{#code, sender, retryable},
    WHITEBRICK_FAULT_CODES(WHITEBRICK_FAULT_ROW)
#undef WHITEBRICK_FAULT_ROW
};

const Row& row(FaultCode code) { return kRows.at(static_cast<std::size_t>(code)); }

}  // namespace

std::string_view name(FaultCode code) { return row(code).name; }
bool is_sender(FaultCode code) { return row(code).sender; }
bool is_retryable(FaultCode code) { return row(code).retryable; }

}  // namespace whitebrick

#include "server/access.hpp"

#include <algorithm>
#include <array>

namespace whitebrick {
namespace {

// The short names of server/operations.def.
constexpr unsigned A = static_cast<unsigned>(Role::kAnonymous);
constexpr unsigned U = static_cast<unsigned>(Role::kUser);
constexpr unsigned S = static_cast<unsigned>(Role::kService);
constexpr unsigned X = static_cast<unsigned>(Role::kAdmin);
constexpr Kind kQuery = Kind::kQuery;
constexpr Kind kMutation = Kind::kMutation;
constexpr Kind kExempt = Kind::kExempt;
constexpr Kind kPoll = Kind::kPoll;

constexpr std::array kRules = {
#define OPERATION(module, operation, roles, kind) OperationRule{#module, #operation, roles, kind},
#include "server/operations.def"
#undef OPERATION
};

}  // namespace

std::span<const OperationRule> operation_rules() { return kRules; }

const OperationRule* find_operation(std::string_view module, std::string_view name) {
  const auto found = std::ranges::find_if(
      kRules, [&](const OperationRule& rule) { return rule.module == module && rule.name == name; });
  return found == kRules.end() ? nullptr : &*found;
}

}  // namespace whitebrick

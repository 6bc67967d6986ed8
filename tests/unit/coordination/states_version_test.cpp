#include "modules/coordination/states_version.hpp"

#include <gtest/gtest.h>

namespace whitebrick::coordination {
namespace {

TEST(StatesVersion, NamesItsSession) {
  const StatesVersion version{.session = 7, .state = 12};
  EXPECT_EQ(states_version(to_wire(version)), version);
  EXPECT_NE(to_wire({.session = 8, .state = 12}), to_wire(version));
}

TEST(StatesVersion, NothingAskedIsNoVersionOfAnySession) {
  EXPECT_EQ(states_version(0), (StatesVersion{.session = 0, .state = 0}));
}

TEST(StatesVersion, TooManyChangesSayNothing) {
  const std::uint64_t many = std::uint64_t{1} << kStateBits;
  EXPECT_EQ(states_version(to_wire({.session = 7, .state = many - 1})), (StatesVersion{7, many - 1}));
  EXPECT_EQ(states_version(to_wire({.session = 7, .state = many})), (StatesVersion{7, 0}));
  EXPECT_EQ(states_version(to_wire({.session = 7, .state = many + 5})), (StatesVersion{7, 0}));
}

}  // namespace
}  // namespace whitebrick::coordination

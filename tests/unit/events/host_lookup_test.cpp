#include "modules/events/host_lookup.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <future>

#include "tests/support/eventually.hpp"

namespace whitebrick::events {
namespace {

using namespace std::chrono_literals;

// Answers 192.0.2.1 for every host; those that begin with "silent" when the test ends.
class HostLookupTest : public ::testing::Test {
 protected:
  ~HostLookupTest() override { open_.set_value(); }

  std::promise<void> open_;
  std::shared_future<void> opened_ = open_.get_future().share();
  std::shared_ptr<std::atomic<int>> asked_ = std::make_shared<std::atomic<int>>(0);
  HostLookup lookup_{[opened = opened_, asked = asked_](const std::string& host) {
    ++*asked;
    if (host.starts_with("silent")) opened.wait();
    return HostLookup::Addresses{boost::asio::ip::make_address("192.0.2.1")};
  }};
};

TEST_F(HostLookupTest, ASilentNameServerHoldsUpNobodyForLong) {
  EXPECT_FALSE(lookup_.addresses("silent.example.com", 1ms));
  EXPECT_FALSE(lookup_.addresses("silent.example.com", 1h));  // hangs already
  EXPECT_TRUE(testing::eventually([&] { return *asked_ == 1; }));
  EXPECT_EQ(lookup_.addresses("crm.example.com", 1h).value().size(), 1U);
  EXPECT_EQ(lookup_.addresses("crm.example.com", 1h).value().size(), 1U);
  EXPECT_EQ(*asked_, 3);
}

TEST_F(HostLookupTest, NoMoreThanSoManyHang) {
  for (std::size_t i = 0; i < HostLookup::kMostHanging; ++i)
    EXPECT_FALSE(lookup_.addresses("silent" + std::to_string(i), 0ms));
  EXPECT_FALSE(lookup_.addresses("crm.example.com", 1h));
}

TEST(HostLookup, TheSystemKnowsItself) {
  HostLookup lookup;
  const auto found = lookup.addresses("localhost", 1h);
  ASSERT_TRUE(found && !found->empty());
  EXPECT_TRUE(found->front().is_loopback());
  EXPECT_TRUE(HostLookup::resolve_by_system("no.such.host.invalid").empty());
}

}  // namespace
}  // namespace whitebrick::events

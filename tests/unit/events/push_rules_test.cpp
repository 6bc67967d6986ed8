#include "modules/events/push_rules.hpp"

#include <gtest/gtest.h>

namespace whitebrick::events {
namespace {

using std::chrono::milliseconds;

TEST(PushRules, ARefusedEventWaitsTwiceAsLongEachTimeUpToFiveMinutes) {
  long expected = 1000;
  for (unsigned attempts = 1; attempts <= 9; ++attempts, expected *= 2) {
    EXPECT_EQ(event_backoff(attempts, 1), milliseconds(expected)) << attempts;
    EXPECT_EQ(event_backoff(attempts, 0), milliseconds(expected * 3 / 4)) << attempts;
  }
  for (const unsigned attempts : {10U, 11U, 40U, 65535U})
    EXPECT_EQ(event_backoff(attempts, 1), kLongestBackoff);
}

TEST(PushRules, ASubscriberThatIsAwayIsTriedLessOftenThenProbed) {
  EXPECT_EQ(subscriber_backoff(0, true, 1), milliseconds(0));
  EXPECT_EQ(subscriber_backoff(1, false, 1), milliseconds(1000));
  EXPECT_EQ(subscriber_backoff(2, false, 1), milliseconds(2000));
  EXPECT_EQ(subscriber_backoff(4, false, 1), milliseconds(8000));
  for (const unsigned failures : {5U, 6U, 1000U}) {
    EXPECT_EQ(subscriber_backoff(failures, false, 1), kProbeEvery);
    EXPECT_EQ(subscriber_backoff(failures, true, 1), kProbeEvery);
  }
}

TEST(PushRules, OneThatRefusesAnEventGetsTheNextAtOnce) {
  for (unsigned failures = 1; failures < kBreakerOpens; ++failures)
    EXPECT_EQ(subscriber_backoff(failures, true, 1), milliseconds(0));
}

}  // namespace
}  // namespace whitebrick::events

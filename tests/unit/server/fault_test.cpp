#include "server/fault.hpp"

#include <gtest/gtest.h>

#include <set>
#include <vector>

namespace whitebrick {
namespace {

const std::vector<FaultCode> kAll = {
#define CODE(code, sender, retryable) FaultCode::code,
    WHITEBRICK_FAULT_CODES(CODE)
#undef CODE
};

TEST(Fault, EveryCodeHasItsOwnNameInCapitals) {
  std::set<std::string_view> names;
  for (const FaultCode code : kAll) {
    EXPECT_TRUE(names.insert(name(code)).second) << name(code);
    EXPECT_EQ(name(code).find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ_"), std::string_view::npos);
  }
  EXPECT_EQ(name(FaultCode::MALFORMED_REQUEST), "MALFORMED_REQUEST");
  EXPECT_EQ(name(FaultCode::INTERNAL), "INTERNAL");
}

TEST(Fault, TheServersOwnTroubleIsNotTheSendersMistake) {
  std::set<FaultCode> receiver;
  for (const FaultCode code : kAll) {
    if (!is_sender(code)) receiver.insert(code);
  }
  EXPECT_EQ(receiver, (std::set{FaultCode::UNAVAILABLE, FaultCode::BUSY, FaultCode::INTERNAL}));
}

TEST(Fault, RetryableIsWhatPassesByItself) {
  std::set<FaultCode> retryable;
  for (const FaultCode code : kAll) {
    if (is_retryable(code)) retryable.insert(code);
  }
  EXPECT_EQ(retryable, (std::set{FaultCode::TOO_MANY_ATTEMPTS, FaultCode::QUEUE_FULL, FaultCode::LOCKED,
                                 FaultCode::UNAVAILABLE, FaultCode::BUSY}));
}

TEST(Fault, CarriesWhatTheClientNeeds) {
  const Fault fault = Fault(FaultCode::BUSY, "Too many requests.", "limit").retry_after(3);
  EXPECT_EQ(fault.code(), FaultCode::BUSY);
  EXPECT_STREQ(fault.what(), "Too many requests.");
  EXPECT_EQ(fault.field(), "limit");
  EXPECT_EQ(fault.retry_after_seconds(), 3);
  EXPECT_EQ(Fault(FaultCode::BUSY, "Again.").retry_after_seconds(), std::nullopt);
}

}  // namespace
}  // namespace whitebrick

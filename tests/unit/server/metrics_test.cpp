#include "server/metrics.hpp"

#include <gtest/gtest.h>

#include <stdexcept>
#include <thread>
#include <vector>

namespace whitebrick {
namespace {

testing::AssertionResult has_line(const std::string& page, const std::string& line) {
  if (("\n" + page).find("\n" + line + "\n") != std::string::npos) return testing::AssertionSuccess();
  return testing::AssertionFailure() << "no line '" << line << "' in\n" << page;
}

TEST(Metrics, OperationsAreCountedByFaultAndTimed) {
  Metrics metrics;
  metrics.operation_ended("GetService", "", 0.003);
  metrics.operation_ended("GetService", "", 0.3);
  metrics.operation_ended("GetService", "NOT_FOUND", 0.002);
  const std::string page = metrics.page();
  EXPECT_TRUE(has_line(page, "whitebrick_operations_total{fault=\"\",operation=\"GetService\"} 2"));
  EXPECT_TRUE(has_line(page, "whitebrick_operations_total{fault=\"NOT_FOUND\",operation=\"GetService\"} 1"));
  EXPECT_TRUE(has_line(page, "whitebrick_operation_seconds_count{operation=\"GetService\"} 3"));
  EXPECT_TRUE(
      has_line(page, "whitebrick_operation_seconds_bucket{operation=\"GetService\",le=\"0.0025\"} 1"));
  EXPECT_TRUE(has_line(page, "whitebrick_operation_seconds_bucket{operation=\"GetService\",le=\"0.005\"} 2"));
}

TEST(Metrics, GaugesAndCountersAreReadWhenAsked) {
  Metrics metrics;
  double parked = 0;
  metrics.gauge("whitebrick_parked_polls", "Polls that wait.", [&] { return parked; });
  metrics.counter("whitebrick_shed_total", "Requests shed.", [] { return 7; });
  EXPECT_TRUE(has_line(metrics.page(), "whitebrick_parked_polls 0"));
  parked = 12;
  const std::string page = metrics.page();
  EXPECT_TRUE(has_line(page, "whitebrick_parked_polls 12"));
  EXPECT_TRUE(has_line(page, "# TYPE whitebrick_parked_polls gauge"));
  EXPECT_TRUE(has_line(page, "# HELP whitebrick_shed_total Requests shed."));
  EXPECT_TRUE(has_line(page, "# TYPE whitebrick_shed_total counter"));
  EXPECT_TRUE(has_line(page, "whitebrick_shed_total 7"));
}

TEST(Metrics, ANameThatPrometheusRefusesIsRefusedHere) {
  Metrics metrics;
  EXPECT_THROW(metrics.gauge("parked polls", "", [] { return 0; }), std::invalid_argument);
}

TEST(Metrics, CountsFromManyThreadsAddUp) {
  Metrics metrics;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 500; ++i) metrics.operation_ended("Login", i % 2 == 0 ? "" : "BUSY", 0.01);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(has_line(metrics.page(), "whitebrick_operations_total{fault=\"\",operation=\"Login\"} 1000"));
  EXPECT_TRUE(
      has_line(metrics.page(), "whitebrick_operations_total{fault=\"BUSY\",operation=\"Login\"} 1000"));
}

}  // namespace
}  // namespace whitebrick

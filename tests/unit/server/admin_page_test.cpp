#include "server/admin_page.hpp"

#include <gtest/gtest.h>

namespace whitebrick {
namespace {

HttpResponse ask(const std::string& path, bool ready) {
  Metrics metrics;
  metrics.gauge("whitebrick_parked_polls", "Polls that wait.", [] { return 5; });
  HttpRequest request;
  request.method = "GET";
  request.path = path;
  return admin_answer(request, ready, metrics);
}

TEST(AdminPage, LiveAlwaysReadyWhenServing) {
  EXPECT_EQ(ask("/live", false).status, 200);
  EXPECT_EQ(ask("/ready", true).status, 200);
  EXPECT_EQ(ask("/ready", false).status, 404);
  EXPECT_EQ(ask("/", true).status, 404);
}

TEST(AdminPage, MetricsInTheTextFormat) {
  const HttpResponse page = ask("/metrics", false);
  EXPECT_EQ(page.status, 200);
  EXPECT_EQ(page.content_type, "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_NE(page.body.find("whitebrick_parked_polls 5\n"), std::string::npos);
}

}  // namespace
}  // namespace whitebrick

#include "server/log.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <string>
#include <thread>
#include <vector>

namespace whitebrick::log {
namespace {

// What `work` writes to stderr.
std::string written(const Settings& settings, const std::function<void()>& work) {
  start(settings);
  testing::internal::CaptureStderr();
  work();
  std::string text = testing::internal::GetCapturedStderr();
  start({});
  return text;
}

// Without the time, which differs from run to run: "time=2026-11-23T04:21:15.123456Z ".
std::string without_time(const std::string& line) {
  const std::string mark = "level=";
  return line.substr(std::min(line.find(mark), line.size()));
}

TEST(Log, OneLineOfKeysAndValues) {
  const std::string line = written({}, [] {
    info("service.connected", {{"service", "7"}, {"cause", "lease over"}});
  });
  EXPECT_EQ(without_time(line), "level=info event=service.connected service=7 cause=\"lease over\"\n");
  const std::string time = line.substr(0, line.find(' '));
  EXPECT_EQ(time.size(), std::string("time=2026-11-23T04:21:15.123456Z").size()) << time;
  EXPECT_EQ(time[15], 'T');
  EXPECT_EQ(time.back(), 'Z');
}

TEST(Log, JsonIsOneObjectPerLine) {
  const std::string line = written({.json = true}, [] {
    warning("jobs.paused", {{"error", "say \"no\"\n\\"}, {"name", "Zoë"}});
  });
  EXPECT_TRUE(line.starts_with("{\"time\":\"")) << line;
  const std::string rest = line.substr(line.find(",\"level\""));
  EXPECT_EQ(rest,
            ",\"level\":\"warning\",\"event\":\"jobs.paused\",\"error\":\"say \\\"no\\\"\\u000a\\\\\","
            "\"name\":\"Zoë\"}\n");
}

TEST(Log, WhatClientsSendCannotForgeALineOrBreakItsEncoding) {
  const std::string line = written({}, [] {
    info("a.b", {{"x", "1\nlevel=error\x1b[2J"}, {"y", "\xff\xc3"}, {"z", ""}});
  });
  EXPECT_EQ(without_time(line),
            "level=info event=a.b x=\"1\\u000alevel=error\\u001b[2J\" y=\"\\u00ff\\u00c3\" z=\"\"\n");
}

TEST(Log, LevelsBelowTheSettingAreNotWritten) {
  const std::string lines = written({.level = Level::kWarning}, [] {
    debug("a.debugged");
    info("a.told");
    warning("a.warned");
    error("a.failed");
  });
  EXPECT_EQ(std::count(lines.begin(), lines.end(), '\n'), 2) << lines;
  EXPECT_NE(lines.find("a.warned"), std::string::npos);
  EXPECT_NE(lines.find("a.failed"), std::string::npos);
}

TEST(Log, CorrelationIsOfTheThreadAndNests) {
  const std::string lines = written({}, [] {
    const Correlation outer("one");
    {
      const Correlation inner("two");
      EXPECT_EQ(Correlation::current(), "two");
      info("in.ner");
    }
    std::thread([] { info("other.thread"); }).join();
    info("out.er");
  });
  EXPECT_EQ(Correlation::current(), "");
  EXPECT_NE(lines.find("event=in.ner correlation=two\n"), std::string::npos) << lines;
  EXPECT_NE(lines.find("event=other.thread\n"), std::string::npos) << lines;
  EXPECT_NE(lines.find("event=out.er correlation=one\n"), std::string::npos) << lines;
}

TEST(Log, LinesOfManyThreadsStayWhole) {
  constexpr int kThreads = 4;
  constexpr int kLines = 200;
  const std::string lines = written({}, [] {
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([] {
        for (int i = 0; i < kLines; ++i) info("line.written", {{"filler", std::string(100, 'x')}});
      });
    }
    for (std::thread& thread : threads) thread.join();
  });
  const std::string end = "event=line.written filler=" + std::string(100, 'x') + "\n";
  int whole = 0;
  for (std::size_t at = lines.find("time="); at != std::string::npos; at = lines.find("time=", at + 1)) {
    const std::size_t newline = lines.find('\n', at);
    if (lines.compare(newline + 1 - end.size(), end.size(), end) == 0) ++whole;
  }
  EXPECT_EQ(whole, kThreads * kLines);
}

}  // namespace
}  // namespace whitebrick::log

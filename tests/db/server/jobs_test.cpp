#include "server/jobs.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <vector>

#include "server/log.hpp"
#include "tests/support/database.hpp"

namespace whitebrick {
namespace {

using namespace std::chrono_literals;

// Counts, and lets the test wait for a number.
class Counter {
 public:
  void add() {
    const std::lock_guard lock(mutex_);
    ++count_;
    changed_.notify_all();
  }
  bool reaches(int wanted, std::chrono::milliseconds within = 20s) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, within, [&] { return count_ >= wanted; });
  }
  int count() {
    const std::lock_guard lock(mutex_);
    return count_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int count_ = 0;
};

std::int64_t fence(const std::string& name) {
  constexpr std::string_view kSelectFence = "SELECT fence FROM job WHERE name = ?";
  auto lease = testing::database().pool().lease();
  return lease.session()
      .query_one(
          kSelectFence, [](const db::Row& row) { return row.number("fence"); }, name)
      .value_or(0);
}

class JobsTest : public ::testing::Test {
 protected:
  void SetUp() override { testing::database().clean_tables(); }
};

TEST_F(JobsTest, EverySlotIsWorkedByExactlyOneOfManyReplicas) {
  constexpr int kReplicas = 4;
  constexpr int kSlots = 12;
  std::vector<std::unique_ptr<db::Pool>> pools;
  std::vector<std::unique_ptr<Jobs>> replicas;
  Counter runs;
  std::atomic<int> at_once = 0;
  std::atomic<bool> overlapped = false;
  for (int i = 0; i < kReplicas; ++i) {
    pools.push_back(testing::database().fresh_pool(2));
    replicas.push_back(std::make_unique<Jobs>(*pools.back()));
    replicas.back()->every("test.slot", 100ms, [&](db::Pool&) {
      if (++at_once > 1) overlapped = true;
      std::this_thread::yield();
      --at_once;
      runs.add();
      return false;
    });
  }
  const auto begin = std::chrono::steady_clock::now();
  for (auto& replica : replicas) replica->start();
  EXPECT_TRUE(runs.reaches(kSlots));
  for (auto& replica : replicas) replica->stop();
  const auto took = std::chrono::steady_clock::now() - begin;
  // The fence counts the slots that the database gave away.
  EXPECT_EQ(fence("test.slot"), runs.count());
  EXPECT_FALSE(overlapped);
  EXPECT_LE(runs.count(), took / 100ms + 1);
}

TEST_F(JobsTest, AnotherReplicaTakesOverWhenOneIsGone) {
  Jobs first(testing::database().pool());
  Jobs second(testing::database().pool());
  Counter by_first, by_second;
  first.every("test.over", 50ms, [&](db::Pool&) {
    by_first.add();
    return false;
  });
  second.every("test.over", 50ms, [&](db::Pool&) {
    by_second.add();
    return false;
  });
  first.start();
  ASSERT_TRUE(by_first.reaches(1));
  first.stop();
  const int ended_at = by_first.count();
  second.start();
  EXPECT_TRUE(by_second.reaches(3));
  EXPECT_EQ(by_first.count(), ended_at);
}

TEST_F(JobsTest, MoreToDoIsDoneAtOnce) {
  Jobs jobs(testing::database().pool());
  Counter chunks;
  jobs.every("test.chunks", 1h, [&](db::Pool&) {
    chunks.add();
    return chunks.count() < 5;
  });
  jobs.start();
  EXPECT_TRUE(chunks.reaches(5));
  jobs.stop();
  EXPECT_EQ(chunks.count(), 5);
  EXPECT_EQ(fence("test.chunks"), 1);
}

TEST_F(JobsTest, AFailureIsTriedAgainInTheNextSlotAndDisturbsNoOther) {
  Jobs jobs(testing::database().pool());
  Counter failures, others;
  jobs.every("test.failing", 50ms, [&](db::Pool&) -> bool {
    failures.add();
    throw std::runtime_error("as planned");
  });
  jobs.every("test.other", 50ms, [&](db::Pool&) {
    others.add();
    return false;
  });
  jobs.start();
  EXPECT_TRUE(failures.reaches(3));
  EXPECT_TRUE(others.reaches(3));
}

TEST_F(JobsTest, UpkeepRunsOnEveryReplica) {
  Jobs first(testing::database().pool());
  Jobs second(testing::database().pool());
  Counter by_first, by_second;
  first.every_here("test.here", 20ms, [&](db::Pool&) {
    by_first.add();
    return false;
  });
  second.every_here("test.here", 20ms, [&](db::Pool&) {
    by_second.add();
    return false;
  });
  first.start();
  second.start();
  EXPECT_TRUE(by_first.reaches(3));
  EXPECT_TRUE(by_second.reaches(3));
  EXPECT_EQ(fence("test.here"), 0);
}

TEST_F(JobsTest, StopWaitsForTheWorkUnderWayAndEndsIt) {
  Jobs jobs(testing::database().pool());
  Counter begun;
  std::atomic<bool> go = false;
  std::atomic<int> finished = 0;
  jobs.every("test.long", 1h, [&](db::Pool&) {
    begun.add();
    go.wait(false);
    ++finished;
    return true;  // more, which stop() does not wait for
  });
  jobs.start();
  ASSERT_TRUE(begun.reaches(1));
  std::thread stopper([&] { jobs.stop(); });
  EXPECT_EQ(finished, 0);
  go = true;
  go.notify_all();
  stopper.join();
  EXPECT_GE(finished, 1);
  const int at_stop = finished;
  EXPECT_EQ(begun.count(), at_stop);
}

int occurrences(const std::string& text, const std::string& part) {
  int count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

TEST_F(JobsTest, AnOutageIsToldOnceAndSoIsItsEnd) {
  // The database is there as soon as this link to its socket is.
  db::Options options = testing::database().options();
  const std::filesystem::path real = options.socket;
  const std::filesystem::path link =
      std::filesystem::temp_directory_path() / ("whitebrick-jobs-" + std::to_string(::getpid()) + ".sock");
  options.socket = link.string();
  options.probe_interval = 10ms;
  db::Pool pool(options);
  Jobs jobs(pool);
  Counter tries, runs;
  for (const char* name : {"test.a", "test.b", "test.c"}) {
    jobs.every(name, 20ms, [&](db::Pool&) {
      runs.add();
      return false;
    });
  }
  jobs.every_here("test.tries", 20ms, [&](db::Pool& away) {
    tries.add();
    away.lease();
    return false;
  });

  log::start({});
  ::testing::internal::CaptureStderr();
  jobs.start();
  const bool tried = tries.reaches(20);
  const int runs_while_away = runs.count();
  std::filesystem::create_symlink(real, link);
  const bool back = runs.reaches(6);
  jobs.stop();
  std::filesystem::remove(link);
  const std::string written = ::testing::internal::GetCapturedStderr();

  EXPECT_TRUE(tried);
  EXPECT_EQ(runs_while_away, 0);
  EXPECT_TRUE(back);
  EXPECT_EQ(occurrences(written, "jobs.paused"), 1) << written;
  EXPECT_EQ(occurrences(written, "jobs.resumed"), 1) << written;
}

}  // namespace
}  // namespace whitebrick

#include "db/local_server.hpp"

#include <gtest/gtest.h>

#include <future>

#include "db/local_process.hpp"
#include "tests/db/db/private_server.hpp"

namespace whitebrick::db {
namespace {

namespace fs = std::filesystem;

std::int64_t count_rows(const Options& options) {
  Pool pool(options);
  return pool.lease()
      .session()
      .query_one("SELECT COUNT(*) AS n FROM t_kept", [](const Row& r) { return r.number("n"); })
      .value();
}

TEST(LocalServer, ASecondOwnerAttachesAndKillingTheServerLosesNothing) {
  testing::PrivateServer first;
  EXPECT_TRUE(first.server().started_here());
  EXPECT_EQ(fs::status(first.directory()).permissions(), fs::perms::owner_all);

  auto second = LocalServer::start_or_attach(first.settings());
  EXPECT_FALSE(second.started_here());
  EXPECT_EQ(second.pid(), first.server().pid());

  first.run("CREATE TABLE mysql.t_kept(id INT NOT NULL PRIMARY KEY) ENGINE=InnoDB");
  first.run("INSERT INTO mysql.t_kept(id) VALUES (1)");
  ::kill(second.pid(), SIGKILL);
  while (alive(second.pid(), "--datadir=" + (first.directory() / "data").string())) std::this_thread::yield();
  auto third = LocalServer::start_or_attach(first.settings());
  EXPECT_TRUE(third.started_here());
  EXPECT_EQ(count_rows(third.options("mysql")), 1);

  EXPECT_TRUE(stop_local_server(first.directory()));
  EXPECT_FALSE(stop_local_server(first.directory()));
}

TEST(LocalServer, ALostPidFileDoesNotStartASecondServer) {
  testing::PrivateServer home;
  fs::remove(home.directory() / "mariadb.pid");
  auto second = LocalServer::start_or_attach(home.settings());
  EXPECT_FALSE(second.started_here());
  EXPECT_EQ(second.pid(), home.server().pid());
}

TEST(LocalServer, ThoseWhoStartAtOnceShareOneServer) {
  testing::PrivateServer home;
  home.server().stop();
  std::vector<std::future<std::pair<pid_t, bool>>> starters;
  for (int i = 0; i < 3; ++i) {
    starters.push_back(std::async(std::launch::async, [&] {
      auto server = LocalServer::start_or_attach(home.settings());
      return std::pair(server.pid(), server.started_here());
    }));
  }
  std::vector<std::pair<pid_t, bool>> answers;
  for (auto& starter : starters) answers.push_back(starter.get());
  EXPECT_EQ(std::count_if(answers.begin(), answers.end(), [](const auto& a) { return a.second; }), 1);
  for (const auto& answer : answers) EXPECT_EQ(answer.first, answers.front().first);
}

TEST(LocalServer, LeavesItRunningInASessionOfItsOwnWithoutNetwork) {
  testing::PrivateServer home;
  const pid_t pid = home.server().pid();
  EXPECT_EQ(::getsid(pid), pid);
  { auto passing = LocalServer::start_or_attach(home.settings()); }
  Pool pool(home.options("mysql"));
  const auto networking = pool.lease().session().query_one("SELECT @@skip_networking AS off",
                                                           [](const Row& r) { return r.number("off"); });
  EXPECT_EQ(networking, 1);
}

TEST(LocalServer, SaysWhatToDoWhenItCannotStart) {
  const auto complaint = [](const LocalServer::Settings& settings) {
    try {
      LocalServer::start_or_attach(settings);
      return std::string("it started");
    } catch (const Error& e) {
      return std::string(e.what());
    }
  };
  testing::PrivateServer home;
  home.server().stop();

  auto deep = home.settings();
  deep.data_directory /= std::string(100, 'd');
  EXPECT_NE(complaint(deep).find("107"), std::string::npos);
  EXPECT_FALSE(fs::exists(deep.data_directory));

  auto missing = home.settings();
  missing.program = "mariadbd-that-is-not-installed";
  EXPECT_NE(complaint(missing).find("install the package"), std::string::npos);

  auto broken = home.settings();
  fs::create_directory(home.directory() / "not-empty");
  broken.data_directory = home.directory() / "not-empty";
  fs::create_directory(broken.data_directory / "data");
  fs::create_directory(broken.data_directory / "data" / "somebody's file");
  EXPECT_NE(complaint(broken).find("not empty"), std::string::npos);
}

}  // namespace
}  // namespace whitebrick::db

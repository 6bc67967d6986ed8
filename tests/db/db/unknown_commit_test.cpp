#include <gtest/gtest.h>

#include "tests/db/db/cutting_proxy.hpp"
#include "tests/support/database.hpp"

namespace whitebrick::db {
namespace {

using testing::CuttingProxy;
using testing::database;

constexpr std::string_view kInsert = "INSERT INTO t_once(uid) VALUES(?)";

class UnknownCommitTest : public ::testing::TestWithParam<CuttingProxy::Cut> {
 protected:
  UnknownCommitTest()
      : socket_("/tmp/wb-proxy-" + std::to_string(::getpid()) + ".sock"),
        proxy_(database().options().socket, socket_),
        pool_(through_proxy()) {
    database().run("CREATE OR REPLACE TABLE t_once(uid VARCHAR(20) NOT NULL PRIMARY KEY) ENGINE=InnoDB");
  }
  ~UnknownCommitTest() override { database().run("DROP TABLE t_once"); }

  Options through_proxy() const {
    Options options = database().options();
    options.socket = socket_;
    options.connections = 1;
    return options;
  }
  std::int64_t stored() {
    return database()
        .pool()
        .lease()
        .session()
        .query_one("SELECT COUNT(*) AS n FROM t_once", [](const Row& r) { return r.number("n"); })
        .value();
  }

  std::string socket_;
  CuttingProxy proxy_;
  Pool pool_;
};

TEST_P(UnknownCommitTest, IsSaidToBeUnknownAndNotRunAgain) {
  auto lease = pool_.lease();
  proxy_.cut_next(GetParam());
  int runs = 0;
  bool told = false;
  try {
    lease.in_transaction([&](Session& s) {
      ++runs;
      s.execute(kInsert, "one");
      s.after_commit([&] { told = true; });
    });
    FAIL() << "the cut was not noticed";
  } catch (const Unavailable& e) {
    EXPECT_TRUE(e.commit_unknown());
  }
  EXPECT_EQ(proxy_.cuts(), 1);
  EXPECT_EQ(runs, 1);
  EXPECT_FALSE(told);
  EXPECT_EQ(stored(), GetParam() == CuttingProxy::Cut::kAfterCommit ? 1 : 0);
}

TEST_P(UnknownCommitTest, IsRunAgainWhereAUniqueKeyMakesItHarmless) {
  auto lease = pool_.lease();
  proxy_.cut_next(GetParam());
  int told = 0;
  const bool found = lease.in_transaction(
      [&](Session& s) {
        s.after_commit([&] { ++told; });
        try {
          s.execute(kInsert, "one");
          return false;
        } catch (const DuplicateKey&) {
          return true;  // the run before had landed
        }
      },
      OnUnknownCommit::kRetry);
  EXPECT_EQ(proxy_.cuts(), 1);
  EXPECT_EQ(found, GetParam() == CuttingProxy::Cut::kAfterCommit);
  EXPECT_EQ(stored(), 1);
  EXPECT_EQ(told, 1);
}

INSTANTIATE_TEST_SUITE_P(Cuts, UnknownCommitTest,
                         ::testing::Values(CuttingProxy::Cut::kBeforeCommit, CuttingProxy::Cut::kAfterCommit),
                         [](const auto& info) {
                           return info.param == CuttingProxy::Cut::kBeforeCommit ? "BeforeTheServer"
                                                                                 : "AfterTheServer";
                         });

}  // namespace
}  // namespace whitebrick::db

#include "db/migration_text.hpp"

#include <gtest/gtest.h>

#include "db/error.hpp"

namespace whitebrick::db {
namespace {

TEST(MigrationText, IsSplitAtSemicolonsThatEndALine) {
  EXPECT_EQ(statements_of("CREATE a;\nINSERT 'x;y'\n  VALUES 2;\n"),
            (std::vector<std::string>{"CREATE a\n", "INSERT 'x;y'\n  VALUES 2\n"}));
  EXPECT_EQ(statements_of("ALTER a"), std::vector<std::string>{"ALTER a\n"});
  EXPECT_EQ(statements_of("ALTER a;  \r\n"), std::vector<std::string>{"ALTER a\n"});
}

TEST(MigrationText, CommentLinesAndBlanksAreNoStatements) {
  EXPECT_EQ(statements_of("-- first;\n\nCREATE a\n  -- inside;\n  (b);\n-- last;\n \n"),
            std::vector<std::string>{"CREATE a\n  (b)\n"});
  EXPECT_TRUE(statements_of("").empty());
  EXPECT_TRUE(statements_of(" ;\n;\n").empty());
}

TEST(MigrationText, SchemaNamesAreQuotedOrRefused) {
  EXPECT_EQ(quoted_schema("white_brick-2"), "`white_brick-2`");
  for (const auto& name : {std::string(), std::string("a`b"), std::string("a b"), std::string(65, 'a')}) {
    EXPECT_THROW(quoted_schema(name), Error) << name;
  }
}

}  // namespace
}  // namespace whitebrick::db

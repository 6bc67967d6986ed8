#include "server/config.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <regex>
#include <sstream>
#include <stdexcept>
#include <vector>

#include "server/settings.hpp"

namespace whitebrick {
namespace {

CommandLine parse(std::vector<std::string> words) {
  words.insert(words.begin(), "whitebrick");
  std::vector<const char*> argv;
  for (const std::string& word : words) argv.push_back(word.c_str());
  return parse_command_line(static_cast<int>(argv.size()), argv.data());
}

// The sentence a command line is refused with; "" when it is accepted.
std::string refusal(const std::vector<std::string>& words) {
  try {
    parse(words);
    return {};
  } catch (const std::invalid_argument& e) {
    return e.what();
  }
}

class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) { ::setenv(name, value, 1); }
  ~Variable() { ::unsetenv(name_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
};

class File {
 public:
  explicit File(const std::string& text) {
    std::string name = (std::filesystem::temp_directory_path() / "whitebrick-config-XXXXXX").string();
    ::close(::mkstemp(name.data()));
    path_ = name;
    std::ofstream(path_) << text;
  }
  ~File() { std::filesystem::remove(path_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

std::string printed() {
  std::ostringstream out;
  print_config(out);
  return out.str();
}

TEST(Config, CommandsAreUnderstood) {
  EXPECT_EQ(parse({}).command, Command::kServe);
  EXPECT_EQ(parse({"serve"}).command, Command::kServe);
  EXPECT_EQ(parse({"migrate"}).command, Command::kMigrate);
  EXPECT_EQ(parse({"database", "start"}).command, Command::kDatabaseStart);
  EXPECT_EQ(parse({"database", "stop"}).command, Command::kDatabaseStop);
  EXPECT_EQ(parse({"--print-config"}).command, Command::kPrintConfig);
  EXPECT_EQ(parse({"--version"}).command, Command::kVersion);
  const CommandLine create = parse({"admin", "create", "root", "--http.port", "9000"});
  EXPECT_EQ(create.command, Command::kAdminCreate);
  EXPECT_EQ(create.admin_name, "root");
  EXPECT_EQ(create.admin_password, std::nullopt);
  EXPECT_EQ(create.config.http.port, 9000);
}

TEST(Config, HelpShowsEverySettingWithItsDefault) {
  const std::string help = parse({"--help"}).help;
  for (const Setting& setting : settings()) {
    EXPECT_NE(help.find("--" + setting.name + " "), std::string::npos) << setting.name;
  }
  EXPECT_NE(help.find("[8080]"), std::string::npos);
}

TEST(Config, CommandLineBeatsEnvironmentBeatsFileBeatsDefault) {
  const File file("http.port = 1001\nhttp.workers = 3\nadmin.port = 1003\n");
  const Variable port("WHITEBRICK_HTTP_PORT", "2001");
  const Variable workers("WHITEBRICK_HTTP_WORKERS", "5");
  const Config config = parse({"--config", file.path(), "--http.port=3001"}).config;
  EXPECT_EQ(config.http.port, 3001);
  EXPECT_EQ(config.http.workers, 5);
  EXPECT_EQ(config.admin_port, 1003);
  EXPECT_EQ(config.http.max_headers, 64U);
}

TEST(Config, TheFileIsNamedByTheEnvironmentToo) {
  const File file(
      "log.level = debug\nlog.json = true\nhttp.cors_origins = https://a.example , https://b.example\n");
  const Variable name("WHITEBRICK_CONFIG", file.path().c_str());
  const Config config = parse({}).config;
  EXPECT_EQ(config.log.level, log::Level::kDebug);
  EXPECT_TRUE(config.log.json);
  EXPECT_EQ(config.http.cors_origins, (std::vector<std::string>{"https://a.example", "https://b.example"}));
}

TEST(Config, EverySettingReadsBackWhatItShows) {
  const Config defaults;
  std::string everything = printed();
  everything = std::regex_replace(everything, std::regex("\n#([a-z0-9_.]+ =)"), "\n$1");
  const File file(everything);
  const Config config = parse({"--config", file.path()}).config;
  for (const Setting& setting : settings()) {
    EXPECT_NE(everything.find("\n" + setting.name + " ="), std::string::npos) << setting.name;
    EXPECT_EQ(setting.show(config), setting.show(defaults)) << setting.name;
  }
}

TEST(Config, EverySettingReachesItsOwnMember) {
  for (const Setting& changed : settings()) {
    Config config;
    const std::string before = changed.show(config);
    std::string value = "/some/where";
    if (before == "true" || before == "false") value = before == "true" ? "false" : "true";
    if (!before.empty() && before.find_first_not_of("0123456789") == std::string::npos) {
      value = std::to_string(std::stol(before) + 1);
    }
    if (changed.name == "log.level") value = "error";
    changed.read(config, value);
    EXPECT_EQ(changed.show(config), value) << changed.name;
    for (const Setting& other : settings()) {
      if (other.name == changed.name) continue;
      EXPECT_EQ(other.show(config), other.show(Config())) << changed.name << " changed " << other.name;
    }
  }
}

TEST(Config, TheDeployedFileIsWhatThePrintSays) {
  std::ifstream file(WB_SOURCE_DIR "/deploy/whitebrick.conf");
  ASSERT_TRUE(file);
  std::stringstream text;
  text << file.rdbuf();
  EXPECT_EQ(text.str(), printed());
}

TEST(Config, MistakesAreNamedInOneSentence) {
  EXPECT_EQ(refusal({"--http.prot=1"}), "'--http.prot' is no option: see whitebrick --help.");
  EXPECT_EQ(refusal({"--http.po=1"}), "'--http.po' is no option: see whitebrick --help.");
  EXPECT_EQ(refusal({"--http.port=70000"}), "http.port: '70000' is not a whole number from 0 to 65535.");
  EXPECT_EQ(refusal({"--http.port=80x"}), "http.port: '80x' is not a whole number from 0 to 65535.");
  EXPECT_EQ(refusal({"--log.level=loud"}), "log.level: 'loud' is not debug, info, warning or error.");
  EXPECT_EQ(refusal({"--log.json=yes"}), "log.json: 'yes' is not true or false.");
  EXPECT_EQ(refusal({"--http.address=localhost"}), "http.address: 'localhost' is not an IP address.");
  EXPECT_EQ(refusal({"--http.port=8081"}), "http.port and admin.port must differ.");
  EXPECT_EQ(refusal({"--http.port=0", "--admin.port=0"}), "");
  EXPECT_EQ(refusal({"--http.tls_key=k.pem"}), "http.tls_certificate and http.tls_key must be set together.");
  EXPECT_EQ(refusal({"restart"}), "'restart' is no command: see whitebrick --help.");
  EXPECT_EQ(refusal({"admin", "create"}), "'admin create' is no command: see whitebrick --help.");
  EXPECT_EQ(refusal({"database", "start", "--database.host=db.example"}),
            "database.host or database.socket is set: there is no private database to start.");
  EXPECT_EQ(refusal({"--config=/nowhere"}), "The configuration file /nowhere cannot be read.");
}

TEST(Config, MistakesInTheFileAreNamedWithTheFile) {
  const File unknown("http.prot = 1\n");
  EXPECT_EQ(refusal({"--config", unknown.path()}),
            "'http.prot' in " + unknown.path() + " is no setting of this program.");
  const File broken("http.port 1\n");
  EXPECT_NE(refusal({"--config", broken.path()}).find(broken.path()), std::string::npos);
  const File value("http.port = -1\n");
  EXPECT_EQ(refusal({"--config", value.path()}), "http.port: '-1' is not a whole number from 0 to 65535.");
}

TEST(Config, MistakesInTheEnvironmentAreNamedAndStrangersLeftAlone) {
  {
    const Variable typo("WHITEBRICK_HTTP_PROT", "1");
    EXPECT_EQ(refusal({}), "The environment has WHITEBRICK_HTTP_PROT, which is no setting of this program.");
  }
  const Variable link("WHITEBRICK_PORT", "tcp://10.0.0.1:8080");
  const Variable host("WHITEBRICK_SERVICE_HOST", "10.0.0.1");
  EXPECT_EQ(refusal({}), "");
}

TEST(Config, SecretsComeFromTheEnvironmentOrTheirOwnFile) {
  const File secret("hidden\n");
  EXPECT_EQ(parse({"--database.password_file", secret.path()}).config.database.password, "hidden");
  EXPECT_EQ(refusal({"--database.password=hidden"}),
            "'--database.password' is no option: see whitebrick --help.");
  const File main("database.password = hidden\n");
  EXPECT_EQ(refusal({"--config", main.path()}),
            "A password does not belong into " + main.path() +
                ": use database.password_file or WHITEBRICK_DATABASE_PASSWORD.");
  const File empty("");
  EXPECT_NE(refusal({"--database.password_file", empty.path()}), "");
  const Variable password("WHITEBRICK_DATABASE_PASSWORD", "from environment");
  const Variable admin("WHITEBRICK_ADMIN_PASSWORD", "of the administrator");
  const CommandLine command = parse({"--database.password_file", secret.path()});
  EXPECT_EQ(command.config.database.password, "from environment");
  EXPECT_EQ(command.admin_password, "of the administrator");
}

TEST(Config, WithoutHostAndSocketTheDatabaseIsPrivate) {
  EXPECT_TRUE(parse({}).config.private_database());
  EXPECT_FALSE(parse({"--database.host=db.example"}).config.private_database());
  EXPECT_FALSE(parse({"--database.socket=/run/mysqld/mysqld.sock"}).config.private_database());
}

}  // namespace
}  // namespace whitebrick

#include "server/config.hpp"

#include <boost/asio/ip/address.hpp>
#include <boost/program_options.hpp>
#include <cctype>
#include <fstream>
#include <limits>
#include <ostream>
#include <sstream>
#include <stdexcept>
#include <tuple>
#include <utility>

#include "server/settings.hpp"

namespace whitebrick {
namespace {

namespace po = boost::program_options;

constexpr const char* kDefaultFile = "/etc/whitebrick/whitebrick.conf";

constexpr unsigned kColumns = 110;

constexpr const char* kUsage =
    R"(Whitebrick mediates presence and events between services and terminals over SOAP.

  whitebrick [serve]            serve; without database.host or database.socket a private MariaDB is started
  whitebrick migrate            bring the schema up to date
  whitebrick database start     start the private MariaDB for several replicas on this machine; they attach to it
  whitebrick database stop      stop it again
  whitebrick admin create NAME  create an administrator, or set his password; prints the password
  whitebrick --print-config     every setting with its default, as a configuration file

)";

constexpr const char* kFooter = R"(
Every setting can be given on the command line, in the environment (http.port is
WHITEBRICK_HTTP_PORT) and in the configuration file; the first of these wins.
Secrets: WHITEBRICK_DATABASE_PASSWORD (or database.password_file), and for admin create
WHITEBRICK_ADMIN_PASSWORD.
)";

po::options_description setting_options() {
  po::options_description options("Settings", kColumns);
  const Config defaults;
  for (const Setting& setting : settings()) {
    const std::string value = setting.show(defaults);
    const std::string help = value.empty() ? setting.help : setting.help + " [" + value + "]";
    options.add_options()(setting.name.c_str(), po::value<std::string>()->value_name(setting.unit),
                          help.c_str());
  }
  return options;
}

po::options_description command_options() {
  po::options_description options("Options", kColumns);
  options.add_options()("help,h", "this text")("version", "the version")("print-config",
                                                                         "every setting with its default")(
      "config", po::value<std::string>()->value_name("file"),
      "configuration file [/etc/whitebrick/whitebrick.conf]");
  return options;
}

std::string environment_name(const std::string& setting) {
  std::string name = "WHITEBRICK_";
  for (const char c : setting) name += c == '.' ? '_' : static_cast<char>(std::toupper(c));
  return name;
}

// Names that orchestrators invent for a service called whitebrick; they are not settings.
bool of_an_orchestrator(const std::string& name) {
  return name == "WHITEBRICK_PORT" || name.starts_with("WHITEBRICK_PORT_") ||
         name.starts_with("WHITEBRICK_SERVICE_");
}

// The option an environment variable stands for; "" when it is none of ours.
std::string option_of_variable(const std::string& variable) {
  if (!variable.starts_with("WHITEBRICK_") || of_an_orchestrator(variable)) return {};
  if (variable == "WHITEBRICK_DATABASE_PASSWORD" || variable == "WHITEBRICK_ADMIN_PASSWORD") return {};
  if (variable == "WHITEBRICK_CONFIG") return "config";
  for (const Setting& setting : settings()) {
    if (environment_name(setting.name) == variable) return setting.name;
  }
  throw std::invalid_argument("The environment has " + variable + ", which is no setting of this program.");
}

// A variable that is no setting.
std::optional<std::string> variable(const std::string& name) {
  po::options_description option;
  option.add_options()("value", po::value<std::string>());
  po::variables_map values;
  po::store(po::parse_environment(
                option, [&](const std::string& found) { return std::string(found == name ? "value" : ""); }),
            values);
  return values.count("value") != 0 ? std::optional(values["value"].as<std::string>()) : std::nullopt;
}

po::parsed_options parse_file(std::istream& file, const po::options_description& options,
                              const std::string& path) {
  try {
    return po::parse_config_file(file, options, true);
  } catch (const po::error& e) {
    throw std::invalid_argument(path + ": " + e.what() + ".");
  }
}

void read_file(const std::string& path, po::variables_map& values) {
  std::ifstream file(path);
  if (!file) throw std::invalid_argument("The configuration file " + path + " cannot be read.");
  const po::options_description options = setting_options();
  const auto parsed = parse_file(file, options, path);
  for (const auto& option : parsed.options) {
    if (option.string_key == "database.password") {
      throw std::invalid_argument("A password does not belong into " + path +
                                  ": use database.password_file or WHITEBRICK_DATABASE_PASSWORD.");
    }
    if (option.unregistered) {
      throw std::invalid_argument("'" + option.string_key + "' in " + path +
                                  " is no setting of this program.");
    }
  }
  po::store(parsed, values);
}

std::string first_line_of(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::string line;
  if (!file || !std::getline(file, line)) {
    throw std::invalid_argument("database.password_file: " + path.string() + " cannot be read or is empty.");
  }
  return line;
}

void check_address(const char* setting, const std::string& address) {
  boost::system::error_code error;
  boost::asio::ip::make_address(address, error);
  if (error) {
    throw std::invalid_argument(std::string(setting) + ": '" + address + "' is not an IP address.");
  }
}

// What no single setting can know.
void check_together(const Config& config) {
  check_address("http.address", config.http.address);
  check_address("admin.address", config.admin_address);
  if (config.http.port != 0 && config.http.port == config.admin_port) {
    throw std::invalid_argument("http.port and admin.port must differ.");
  }
  if (config.http.tls_certificate.empty() != config.http.tls_key.empty()) {
    throw std::invalid_argument("http.tls_certificate and http.tls_key must be set together.");
  }
  if (config.http.max_bulk_body < config.http.max_body) {
    throw std::invalid_argument("http.max_bulk_body must not be smaller than http.max_body.");
  }
}

// The command and, for admin create, its name.
std::pair<Command, std::string> command_of(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  if (text.empty() || text == "serve") return {Command::kServe, {}};
  if (text == "migrate") return {Command::kMigrate, {}};
  if (text == "database start") return {Command::kDatabaseStart, {}};
  if (text == "database stop") return {Command::kDatabaseStop, {}};
  if (words.size() == 3 && words[0] == "admin" && words[1] == "create" && !words[2].empty()) {
    return {Command::kAdminCreate, words[2]};
  }
  throw std::invalid_argument("'" + text + "' is no command: see whitebrick --help.");
}

CommandLine parse(int argc, const char* const* argv) {
  po::options_description options = command_options();
  options.add(setting_options());
  po::options_description all;
  all.add(options).add_options()("command", po::value<std::vector<std::string>>());
  po::positional_options_description positional;
  positional.add("command", -1);

  po::variables_map values;
  po::store(po::command_line_parser(argc, argv)
                .options(all)
                .positional(positional)
                .style(po::command_line_style::unix_style & ~po::command_line_style::allow_guessing)
                .run(),
            values);
  CommandLine result;
  if (values.count("help") != 0) {
    std::ostringstream help;
    help << kUsage << options << kFooter;
    result.help = help.str();
    result.command = Command::kHelp;
    return result;
  }
  if (values.count("version") != 0 || values.count("print-config") != 0) {
    result.command = values.count("version") != 0 ? Command::kVersion : Command::kPrintConfig;
    return result;
  }
  if (values.count("command") != 0) {
    std::tie(result.command, result.admin_name) =
        command_of(values["command"].as<std::vector<std::string>>());
  }
  po::store(po::parse_environment(all, option_of_variable), values);
  if (values.count("config") != 0) {
    read_file(values["config"].as<std::string>(), values);
  } else if (std::filesystem::exists(kDefaultFile)) {
    read_file(kDefaultFile, values);
  }

  Config& config = result.config;
  for (const Setting& setting : settings()) {
    if (values.count(setting.name) != 0) setting.read(config, values[setting.name].as<std::string>());
  }
  if (!config.database_password_file.empty()) {
    config.database.password = first_line_of(config.database_password_file);
  }
  if (const auto password = variable("WHITEBRICK_DATABASE_PASSWORD")) config.database.password = *password;
  result.admin_password = variable("WHITEBRICK_ADMIN_PASSWORD");
  check_together(config);
  const bool of_private =
      result.command == Command::kDatabaseStart || result.command == Command::kDatabaseStop;
  if (of_private && !config.private_database()) {
    throw std::invalid_argument("database.host or database.socket is set: there is no private database to " +
                                std::string(result.command == Command::kDatabaseStart ? "start." : "stop."));
  }
  return result;
}

}  // namespace

CommandLine parse_command_line(int argc, const char* const* argv) {
  try {
    return parse(argc, argv);
  } catch (const po::unknown_option& e) {
    const std::string given = e.get_option_name();  // with "=value", which might be a secret
    throw std::invalid_argument("'" + given.substr(0, given.find('=')) +
                                "' is no option: see whitebrick --help.");
  } catch (const po::error& e) {
    throw std::invalid_argument(std::string(e.what()) + ".");
  }
}

void print_config(std::ostream& out) {
  out << "# Settings of Whitebrick. A line that is commented out shows the default.\n"
         "# Secrets are kept elsewhere: WHITEBRICK_DATABASE_PASSWORD or database.password_file.\n";
  const Config defaults;
  for (const Setting& setting : settings()) {
    out << "\n# " << setting.help;
    if (!setting.unit.empty()) out << " (" << setting.unit << ")";
    out << "\n#" << setting.name << " =";
    const std::string value = setting.show(defaults);
    if (!value.empty()) out << ' ' << value;
    out << '\n';
  }
}

}  // namespace whitebrick

#include "tests/support/soap_harness.hpp"

#include <openssl/evp.h>

#include <fstream>
#include <map>
#include <regex>
#include <sstream>
#include <stdexcept>

#include "server/log.hpp"
#include "tests/support/database.hpp"

namespace whitebrick::testing {
namespace {

std::string base64(const std::string& text) {
  std::string out((text.size() + 2) / 3 * 4 + 1, '\0');
  const int n =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                      reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  out.resize(static_cast<std::size_t>(n));
  return out;
}

std::string envelope(const std::string& body, int version) {
  const char* ns =
      version == 2 ? "http://www.w3.org/2003/05/soap-envelope" : "http://schemas.xmlsoap.org/soap/envelope/";
  return std::string("<?xml version=\"1.0\" encoding=\"UTF-8\"?><e:Envelope xmlns:e=\"") + ns +
         "\"><e:Body>" + body + "</e:Body></e:Envelope>";
}

// urn:whitebrick:events:1 -> /events
std::string path_of(const std::string& body) {
  const std::string ns = namespace_of(Xml(body).root());
  const auto from = ns.find(':', 4);
  return "/" + ns.substr(from + 1, ns.rfind(':') - from - 1);
}

std::vector<std::string> tables(const std::string& schema) {
  return database().pool().lease().session().query(
      R"sql(SELECT table_name AS name FROM information_schema.tables
            WHERE table_schema = ? AND table_type = 'BASE TABLE' AND table_name NOT IN ('schema_migration', 'view_stamp')
            ORDER BY table_name)sql",
      [](const db::Row& r) { return r.text("name"); }, schema);
}

// Of a table whose leases any call renews: its other columns.
std::string columns_but_leases(const std::string& table) {
  return database()
      .pool()
      .lease()
      .session()
      .query_one(
          R"sql(SELECT GROUP_CONCAT(CONCAT('COALESCE(HEX(', column_name, '), ''-'')') ORDER BY ordinal_position) AS columns
            FROM information_schema.columns
            WHERE table_schema = ? AND table_name = ? AND column_name <> 'lease_until'
              AND NOT (table_name = 'terminal_session' AND column_name = 'version'))sql",
          [](const db::Row& r) { return r.text("columns"); }, database().schema(), table)
      .value();
}

std::string checksum_of(const std::string& table) {
  if (table != "service" && table != "terminal_session") return "CHECKSUM TABLE " + table;
  static std::map<std::string, std::string> statements;
  std::string& statement = statements[table];
  if (statement.empty()) {
    statement = "SELECT CAST(SUM(CRC32(CONCAT_WS('|', " + columns_but_leases(table) +
                "))) AS INTEGER) AS Checksum FROM " + table;
  }
  return statement;
}

std::string cast_schema() { return database().schema() + "_cast"; }

void build_cast() {
  database().clean_tables();
  Config config;
  config.argon2_memory_kib = 64;
  create_admin(config, database().pool(), "root", kCastPassword);
  Replica replica;
  std::ifstream file(std::string(WB_SOURCE_DIR) + "/tests/soap/cast.xml");
  std::stringstream text;
  text << file.rdbuf();
  const Xml cast(text.str());
  for (_xmlNode* call : children(cast.root())) {
    const std::string body = serialise(children(call).at(0));
    const Answer answer = replica.call(attribute(call, "as"), body);
    if (answer.is_fault()) throw std::runtime_error("cast: " + body + "\n" + answer.envelope);
  }
  const std::string& schema = database().schema();
  database().run("CREATE DATABASE " + cast_schema());
  for (const std::string& t : tables(schema)) {
    database().run("CREATE TABLE " + cast_schema() + "." + t + " AS SELECT * FROM " + schema + "." + t);
  }
}

class Cast {
 public:
  Cast() { build_cast(); }
  ~Cast() { database().run("DROP DATABASE " + cast_schema()); }
};

}  // namespace

bool Answer::is_fault() const { return find(xml_.root(), "Fault") != nullptr; }

_xmlNode* Answer::content() const {
  if (is_fault()) return find(xml_.root(), "ServiceFault");
  _xmlNode* body = find(xml_.root(), "Body");
  return body == nullptr || children(body).empty() ? nullptr : children(body).at(0);
}

std::string Answer::fault_code() const {
  if (!is_fault() || content() == nullptr) return {};
  return text_of(find(content(), "code"));
}

Replica::Replica() {
  static const bool kQuiet = (log::start({.level = log::Level::kError, .json = false}), true);
  static_cast<void>(kQuiet);
  Config config;
  config.http.workers = 1;
  config.argon2_memory_kib = 64;  // the cost of hashing is tested elsewhere
  app_ = std::make_unique<App>(config, database().options());
}

Replica::~Replica() = default;

Answer Replica::call(const std::string& caller, const std::string& body, int soap_version) {
  HttpRequest request;
  request.method = "POST";
  request.path = path_of(body);
  request.peer = "127.0.0.1";
  request.private_channel = true;
  request.correlation_id = "test";
  request.headers.emplace_back("content-type",
                               soap_version == 2 ? "application/soap+xml; charset=utf-8" : "text/xml");
  if (caller.starts_with("token ")) {
    request.headers.emplace_back("authorization", "Bearer " + login(caller.substr(6)));
  } else if (!caller.empty()) {
    request.headers.emplace_back("authorization", "Basic " + base64(caller + ":" + kCastPassword));
  }
  request.body = envelope(body, soap_version);
  return Answer(app_->answer(request));
}

std::string Replica::login(const std::string& account) {
  const Answer answer = call("", "<Login xmlns=\"urn:whitebrick:identity:1\"><accountName>" + account +
                                     "</accountName><password>" + kCastPassword + "</password></Login>");
  if (answer.is_fault()) throw std::runtime_error("login: " + answer.envelope);
  return text_of(find(answer.content(), "token"));
}

std::string fill_in(Replica& replica, const std::string& text, const std::vector<Answer>& answers) {
  static const std::regex kSlot(R"(\{\{([^}]+)\}\})");
  std::string out;
  auto from = text.cbegin();
  for (std::sregex_iterator i(text.begin(), text.end(), kSlot), end; i != end; ++i) {
    out.append(from, text.cbegin() + i->position());
    from = text.cbegin() + i->position() + i->length();
    const std::string slot = (*i)[1];
    if (slot.starts_with("token:")) {
      out += replica.login(slot.substr(6));
      continue;
    }
    if (slot.starts_with("text:")) {
      out.append(std::stoul(slot.substr(5)), 'x');
      continue;
    }
    const auto dot = slot.find('.', 6);
    const std::size_t n = std::stoul(slot.substr(6, dot - 6));
    const std::string element = slot.substr(dot + 1);
    const Answer& answer = answers.at(n - 1);
    if (_xmlNode* found = find(answer.content(), element)) {
      out += text_of(found);
    } else if (std::smatch inside; std::regex_search(
                   answer.envelope, inside, std::regex("&lt;" + element + "(?:&gt;|>)([^&<]*)&lt;/"))) {
      out += inside[1];
    } else {
      throw std::runtime_error(slot + " is not in " + answer.envelope);
    }
  }
  return out.append(from, text.cend());
}

void reset_to_cast() {
  static const Cast cast;
  db::Lease lease = database().pool().lease();
  const auto names = tables(database().schema());
  lease.in_transaction([&](db::Session& db) {
    for (const std::string& t : names) {
      db.execute("DELETE FROM " + t);
      db.execute("INSERT INTO " + t + " SELECT * FROM " + cast_schema() + "." + t);
    }
  });
}

std::string table_contents() {
  std::string contents;
  for (const std::string& t : tables(database().schema())) {
    if (t == "job" || t == "replica" || t == "db_pulse" || t == "login_failure" || t == "login_success" ||
        t == "token")
      continue;
    const auto sum = database().pool().lease().session().query_one(
        checksum_of(t), [](const db::Row& r) { return r.number_or_null("Checksum"); });
    contents += t + " " + std::to_string(sum.value_or(std::nullopt).value_or(0)) + "\n";
  }
  return contents;
}

}  // namespace whitebrick::testing

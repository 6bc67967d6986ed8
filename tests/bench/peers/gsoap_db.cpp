// GetConnectability by plain gSOAP and Connector/C++ on the same rows as the product, as one writes it
// first: each thread its own connection and prepared statement, one query a call.
// usage: gsoap_db PORT THREADS SOCKET SCHEMA five|two
//   five  the five states as the product answers them (lists, grants, modes, sessions)
//   two   only whether the profile has a session: two tables, two states
// Nothing is authenticated: the asker's user id is read from the bearer token (seed.sql makes them so).

#include <cppconn/connection.h>
#include <cppconn/driver.h>
#include <cppconn/exception.h>
#include <cppconn/prepared_statement.h>
#include <cppconn/resultset.h>

#include <cstdlib>
#include <memory>
#include <tuple>
#include <unordered_map>

#include "Coordination.nsmap"
#include "peers/serve.hpp"
#include "soapCoordinationService.h"

namespace {

constexpr int kAvailable = 1, kTransfer = 3, kModeUnknown = 4;
constexpr int kOpen = 1, kAsk = 2;
constexpr int kWidest = 1 << 20;  // a mode for everybody, or a level: wider than any contact list

struct Options {
  std::string socket;
  std::string schema;
  bool five_states = true;
};
Options options;

// One row per contact and active mode that covers the asker.
const char* const kFive = R"sql(
SELECT p.contact_number, p.policy, p.default_state, p.user_id = ? AS himself,
  EXISTS(SELECT 1 FROM contact_list l WHERE l.profile_id = p.id AND l.kind = 3
           AND l.number IN (SELECT contact_number FROM profile WHERE user_id = ?)) AS refused,
  EXISTS(SELECT 1 FROM contact_list l WHERE l.profile_id = p.id AND l.kind = 2
           AND l.number IN (SELECT contact_number FROM profile WHERE user_id = ?))
  OR EXISTS(SELECT 1 FROM authorisation g WHERE g.owner_profile_id = p.id AND g.asker_user_id = ? AND g.state = 2
              AND (g.until_at IS NULL OR g.until_at > UTC_TIMESTAMP(6))) AS authorised,
  EXISTS(SELECT 1 FROM access_session s WHERE s.profile_id = p.id) AS connected,
  COALESCE(m.state, a.state) AS state, COALESCE(NULLIF(m.contacts, 0), 1048576) AS contacts,
  COALESCE(m.priority, 0) AS priority, UNIX_TIMESTAMP(a.activated_at) AS activated_at
FROM profile p
LEFT JOIN (mode_activation a LEFT JOIN mode m ON m.id = a.mode_id)
  ON a.profile_id = p.id AND (a.until_at IS NULL OR a.until_at > UTC_TIMESTAMP(6))
  AND (a.mode_id = 0 OR m.contacts = 0 OR EXISTS(SELECT 1 FROM mode_contact c WHERE c.mode_id = m.id
    AND c.number IN (SELECT contact_number FROM profile WHERE user_id = ?)))
WHERE p.contact_number IN ()sql";
constexpr int kAskers = 5;

const char* const kTwo = R"sql(
SELECT p.contact_number, s.id IS NOT NULL AS connected
FROM profile p LEFT JOIN access_session s ON s.profile_id = p.id WHERE p.contact_number IN ()sql";

struct Contact {
  bool himself = false, refused = false, authorised = false, connected = false;
  int policy = 0;
  int mode = 0;
  std::tuple<int, int, double> rank;  // of the mode: narrowest, then priority, then latest
};

c__ConnectabilityState state_of(const Contact& c) {
  if (!c.himself) {
    if (c.refused || c.mode == kModeUnknown) return c__ConnectabilityState__UNKNOWN;
    if (!c.authorised && c.policy == kAsk) return c__ConnectabilityState__AUTHORISATION_USCOREREQUIRED;
    if (!c.authorised && c.policy != kOpen) return c__ConnectabilityState__UNKNOWN;
  }
  if (c.mode == kTransfer) return c__ConnectabilityState__IN_USCORETRANSFER;
  // Nobody hides from himself.
  const bool available = c.mode == kAvailable || (c.himself && c.mode == kModeUnknown);
  return c.connected && available ? c__ConnectabilityState__CONNECTABLE
                                  : c__ConnectabilityState__NOT_USCORECONNECTABLE;
}

using Contacts = std::unordered_map<std::string, Contact>;

class Database {
 public:
  Database() : connection_(get_driver_instance()->connect("unix://" + options.socket, "root", "")) {
    connection_->setSchema(options.schema);
  }

  Contacts read(const std::vector<std::string>& numbers, std::uint64_t asker) {
    sql::PreparedStatement& statement = prepared(numbers.size());
    unsigned at = 0;
    for (int i = 0; options.five_states && i < kAskers; ++i) statement.setUInt64(++at, asker);
    for (const std::string& number : numbers) statement.setString(++at, number);
    const std::unique_ptr<sql::ResultSet> rows(statement.executeQuery());
    Contacts contacts;
    while (rows->next()) {
      Contact& contact = contacts[rows->getString(1).asStdString()];
      if (options.five_states) {
        add_row(*rows, contact);
      } else {
        contact.himself = true;
        contact.mode = kAvailable;
        contact.connected |= rows->getBoolean(2);
      }
    }
    return contacts;
  }

 private:
  static void add_row(sql::ResultSet& row, Contact& contact) {
    contact.policy = row.getInt(2);
    contact.himself = row.getBoolean(4);
    contact.refused = row.getBoolean(5);
    contact.authorised = row.getBoolean(6);
    contact.connected = row.getBoolean(7);
    const int state = row.getInt(8);
    if (row.wasNull()) {
      contact.mode = row.getInt(3);
      return;
    }
    const std::tuple rank{kWidest - row.getInt(9), row.getInt(10), static_cast<double>(row.getDouble(11))};
    if (contact.mode != 0 && rank <= contact.rank) return;
    contact.mode = state;
    contact.rank = rank;
  }

  sql::PreparedStatement& prepared(std::size_t numbers) {
    if (!statement_ || numbers_ != numbers) {
      std::string text = options.five_states ? kFive : kTwo;
      for (std::size_t i = 0; i < numbers; ++i) text += i == 0 ? "?" : ",?";
      statement_.reset(connection_->prepareStatement(text + ")"));
      numbers_ = numbers;
    }
    return *statement_;
  }

  std::unique_ptr<sql::Connection> connection_;
  std::unique_ptr<sql::PreparedStatement> statement_;
  std::size_t numbers_ = 0;
};

thread_local std::unique_ptr<Database> database;

// bench-user-00000042-...
std::uint64_t asker_of(const char* bearer) {
  constexpr std::size_t kPrefix = sizeof("bench-user-") - 1;
  return bearer == nullptr ? 0 : std::strtoull(bearer + kPrefix, nullptr, 10);
}

class Connectability : public CoordinationService {
 public:
  int GetConnectability(_coord__GetConnectability* request,
                        _coord__GetConnectabilityResponse& response) override;
};

}  // namespace

int Connectability::GetConnectability(_coord__GetConnectability* request,
                                      _coord__GetConnectabilityResponse& response) {
  Contacts contacts;
  try {
    if (!database) database = std::make_unique<Database>();
    contacts = database->read(request->contact, asker_of(soap->bearer));
  } catch (const sql::SQLException& e) {
    database.reset();
    std::fprintf(stderr, "database: %s\n", e.what());
    return soap_receiverfault("database", nullptr);
  }
  for (const std::string& number : request->contact) {
    const auto found = contacts.find(number);
    const auto state = found == contacts.end() ? c__ConnectabilityState__UNKNOWN : state_of(found->second);
    response.contactState.push_back(soap_new_req_c__ContactState(soap, number, state));
  }
  return SOAP_OK;
}

int main(int argc, char** argv) {
  if (argc != 6) return 2;
  options = {argv[3], argv[4], std::string(argv[5]) == "five"};
  get_driver_instance();
  return peers::serve<Connectability>(std::atoi(argv[1]), std::atoi(argv[2]),
                                      [] { get_driver_instance()->threadInit(); });
}

// Who hides is to others like nobody: the same bytes, and as little told, whatever they ask. (By as many
// statements: tests/db, each operation by itself.) Here the same number is once nobody's, and then of
// somebody who hides in one way or another.

#include <gtest/gtest.h>

#include <map>
#include <regex>

#include "tests/support/database.hpp"
#include "tests/support/soap_harness.hpp"

namespace whitebrick::testing {
namespace {

std::string element(const std::string& module, const std::string& operation, const std::string& inner) {
  return "<" + operation + " xmlns=\"urn:whitebrick:" + module + ":1\" xmlns:c=\"urn:whitebrick:common:1\">" +
         inner + "</" + operation + ">";
}

const std::string kBob = "tel:+33100000002";
const std::string kAlice = "tel:+33100000001";

struct Call {
  std::string name, caller, body;
};

// Asked in this order, so that each finds the same behind it.
std::vector<Call> questions() {
  const std::string contact = "<contact>" + kBob + "</contact>", as = "<profileId>work</profileId>";
  return {
      {"GetConnectability", "alice", element("coordination", "GetConnectability", contact)},
      {"GetAvailability", "alice", element("availability", "GetAvailability", contact)},
      {"ExplainAvailability", "alice", element("availability", "ExplainAvailability", contact)},
      {"RequestAuthorisation", "alice", element("availability", "RequestAuthorisation", as + contact)},
      {"RequestAuthorisation again", "alice", element("availability", "RequestAuthorisation", as + contact)},
      {"PlaceCall", "alice",
       element("coordination", "PlaceCall",
               "<callId>p1</callId>" + as + contact + "<type>VOICE_DELAYED</type>")},
      {"AllowUrgent", "alice", element("coordination", "AllowUrgent", as + contact + "<kind>VOICE</kind>")},
      {"SendUrgent", "alice", element("coordination", "SendUrgent", contact + "<text>Come home</text>")},
      {"SetContactLists", "alice",
       element("profiles", "SetContactLists",
               as + "<wanted>" + kBob + "</wanted><authorised>" + kBob + "</authorised>")},
      {"WatchContact", "alice", element("coordination", "WatchContact", as + contact)},
      {"ConnectTerminal", "alice",
       element("coordination", "ConnectTerminal", "<terminalId>phone</terminalId>")},
      {"GetContactStates", "alice",
       element("coordination", "GetContactStates", as + "<waitSeconds>0</waitSeconds>")},
      {"ListAuthorisations", "alice", element("availability", "ListAuthorisations", "")},
      {"DecideCall", "bell-calls",
       element("coordination", "DecideCall",
               "<callId>d1</callId><calledNumber>" + kBob + "</calledNumber><callerNumber>" + kAlice +
                   "</callerNumber><type>VOICE_IMMEDIATE</type>")},
  };
}

// How it comes that alice is to know nothing of the number.
std::map<std::string, std::vector<Call>> circumstances() {
  const std::string work = "<profileId>work</profileId>";
  const Call connect{"", "bob", element("coordination", "ConnectTerminal", "<terminalId>phone</terminalId>")};
  const Call serve{"", "bob",
                   element("profiles", "SubscribeToService",
                           work + "<service><c:name>calls</c:name><c:provider>bell</c:provider></service>")};
  const auto policy = [&](const std::string& name) {
    return Call{"", "bob", element("profiles", "PutProfile", work + "<policy>" + name + "</policy>")};
  };
  const Call refused{"", "bob",
                     element("profiles", "SetContactLists", work + "<refused>" + kAlice + "</refused>")};
  const Call unknown{"", "bob", element("availability", "ActivateMode", work + "<level>UNKNOWN</level>")};
  const Call transfers{"", "bob",
                       element("availability", "PutMode",
                               work + "<modeId>away</modeId><state>TRANSFER</state>"
                                      "<transferTo>+33199999999</transferTo>")};
  const Call away{"", "bob", element("availability", "ActivateMode", work + "<modeId>away</modeId>")};
  const Call asked{"", "alice",
                   element("availability", "RequestAuthorisation", work + "<contact>" + kBob + "</contact>")};
  return {
      {"nobody has the number", {{"", "bob", element("profiles", "DeleteProfile", work)}}},
      {"he is closed", {serve, connect, policy("CLOSED")}},
      {"he is closed and away", {policy("CLOSED")}},
      {"he is closed and in transfer", {serve, connect, policy("CLOSED"), transfers, away}},
      {"he refuses her", {serve, connect, policy("OPEN"), refused}},
      {"he refuses her and must be asked", {serve, connect, refused}},
      {"he wants to be unknown", {serve, connect, policy("OPEN"), unknown}},
  };
}

std::int64_t number(const std::string& sql, const char* column) {
  auto& pool = database().pool();
  auto lease = pool.lease();
  return lease.session().query_one(sql, [&](const db::Row& row) { return row.number(column); }).value();
}
// That somebody could be told of.
std::int64_t published() { return number("SELECT COUNT(*) AS n FROM event", "n"); }

struct Seen {
  std::string answer;
  std::int64_t events = 0;
};

// Times, ids and texts that differ from call to call for everybody.
std::string scrubbed(const std::string& answer) {
  static const std::regex kOwn(
      "<([a-z:]*)(decidedAt|askedAt|terminalSessionId|accessSessionId|openedAt|snapshotVersion|version|"
      "backlog)>"
      "[^<]*<");
  return std::regex_replace(answer, kOwn, "<$1$2><");
}

std::map<std::string, Seen> look(Replica& replica, const std::vector<Call>& setup) {
  reset_to_cast();
  for (const Call& call : setup) {
    const Answer answer = replica.call(call.caller, call.body);
    if (answer.is_fault()) ADD_FAILURE() << call.body << "\n" << answer.envelope;
  }
  std::map<std::string, Seen> seen;
  for (const Call& question : questions()) {
    const auto events_before = published();
    const Answer answer = replica.call(question.caller, question.body);
    seen[question.name] = {scrubbed(answer.envelope), published() - events_before};
  }
  return seen;
}

TEST(HiddenContact, LooksLikeNobody) {
  Replica replica;
  std::map<std::string, std::map<std::string, Seen>> all;
  for (const auto& [name, setup] : circumstances()) {
    for (const auto& [question, seen] : look(replica, setup)) all[question][name] = seen;
  }
  ASSERT_EQ(all.size(), questions().size());
  for (const auto& [question, by_circumstance] : all) {
    const Seen& nobody = by_circumstance.at("nobody has the number");
    for (const auto& [name, seen] : by_circumstance) {
      EXPECT_EQ(seen.answer, nobody.answer) << question << " when " << name;
      EXPECT_EQ(seen.events, nobody.events) << question << " when " << name;
    }
  }
}

}  // namespace
}  // namespace whitebrick::testing

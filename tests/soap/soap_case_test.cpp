// Golden cases: tests/soap/<module>/<Operation>/<case>/ (README.md beside this file).
// Each runs on a clean schema with the standing cast, in SOAP 1.1 and 1.2. From the same files come three
// more tests: of one effect for one requestId, of roles that are not allowed, and of others whose role is.

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>

#include "server/access.hpp"
#include "tests/support/database.hpp"
#include "tests/support/soap_harness.hpp"

namespace whitebrick::testing {
namespace {

namespace fs = std::filesystem;

std::string read(const fs::path& file) {
  std::ifstream in(file);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

std::string trimmed_line(const std::string& text) { return text.substr(0, text.find_first_of("\r\n")); }

struct Case {
  fs::path folder;
  std::string module, operation;

  std::string name() const {
    std::string s = module + "_" + operation + "_" + folder.filename().string();
    for (char& c : s) {
      if (!isalnum(static_cast<unsigned char>(c))) c = '_';
    }
    return s;
  }
};

std::ostream& operator<<(std::ostream& out, const Case& c) { return out << c.name(); }

std::vector<Case> cases() {
  std::vector<Case> found;
  for (const auto& entry : fs::recursive_directory_iterator(std::string(WB_SOURCE_DIR) + "/tests/soap")) {
    if (entry.path().filename() != "request.xml") continue;
    const fs::path folder = entry.path().parent_path();
    found.push_back({folder, folder.parent_path().parent_path().filename(), folder.parent_path().filename()});
  }
  std::sort(found.begin(), found.end(), [](const Case& a, const Case& b) { return a.folder < b.folder; });
  return found;
}

// {{n}} stands for the number of the repetition.
std::string numbered(std::string text, int n) {
  for (auto at = text.find("{{n}}"); at != std::string::npos; at = text.find("{{n}}", at)) {
    text.replace(at, 5, std::to_string(n));
  }
  return text;
}

class SoapCase : public ::testing::TestWithParam<Case> {
 protected:
  // The request of the case, its setup done on a clean schema, by a replica that remembers nobody: what was
  // there before is gone in a way in which no account ever goes.
  std::string prepare() {
    reset_to_cast();
    a_.emplace();
    std::vector<Answer> answers;
    if (const std::string setup = read(GetParam().folder / "setup.xml"); !setup.empty()) {
      const Xml xml(setup);
      for (_xmlNode* call : children(xml.root())) {
        if (local_name(call) == "sql") {
          database().pool().lease().session().execute(text_of(call));
          continue;
        }
        const std::string times = attribute(call, "times");
        for (int n = 1; n <= (times.empty() ? 1 : std::stoi(times)); ++n) {
          const std::string body = numbered(serialise(children(call).at(0)), n);
          const Answer answer = a_->call(numbered(attribute(call, "as"), n), fill_in(*a_, body, answers));
          if (answer.is_fault() && attribute(call, "may") != "fault") {
            ADD_FAILURE() << "setup call " << answers.size() + 1 << ": " << answer.envelope;
          }
          if (n == 1) answers.push_back(answer);
        }
      }
    }
    return fill_in(*a_, read(GetParam().folder / "request.xml"), answers);
  }
  std::string caller() const { return trimmed_line(read(GetParam().folder / "caller.txt")); }

  std::optional<Replica> a_;
  Replica b_;
};

TEST_P(SoapCase, answers_as_written_in_both_versions) {
  const Xml expected(read(GetParam().folder / "expected.xml"));
  const bool faults = local_name(expected.root()) == "ServiceFault";
  for (const int version : {1, 2}) {
    const std::string request = prepare();
    const std::string before = faults ? table_contents() : std::string();
    const Answer answer = a_->call(caller(), request, version);
    ASSERT_NE(answer.content(), nullptr) << answer.envelope;
    EXPECT_EQ(difference(expected.root(), answer.content()), "")
        << "SOAP 1." << version << "\nrequest: " << request << "\nanswer: " << answer.envelope;
    const char* ns = version == 2 ? "http://www.w3.org/2003/05/soap-envelope"
                                  : "http://schemas.xmlsoap.org/soap/envelope/";
    EXPECT_EQ(namespace_of(answer.document().root()), ns);
    if (faults) {
      EXPECT_EQ(table_contents(), before) << "a fault changed rows";
    }
  }
}

TEST_P(SoapCase, a_request_id_gives_one_effect_and_one_answer_from_any_replica) {
  const OperationRule* rule = find_operation(GetParam().module, GetParam().operation);
  ASSERT_NE(rule, nullptr);
  const Xml expected(read(GetParam().folder / "expected.xml"));
  if (rule->kind != Kind::kMutation || local_name(expected.root()) == "ServiceFault") return;
  if (rule->name == "Logout") return;  // the token that would ask again is gone

  std::string request = prepare();
  if (request.find("requestId") == std::string::npos) {
    const Xml xml(request);
    const std::string ns = namespace_of(xml.root());
    std::string whole = serialise(xml.root());
    const std::string id = "<requestId xmlns=\"" + ns + "\">once-0001</requestId>";
    const auto at = whole.find('>');
    if (whole[at - 1] == '/') {
      whole =
          whole.substr(0, at - 1) + ">" + id + "</" + whole.substr(1, whole.find_first_of(" />") - 1) + ">";
    } else {
      whole.insert(at + 1, id);
    }
    request = whole;
  }
  const Answer first = a_->call(caller(), request);
  ASSERT_FALSE(first.is_fault()) << first.envelope;
  const std::string rows = table_contents();
  const Answer second = b_.call(caller(), request);
  EXPECT_EQ(serialise(first.content()), serialise(second.content()));
  EXPECT_EQ(table_contents(), rows) << "the repeated request changed rows";
}

// Whoever the table does not allow is refused and changes nothing.
TEST_P(SoapCase, other_roles_are_refused) {
  const OperationRule* rule = find_operation(GetParam().module, GetParam().operation);
  ASSERT_NE(rule, nullptr);
  const std::string request = prepare();
  const Xml expected(read(GetParam().folder / "expected.xml"));
  const bool is_invalid = local_name(expected.root()) == "ServiceFault" &&
                          text_of(find(expected.root(), "code")) == "INVALID_ARGUMENT";
  const std::string rows = table_contents();
  const std::vector<std::pair<std::string, Role>> everyone = {
      {"", Role::kAnonymous}, {"alice", Role::kUser}, {"acme-mail", Role::kService}, {"root", Role::kAdmin}};
  for (const auto& [account, role] : everyone) {
    if (rule->allows(role)) continue;
    const Answer answer = a_->call(account, request);
    if (is_invalid && answer.fault_code() == "INVALID_ARGUMENT")
      continue;  // no message of the schema: nobody's
    EXPECT_EQ(answer.fault_code(), role == Role::kAnonymous ? "AUTHENTICATION_REQUIRED" : "FORBIDDEN")
        << account << ": " << answer.envelope;
  }
  EXPECT_EQ(table_contents(), rows);
}

// What others of an allowed role do with the same request takes nothing from whom it is about: he is still
// answered as written.
TEST_P(SoapCase, others_of_the_same_role_change_nothing_for_him) {
  const OperationRule* rule = find_operation(GetParam().module, GetParam().operation);
  ASSERT_NE(rule, nullptr);
  const Xml expected(read(GetParam().folder / "expected.xml"));
  const std::string who = caller();
  if (local_name(expected.root()) == "ServiceFault" || who.empty()) return;

  const std::string request = prepare();
  std::string theirs;
  for (const auto& [account, role] : {std::pair{"bob", Role::kUser},
                                      {"carol", Role::kUser},
                                      {"acme-mail", Role::kService},
                                      {"bell-calls", Role::kService}}) {
    if (!rule->allows(role) || who == account || who == std::string("token ") + account) continue;
    const std::string rows = table_contents();
    const Answer answer = a_->call(account, request);
    theirs += std::string("\n") + account + ": " + answer.envelope;
    if (answer.is_fault()) {
      EXPECT_EQ(table_contents(), rows) << "a refused call changed rows" << theirs;
    }
  }
  const Answer answer = b_.call(who, request);
  const std::string found = difference(expected.root(), answer.content());
  if (fs::exists(GetParam().folder / "others.txt")) {
    EXPECT_NE(found, "") << "others.txt says that what others do shows";
  } else {
    EXPECT_EQ(found, "") << "request: " << request << theirs;
  }
}

INSTANTIATE_TEST_SUITE_P(Golden, SoapCase, ::testing::ValuesIn(cases()),
                         [](const auto& info) { return info.param.name(); });

}  // namespace
}  // namespace whitebrick::testing

#include "modules/coordination/contact_names.hpp"

#include "db/list.hpp"

namespace whitebrick::coordination {

bool shows_existence(Connectability state) {
  return state != Connectability::kUnknown && state != Connectability::kAuthorisationRequired;
}

namespace {

const std::string kNames = R"sql(
SELECT p.contact_number, u.display_name FROM profile p JOIN user u ON u.id = p.user_id
WHERE u.display_name IS NOT NULL AND p.contact_number IN ()sql";

}  // namespace

ContactNames names_of(db::Session& db, const std::set<std::string>& numbers) {
  ContactNames names;
  db::in_pieces(std::vector<std::string>(numbers.begin(), numbers.end()), db::kMaxList,
                [&](const std::vector<std::string>& piece) {
                  std::vector<db::Value> args;
                  const std::string list = db::in_list(piece, args);
                  db.query_with(
                      kNames + list + ")",
                      [&](const db::Row& row) {
                        return names.emplace(row.text("contact_number"), row.text("display_name")).second;
                      },
                      args);
                });
  return names;
}

void add_names(db::Session& db, std::vector<WatchedContact>& contacts) {
  std::set<std::string> numbers;
  for (const WatchedContact& contact : contacts) {
    if (shows_existence(contact.reach.state)) numbers.insert(contact.contact);
  }
  const ContactNames names = names_of(db, numbers);
  for (WatchedContact& contact : contacts) {
    const auto name = names.find(contact.contact);
    if (name != names.end() && shows_existence(contact.reach.state)) contact.display_name = name->second;
  }
}

}  // namespace whitebrick::coordination

// The compiled filter as a document (12.c), and what it says of one asker, with the reasons.
#include <algorithm>
#include <set>
#include <unordered_map>

#include "db/list.hpp"
#include "modules/availability/availability.hpp"
#include "modules/availability/filter_rows.hpp"
#include "modules/availability/xml_time.hpp"
#include "server/fault.hpp"

namespace whitebrick::availability {
namespace {

constexpr std::chrono::days kHorizon{7};     // how far periods are looked at
constexpr std::chrono::days kFurthest{366};  // how far ahead somebody may ask
constexpr std::size_t kMaxEntries = 1000;
constexpr std::size_t kMaxContacts = 10000;

std::vector<CallRule> calls_of(const Filter& filter, const Asker& asker, Time at) {
  std::vector<CallRule> calls;
  for (const Communication type : kCommunications) calls.push_back(rule_for(filter, asker, at, type));
  return calls;
}

// All that somebody notices of a verdict.
struct Noticed {
  Shown shown;
  ModeState state;
  Offers offers;
  std::vector<CallRule> calls;
  TransferTarget transfer;
  friend bool operator==(const Noticed&, const Noticed&) = default;
};

Noticed notice(const Filter& filter, const LoadedAsker& loaded, Time at) {
  const Asker asker = loaded.at(at);
  const Verdict verdict = evaluate(filter, asker, at, Communication::kVoiceImmediate);
  Noticed noticed{verdict.shown, verdict.state, verdict.offers, calls_of(filter, asker, at), {}};
  const auto mode = filter.entries[verdict.entry].mode;
  if (mode && verdict.shown == Shown::kState) noticed.transfer = filter.modes[*mode].transfer;
  return noticed;
}

std::optional<Time> next_change(const Filter& filter, const LoadedAsker& asker, Time at) {
  std::set<Time> turns;
  const auto add = [&](const std::optional<Time>& time) {
    if (time && *time > at && *time < at + kHorizon) turns.insert(*time);
  };
  for (const CoveringMode& mode : filter.modes) add(mode.from), add(mode.until);
  for (const Grant& grant : asker.grants) add(grant.from), add(grant.until);
  const Noticed now = notice(filter, asker, at);
  const auto found =
      std::ranges::find_if(turns, [&](Time turn) { return !(notice(filter, asker, turn) == now); });
  return found == turns.end() ? std::nullopt : std::optional(*found);
}

// Modes that cover the asker, best first.
std::vector<std::string> covering(const Filter& filter, const Asker& asker, Time at) {
  std::vector<std::string> modes;
  for (std::size_t i = 0; i < filter.modes.size(); ++i) {
    const CoveringMode& mode = filter.modes[i];
    const bool covered = mode.contacts == 0 || asker.on_list[filter.sources[i]];
    const bool active = (!mode.from || *mode.from <= at) && (!mode.until || at < *mode.until);
    if (covered && active && !mode.mode.empty()) modes.push_back(mode.mode);
  }
  return modes;
}

}  // namespace

Explanation Availability::explain(db::Session& db, const profiles::ProfileKey& owner,
                                  const std::optional<std::string>& asker_number, std::optional<Time> at) {
  const Time now = db.now();
  if (at && (*at < now || *at > now + kFurthest)) {
    throw Fault(FaultCode::INVALID_ARGUMENT, "only from now on, and a year ahead", "at");
  }
  const Time time = at.value_or(now);
  const LoadedRules loaded = load_rules(db, owner.id, time, time + kHorizon);
  const LoadedAsker known = load_asker(db, owner.id, asker_number, loaded);
  const Filter filter = compile(loaded.rules);
  const Asker asker = known.at(time);

  Explanation explained;
  explained.at = time;
  explained.verdict = evaluate(filter, asker, time, Communication::kVoiceImmediate);
  explained.standing = asker.standing;
  explained.authorised = known.authorised;
  explained.refused = known.refused;
  explained.connected = known.connected;
  if (const Grant* grant = known.grant_at(time)) explained.grant = grant->id;
  explained.policy = loaded.rules.policy;
  // The owner's own state towards him, whether or not he may know it.
  Asker himself = asker;
  himself.standing = Standing::kOwner;
  const Verdict own = evaluate(filter, himself, time, Communication::kVoiceImmediate);
  explained.own_state = own.state;
  explained.outranked = covering(filter, asker, time);
  if (const auto mode = filter.entries[own.entry].mode) {
    const CoveringMode& chosen = filter.modes[*mode];
    explained.source = chosen.mode.empty() ? StateSource::kLevel : StateSource::kMode;
    explained.by_rule = chosen.by_rule;
    if (!chosen.mode.empty()) {
      explained.mode = chosen.mode;
      std::erase(explained.outranked, chosen.mode);
    }
  }
  explained.calls = calls_of(filter, asker, time);
  explained.next_change = next_change(filter, known, time);
  return explained;
}

namespace {

constexpr std::string_view kListContacts = R"sql(
SELECT kind, number FROM contact_list WHERE profile_id = ? AND kind IN (2, 3) ORDER BY kind, position)sql";
constexpr std::string_view kGrantContacts = R"sql(
SELECT number, (from_at IS NULL OR from_at <= ?) AS lives, from_at, until_at FROM authorisation
WHERE owner_profile_id = ? AND state = 2 AND one_shot = 0 AND asker_user_id IS NOT NULL
  AND (until_at IS NULL OR until_at > ?) ORDER BY number LIMIT 1000)sql";
constexpr std::string_view kModeContacts = "SELECT mode_id, number FROM mode_contact WHERE mode_id IN (";
// The number of the version changes with what is read, whoever reads it first.
constexpr std::string_view kVersion = R"sql(
INSERT INTO profile_filter (profile_id, version, digest) VALUES (?, 1, UNHEX(SHA2(?, 256)))
ON DUPLICATE KEY UPDATE version = version + (digest <> VALUES(digest)), digest = VALUES(digest)
RETURNING version)sql";

void add_lists(db::Session& db, std::uint64_t profile_id, FilterDocument& document) {
  ContactSet refused{"refused", {}}, authorised{"authorised", {}}, granted{"granted", {}};
  db.query(
      kListContacts,
      [&](const db::Row& row) {
        (row.number("kind") == 2 ? authorised : refused).contacts.push_back(row.text("number"));
        return true;
      },
      profile_id);
  db.query(
      kGrantContacts,
      [&](const db::Row& row) {
        const auto from = row.time_or_null("from_at"), until = row.time_or_null("until_at");
        const bool lives = row.flag("lives");
        if (lives) granted.contacts.push_back(row.text("number"));
        if (const auto turn = lives ? until : from)
          document.valid_until = std::min(document.valid_until, *turn);
        return true;
      },
      document.valid_from, profile_id, document.valid_from);
  for (ContactSet* set : {&refused, &authorised, &granted}) {
    if (!set->contacts.empty()) document.sets.push_back(std::move(*set));
  }
}

// What is to come into it too.
void check_size(const FilterDocument& document, std::size_t contacts) {
  for (const ContactSet& set : document.sets) contacts += set.contacts.size();
  if (document.filter.entries.size() > kMaxEntries || contacts > kMaxContacts) {
    throw Fault(FaultCode::LIMIT_EXCEEDED, "the filter of this profile is too large", "profileId");
  }
}

void add_modes(db::Session& db, const LoadedRules& loaded, FilterDocument& document) {
  std::unordered_map<std::uint64_t, std::size_t> places;  // of a mode's set
  std::vector<std::uint64_t> ids;
  std::size_t contacts = 0;
  for (std::size_t i = 0; i < loaded.mode_ids.size(); ++i) {
    const auto& mode = loaded.rules.modes[i];
    if (mode.contacts == 0 || !places.emplace(loaded.mode_ids[i], document.sets.size()).second) continue;
    ids.push_back(loaded.mode_ids[i]);
    contacts += static_cast<std::size_t>(mode.contacts);
    document.sets.push_back({"mode:" + mode.mode, {}});
  }
  check_size(document, contacts);
  db::in_pieces(ids, db::kMaxList, [&](const std::vector<std::uint64_t>& piece) {
    std::vector<db::Value> args;
    std::string sql(kModeContacts);
    sql += db::in_list(piece, args) + ") ORDER BY mode_id, number";
    db.query_with(
        sql,
        [&](const db::Row& row) {
          document.sets[places.at(row.id("mode_id"))].contacts.push_back(row.text("number"));
          return true;
        },
        args);
  });
}

// Differs whenever the document does.
std::string text_of(const FilterDocument& document) {
  std::string text;
  const auto add = [&](const auto& value) { text.append(value).append("\n"); };
  const auto add_time = [&](const std::optional<Time>& time) {
    add(time ? xml_time(*time) : std::string("-"));
  };
  const auto add_number = [&](auto value) { add(std::to_string(static_cast<int>(value))); };
  for (const ContactSet& set : document.sets) {
    add(set.id);
    for (const std::string& contact : set.contacts) add(contact);
  }
  for (const CoveringMode& mode : document.filter.modes) {
    add("mode " + mode.mode);
    add(mode.transfer.number.value_or("-"));
    add(mode.transfer.terminal.value_or("-"));
    add_number(mode.transfer.medium.value_or(Medium{}));
    add_number(mode.means.notification.value_or(Notification{}));
    add_number(mode.means.call_by);
    add_number(mode.contacts);
    add_time(mode.from);
    add_time(mode.until);
  }
  for (const FilterEntry& entry : document.filter.entries) {
    add_number(entry.standing.value_or(Standing{}));
    add_number(entry.mode ? static_cast<int>(*entry.mode) : -1);
    add_number(entry.shown);
    add_number(entry.state);
    add_number(entry.offers);
    add_number(entry.immediate);
    add_number(entry.away);
    add_number(entry.otherwise);
  }
  return text;
}

}  // namespace

FilterDocument Availability::filter(db::Session& db, const profiles::ProfileKey& owner) {
  FilterDocument document;
  document.valid_from = db.now();
  document.valid_until = document.valid_from + kHorizon;
  const LoadedRules loaded = load_rules(db, owner.id, document.valid_from, document.valid_until);
  document.filter = compile(loaded.rules);
  add_lists(db, owner.id, document);
  add_modes(db, loaded, document);
  document.version =
      db.query_one(
            kVersion, [](const db::Row& row) { return row.id("version"); }, owner.id, text_of(document))
          .value();
  return document;
}

std::vector<CallRule> FilterDocument::calls(const FilterEntry& entry) const {
  Filter alone{filter.modes, filter.sources, {entry}};
  alone.entries.front().standing.reset();
  alone.entries.front().mode.reset();
  return calls_of(alone, {}, valid_from);
}

}  // namespace whitebrick::availability

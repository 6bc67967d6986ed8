#pragma once
// M4: what each connected terminal has been told about the contacts that its profile wants to
// know, and telling it when that changes.
//
// Table contact_watch holds what was told. Who writes there holds the lock of the access
// session's row and reads the states after taking it, so that the last writer saw the last
// state. A snapshot may be older than a change whose watchers were read before the snapshot was
// committed; so whatever is told is compared once more, a second later, by the sweep.

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "db/pool.hpp"
#include "modules/availability/availability.hpp"
#include "modules/coordination/coordination.hpp"

namespace whitebrick::coordination {

// Internal event session.changed: who holds this number may have come or gone. Those who watch it
// from an access session with an id above `told_up_to` are told what they see differently.
void publish_session_changed(db::Session&, events::Events&, const std::string& number,
                             std::uint64_t told_up_to = 0);

class ContactStates {
 public:
  ContactStates(profiles::Profiles&, availability::Availability&, events::Events&, Wake&);

  // The present states of the contacts that these sessions of one user want to know, at most
  // check::kMaxItems. They count as told: the caller answers them. The rest follows as events.
  std::vector<WatchedContact> snapshot(db::Session&, std::uint64_t user_id,
                                       const std::vector<std::uint64_t>& sessions);

  // Tells those who watch the number and now see it differently.
  void tell_watchers(db::Session&, const std::string& number, std::uint64_t told_up_to = 0);
  // Tells the terminals of a user what he sees differently now, and of contacts he wants to know
  // since; forgets those he does not want any more. Some sessions in this transaction, those above
  // `done_up_to`; the rest follows by session.refresh.
  void refresh(db::Session&, std::uint64_t user_id, std::uint64_t done_up_to = 0);

  // One step of the sweep; answers whether there may be more.
  bool sweep(db::Session&);

 private:
  // An access session whose row is locked.
  struct Watcher {
    std::uint64_t id = 0, user_id = 0, profile_id = 0, subscription_id = 0, state_version = 0;
    std::string profile;
  };
  struct Told {
    std::uint64_t session_id = 0;
    std::string number;
    Reach reach;
  };
  struct Watch {
    Told told;          // what to tell now
    bool news = false;  // anything else than told before, or a new contact
  };
  using Watchers = std::map<std::uint64_t, Watcher>;
  using Numbers = std::map<std::uint64_t, std::vector<std::string>>;  // by session
  struct Compared {
    std::vector<Watch> watches;
    Numbers unwanted;
  };
  using Seen = std::map<std::pair<std::uint64_t, std::string>, Reach>;  // by user and number

  static Told read_told(const db::Row&);
  Watchers lock(db::Session&, const std::vector<std::uint64_t>& sessions);
  std::vector<Told> stored(db::Session&, const Watchers&);
  static std::vector<Told> differences(const Watchers&, const std::vector<Told>& before, const Seen&);
  Compared compare_wanted(db::Session&, std::uint64_t user_id, const Watchers&);
  Seen see(db::Session&, const Watchers&, const std::vector<Told>&);
  void store(db::Session&, const Watchers&, const std::vector<Told>&);
  void tell(db::Session&, const Watchers&, const std::vector<Told>&);
  void forget(db::Session&, std::uint64_t session, const std::vector<std::string>& numbers);
  bool forget_some(db::Session&, const Numbers&);
  void wake_after(db::Session&, const std::vector<std::uint64_t>& sessions);
  void mark_checked(db::Session&, const std::vector<Told>&);

  profiles::Profiles& profiles_;
  availability::Availability& availability_;
  events::Events& events_;
  Wake& wake_;
};

}  // namespace whitebrick::coordination

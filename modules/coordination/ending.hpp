#pragma once
// The end of sessions, in one place: a terminal takes its access sessions along, an access
// session its service sessions, and a service session those that are used by means of it. Each end
// is one deleted row and one session.ended, whoever and however many try; what ends together has one
// cause id. The watchers of the profile are told that it may be gone.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "db/session.hpp"
#include "modules/coordination/contents.hpp"
#include "modules/coordination/coordination.hpp"

namespace whitebrick::coordination {

class Ending {
 public:
  Ending(events::Events&, Contexts&, Wake&);

  // A terminal as its ending was decided on: with a later version it is left alone, because it
  // has been heard of meanwhile. Nothing when it is gone or changed.
  struct Judged {
    std::uint64_t id = 0, version = 0;
  };
  std::optional<Ended> terminal(db::Session&, const Judged&, Cause);
  std::optional<Ended> access_session(db::Session&, std::uint64_t id, Cause);
  // Nothing when it is over already.
  std::optional<Ended> service_session(db::Session&, std::uint64_t id, Cause);

 private:
  struct Session;
  struct Occasion;
  bool end(db::Session&, const Session&, const Occasion&, Ended&);
  bool end_service_session(db::Session&, std::uint64_t id, EndedSession told, Ended&);
  void tell(db::Session&, std::uint64_t profile_id, std::optional<std::uint64_t> service_id,
            const EndedSession&);

  events::Events& events_;
  Contexts& contexts_;
  Wake& wake_;
};

}  // namespace whitebrick::coordination

#pragma once
// The parts of Events::settle(), each in the file of its subject. True: there is more to do.

#include "modules/events/events.hpp"

namespace whitebrick::events {

bool settle_responses(Events&, db::Pool&);
// `recount`: what becomes of a type for those who hear of every transmitter.
using Recount = std::function<void(db::Session&, std::uint64_t service_id, const std::string& type,
                                   const std::string& cause)>;
bool settle_notices(Events&, db::Pool&, const Recount& recount);

}  // namespace whitebrick::events

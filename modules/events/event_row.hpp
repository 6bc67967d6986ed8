#pragma once
// An event's own columns, as every SELECT of it names them: type, content, created_at, service_id and
// component of table event, service_name and provider of its service.

#include "db/session.hpp"
#include "modules/events/events.hpp"

namespace whitebrick::events {

// Without its id and what belongs to a delivery.
inline Event read_event(const db::Row& row) {
  Event event;
  event.type = row.text("type");
  event.content = row.bytes("content").value;
  event.published_at = row.time("created_at");
  event.transmitter = {row.id("service_id"), row.text_or_null("service_name").value_or(""),
                       row.text_or_null("provider").value_or(""), row.text_or_null("component").value_or("")};
  return event;
}

}  // namespace whitebrick::events

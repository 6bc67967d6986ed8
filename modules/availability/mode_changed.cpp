#include "modules/availability/mode_changed.hpp"

#include "server/xml_text.hpp"

namespace whitebrick::availability {

void publish_mode_changed(db::Session& db, events::Events& events, const profiles::ProfileKey& key) {
  const std::vector<XmlField> profile{{"userId", key.user}, {"profileId", key.profile}};
  events.publish(db, "availability",
                 {.type = "mode.changed",
                  .content = xml_text("ModeChanged", kCatalogueNamespace, {{"profile", profile}}),
                  .profiles = {key.id},
                  .wait_for_terminal = false,
                  .for_services = false});
}

}  // namespace whitebrick::availability

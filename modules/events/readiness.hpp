#pragma once
// Which of the queues that somebody waits for have a delivery that is ready?

#include "server/wait.hpp"

namespace whitebrick::events {

class QueueReadiness final : public Readiness {
 public:
  std::string kind() const override { return "queue"; }
  std::vector<WaitKey> ready(db::Session&, const std::vector<WaitKey>& keys) override;
};

}  // namespace whitebrick::events

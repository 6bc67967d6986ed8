#pragma once
// Of which access sessions that somebody waits for have contact states changed just now?

#include "server/wait.hpp"

namespace whitebrick::coordination {

class StatesReadiness final : public Readiness {
 public:
  std::string kind() const override { return "states"; }
  std::vector<WaitKey> ready(db::Session&, const std::vector<WaitKey>& keys) override;
};

}  // namespace whitebrick::coordination

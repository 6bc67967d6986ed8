#pragma once
// Contents of urgent.message and urgent.receipt (wsdl/events.xsd). Pure.

#include <cstddef>
#include <optional>
#include <string>

namespace whitebrick::coordination {

// Speech is not part of it: GetUrgent answers that.
struct UrgentNews {
  std::string id;
  std::string sender;                            // number
  std::optional<std::string> display_name = {};  // of the sender
  std::optional<std::string> text = {};
  std::optional<std::string> voice_type = {};
  std::optional<std::size_t> voice_bytes = {};
  int repeat = 0;  // 0: for the first time
};
std::string urgent_message_content(const UrgentNews&);

struct UrgentReceipt {
  std::string id;
  std::string contact;  // whom it was sent to
  std::string status;   // STORED, NOTIFIED, READ
  std::optional<std::string> terminal;
};
std::string urgent_receipt_content(const UrgentReceipt&);

}  // namespace whitebrick::coordination

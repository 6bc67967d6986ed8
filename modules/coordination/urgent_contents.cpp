#include "modules/coordination/urgent_contents.hpp"

#include <vector>

#include "server/xml_text.hpp"

namespace whitebrick::coordination {

std::string urgent_message_content(const UrgentNews& news) {
  std::vector<XmlField> fields{{"urgentId", news.id}, {"sender", news.sender}};
  if (news.display_name) fields.emplace_back("displayName", *news.display_name);
  if (news.text) fields.emplace_back("text", *news.text);
  if (news.voice_type) fields.emplace_back("voiceType", *news.voice_type);
  if (news.voice_bytes) fields.emplace_back("voiceBytes", std::to_string(*news.voice_bytes));
  fields.emplace_back("repeat", std::to_string(news.repeat));
  return xml_text("UrgentMessage", kCatalogueNamespace, fields);
}

std::string urgent_receipt_content(const UrgentReceipt& receipt) {
  std::vector<XmlField> fields{
      {"urgentId", receipt.id}, {"contact", receipt.contact}, {"status", receipt.status}};
  if (receipt.terminal) fields.emplace_back("terminalId", *receipt.terminal);
  return xml_text("UrgentReceipt", kCatalogueNamespace, fields);
}

}  // namespace whitebrick::coordination

#pragma once
// The message of a push (wsdl/notify.wsdl), and what an answer to it means. Pure.

#include <span>
#include <string>

#include "modules/events/events.hpp"

namespace whitebrick::events {

// A SOAP 1.1 envelope with these events (at least one) for the subscription of that name. Its
// wsa:MessageID names the first event: a receiver knows a repetition by it, or by the eventIds.
std::string notify_message(const std::string& endpoint, const std::string& subscription,
                           std::span<const Event>);

// Value of the header X-Whitebrick-Signature: "t=<Unix seconds>,sha256=<hex>", an HMAC-SHA256
// with the secret over "<Unix seconds>.<body>".
std::string push_signature(const std::string& secret, Time now, const std::string& body);

enum class PushReply {
  kAccepted,  // 2xx without a SOAP fault
  kRefused,   // a SOAP fault: the subscriber has read the message and does not want it
  kNoAnswer,  // anything else: nobody there who implements the contract
};
PushReply read_reply(long http_status, const std::string& body);

}  // namespace whitebrick::events

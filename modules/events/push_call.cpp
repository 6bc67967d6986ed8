#include "modules/events/push_call.hpp"

#include <curl/curl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace whitebrick::events {
namespace {

namespace ip = boost::asio::ip;

struct ListDeleter {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using List = std::unique_ptr<curl_slist, ListDeleter>;

void append(List& list, const std::string& text) {
  curl_slist* longer = curl_slist_append(list.get(), text.c_str());
  if (longer == nullptr) throw std::bad_alloc();
  (void)list.release();
  list.reset(longer);
}

std::string in_url(const ip::address& address) {
  return address.is_v6() ? '[' + address.to_string() + ']' : address.to_string();
}

ip::address address_of(const sockaddr& from) {
  if (from.sa_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &from, sizeof v4);
    return ip::address_v4(ntohl(v4.sin_addr.s_addr));
  }
  sockaddr_in6 v6{};
  std::memcpy(&v6, &from, sizeof v6);
  ip::address_v6::bytes_type bytes{};
  std::memcpy(bytes.data(), &v6.sin6_addr, bytes.size());
  return ip::address_v6(bytes, v6.sin6_scope_id);
}

struct Incoming {
  std::string text;
  std::size_t limit;
  bool too_long = false;
};

std::size_t take(char* data, std::size_t size, std::size_t count, void* to) {
  auto& incoming = *static_cast<Incoming*>(to);
  if (incoming.text.size() + size * count > incoming.limit) {
    incoming.too_long = true;
    return 0;
  }
  incoming.text.append(data, size * count);
  return size * count;
}

// The headers count, too.
std::size_t skip(char*, std::size_t size, std::size_t count, void* to) {
  auto& left = *static_cast<std::size_t*>(to);
  if (size * count > left) return 0;
  left -= size * count;
  return size * count;
}

// The last word before a socket is made: only what the guard has found.
curl_socket_t open_socket(void* found, curlsocktype purpose, curl_sockaddr* to) {
  const auto& destination = *static_cast<const Destination*>(found);
  const bool is_address = to->family == AF_INET || to->family == AF_INET6;
  if (purpose != CURLSOCKTYPE_IPCXN || !is_address) return CURL_SOCKET_BAD;
  const ip::address address = address_of(to->addr);
  const auto& allowed = destination.addresses;
  if (std::find(allowed.begin(), allowed.end(), address) == allowed.end()) return CURL_SOCKET_BAD;
  return ::socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
}

}  // namespace

struct PushCall::State {
  const EgressRules& rules;
  HostLookup& lookup;
  const PushLimits limits;
  const std::string certificates;
  CURL* curl = nullptr;

  template <class Value>
  void set(CURLoption option, Value value) {
    if (curl_easy_setopt(curl, option, value) != CURLE_OK)
      throw std::runtime_error("libcurl lacks an option");
  }

  void restrict() {
    set(CURLOPT_PROTOCOLS_STR, rules.http_allowed() ? "http,https" : "https");
    set(CURLOPT_FOLLOWLOCATION, 0L);
    set(CURLOPT_PROXY, "");
    set(CURLOPT_NOPROXY, "*");
    set(CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
    set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(limits.connect.count()));
    set(CURLOPT_TIMEOUT_MS, static_cast<long>(limits.total.count()));
    set(CURLOPT_SSL_VERIFYPEER, 1L);
    set(CURLOPT_SSL_VERIFYHOST, 2L);
    if (!certificates.empty()) set(CURLOPT_CAINFO, certificates.c_str());
    set(CURLOPT_USERAGENT, "Whitebrick");
    set(CURLOPT_OPENSOCKETFUNCTION, open_socket);
    set(CURLOPT_WRITEFUNCTION, take);
    set(CURLOPT_HEADERFUNCTION, skip);
  }

  // Connects to one of the addresses found, under the host's own name.
  List pin(const Destination& to) {
    std::string text = to.parts.host + ':' + std::to_string(to.parts.port) + ':';
    for (std::size_t i = 0; i < to.addresses.size(); ++i)
      text += (i == 0 ? "" : ",") + in_url(to.addresses[i]);
    List list;
    append(list, text);
    return list;
  }
};

PushCall::PushCall(const EgressRules& rules, HostLookup& lookup, PushLimits limits, std::string certificates)
    : state_(new State{rules, lookup, limits, std::move(certificates)}) {
  state_->curl = curl_easy_init();
  if (state_->curl == nullptr) throw std::runtime_error("libcurl does not start");
}

PushCall::~PushCall() { curl_easy_cleanup(state_->curl); }

PushAnswer PushCall::post(const std::string& endpoint, const std::string& body,
                          const std::string& signature) {
  State& state = *state_;
  Destination to;
  try {
    to = find_destination(state.rules, state.lookup, endpoint, state.limits.connect);
  } catch (const EgressRefused& refused) {
    return {PushReply::kNoAnswer, refused.what()};
  }
  List headers;
  append(headers, "Content-Type: text/xml; charset=utf-8");
  append(headers, "SOAPAction: \"urn:whitebrick:notify:1/Notify\"");
  append(headers, "Expect:");
  if (!signature.empty()) append(headers, "X-Whitebrick-Signature: " + signature);
  const List pinned = state.pin(to);
  Incoming incoming{{}, state.limits.answer};
  std::size_t header_space = state.limits.answer;

  curl_easy_reset(state.curl);  // keeps the connections
  state.restrict();
  if (!to.parts.literal) state.set(CURLOPT_RESOLVE, pinned.get());
  state.set(CURLOPT_OPENSOCKETDATA, &to);
  state.set(CURLOPT_WRITEDATA, &incoming);
  state.set(CURLOPT_HEADERDATA, &header_space);
  state.set(CURLOPT_URL, endpoint.c_str());
  state.set(CURLOPT_HTTPHEADER, headers.get());
  state.set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
  state.set(CURLOPT_POSTFIELDS, body.c_str());
  const CURLcode code = curl_easy_perform(state.curl);
  if (incoming.too_long) return {PushReply::kNoAnswer, "The answer is too long."};
  if (code != CURLE_OK) return {PushReply::kNoAnswer, curl_easy_strerror(code)};
  long status = 0;
  curl_easy_getinfo(state.curl, CURLINFO_RESPONSE_CODE, &status);
  const PushReply reply = read_reply(status, incoming.text);
  if (reply == PushReply::kAccepted) return {reply, {}};
  return {reply, "HTTP status " + std::to_string(status) +
                     (reply == PushReply::kRefused ? " with a SOAP fault." : ".")};
}

}  // namespace whitebrick::events

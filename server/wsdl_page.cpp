#include "server/wsdl_page.hpp"

#include "server/soap_fault.hpp"

namespace whitebrick {
namespace {

constexpr std::string_view kPlaceholder = "http://localhost:8080/";  // soap:address in wsdl/*.wsdl

std::string replace_address(std::string_view text, const std::string& base) {
  std::string out;
  const std::string quoted = "location=\"" + std::string(kPlaceholder);
  std::size_t from = 0;
  for (std::size_t at; (at = text.find(quoted, from)) != std::string_view::npos; from = at + quoted.size()) {
    out.append(text.substr(from, at - from)).append("location=\"").append(escape_xml(base)).append("/");
  }
  return out.append(text.substr(from));
}

// "events" of /events?wsdl or /events.wsdl; "common.xsd" of /common.xsd.
std::string file_of(const HttpRequest& request) {
  const std::string name = request.path.substr(request.path.empty() ? 0 : 1);
  if (name.find('/') != std::string::npos) return {};
  if (name.ends_with(".xsd") || name.ends_with(".wsdl")) return name;
  const std::string& q = request.query;
  const bool asks = q == "wsdl" || q == "WSDL" || q.starts_with("wsdl=") || q.starts_with("wsdl&");
  return asks ? name + ".wsdl" : std::string();
}

}  // namespace

std::string base_url(const HttpRequest& request, const std::string& public_url) {
  if (!public_url.empty())
    return public_url.ends_with('/') ? public_url.substr(0, public_url.size() - 1) : public_url;
  const std::string& forwarded = request.header("x-forwarded-host");
  const std::string& host = forwarded.empty() ? request.header("host") : forwarded;
  return (request.tls ? "https://" : "http://") + (host.empty() ? std::string("localhost") : host) +
         request.header("x-forwarded-prefix");
}

std::optional<HttpResponse> contract_page(const HttpRequest& request, const std::string& public_url) {
  const std::string name = file_of(request);
  const auto text = contract_file(name);
  if (!text) return std::nullopt;
  HttpResponse response;
  response.content_type = "text/xml; charset=utf-8";
  response.body = replace_address(*text, base_url(request, public_url));
  return response;
}

}  // namespace whitebrick

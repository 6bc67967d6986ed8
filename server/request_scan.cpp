#include "server/request_scan.hpp"

#include <expat.h>
#include <strings.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <random>
#include <utility>

#include "server/tag_scan.hpp"

namespace whitebrick {

namespace {

constexpr char kSeparator = '\n';  // between namespace and local name; Expat refuses it inside a namespace
constexpr std::string_view kSoap11 = "http://schemas.xmlsoap.org/soap/envelope/";
constexpr std::string_view kSoap12 = "http://www.w3.org/2003/05/soap-envelope";

struct Name {
  std::string_view space;
  std::string_view local;
};

Name split(const char* expanded) {
  const std::string_view name(expanded);
  const std::size_t at = name.rfind(kSeparator);
  if (at == std::string_view::npos) return {{}, name};
  return {name.substr(0, at), name.substr(at + 1)};
}

bool is_blank(std::string_view text) { return text.find_first_not_of(" \t\r\n") == std::string_view::npos; }

struct Free {
  void operator()(XML_Parser parser) const { XML_ParserFree(parser); }
};
using Parser = std::unique_ptr<XML_ParserStruct, Free>;

// One parser per thread, put back to its beginning for each request: making one takes as long as parsing
// a common request, and a system call for its salt. What has grown large is not kept.
constexpr std::size_t kKept = 64 * 1024;  // bytes of a request

class LentParser {
 public:
  explicit LentParser(std::size_t size) : keep_(size <= kKept) {
    thread_local Parser spare;
    thread_local const unsigned long salt = std::random_device{}() | 1U;
    spare_ = &spare;
    parser_ = std::move(spare);
    if (!parser_ || XML_ParserReset(parser_.get(), "UTF-8") != XML_TRUE)
      parser_.reset(XML_ParserCreateNS("UTF-8", kSeparator));
    if (!parser_) throw Fault(FaultCode::INTERNAL, "no XML parser");
    XML_SetHashSalt(parser_.get(), salt);
  }
  ~LentParser() {
    if (keep_) *spare_ = std::move(parser_);
  }
  LentParser(const LentParser&) = delete;
  LentParser& operator=(const LentParser&) = delete;
  XML_Parser get() const { return parser_.get(); }

 private:
  const bool keep_;
  Parser* spare_;
  Parser parser_;
};

// What the callbacks share. They are called from C: a refusal is kept, the parser
// stopped, and the fault thrown behind XML_Parse.
class Scan {
 public:
  Scan(const ScanLimits& limits, std::size_t size) : limits_(limits), parser_(size) {
    XML_Parser parser = parser_.get();
    XML_SetUserData(parser, this);
    XML_SetElementHandler(parser, on_start, on_end);
    XML_SetCharacterDataHandler(parser, on_text);
    XML_SetNamespaceDeclHandler(parser, on_namespace, nullptr);
    XML_SetXmlDeclHandler(parser, on_declaration);
    XML_SetStartDoctypeDeclHandler(parser, on_doctype);
    XML_SetProcessingInstructionHandler(parser, on_instruction);
  }

  Scanned run(std::string_view body) {
    size_ = body.size();
    // In one piece: Expat reads an unfinished token again with each piece it is given.
    const auto status = XML_Parse(parser_.get(), body.data(), static_cast<int>(body.size()), XML_TRUE);
    if (refused_) throw Fault(code_, why_);
    if (status != XML_STATUS_OK) {
      throw Fault(FaultCode::MALFORMED_REQUEST, "not well-formed XML, line " +
                                                    std::to_string(XML_GetCurrentLineNumber(parser_.get())) +
                                                    ": " + XML_ErrorString(XML_GetErrorCode(parser_.get())));
    }
    if (!body_seen_) throw Fault(FaultCode::MALFORMED_REQUEST, "the envelope has no Body");
    if (!operation_seen_) throw Fault(FaultCode::MALFORMED_REQUEST, "the Body is empty");
    return found_;
  }

 private:
  static Scan& of(void* data) { return *static_cast<Scan*>(data); }

  static void XMLCALL on_start(void* data, const XML_Char* name, const XML_Char** attributes) {
    of(data).start(name, attributes);
  }
  static void XMLCALL on_end(void* data, const XML_Char*) { of(data).end(); }
  static void XMLCALL on_text(void* data, const XML_Char* text, int length) {
    of(data).text({text, static_cast<std::size_t>(length)});
  }
  static void XMLCALL on_namespace(void* data, const XML_Char* prefix, const XML_Char* uri) {
    of(data).declare(prefix, uri);
  }
  static void XMLCALL on_declaration(void* data, const XML_Char*, const XML_Char* encoding, int) {
    if (encoding && strcasecmp(encoding, "UTF-8") != 0) of(data).malformed("the encoding must be UTF-8");
  }
  static void XMLCALL on_doctype(void* data, const XML_Char*, const XML_Char*, const XML_Char*, int) {
    of(data).malformed("a DOCTYPE is not allowed");
  }
  static void XMLCALL on_instruction(void* data, const XML_Char*, const XML_Char*) {
    of(data).malformed("a processing instruction is not allowed");
  }

  void refuse(FaultCode code, const char* why) {
    if (refused_) return;
    refused_ = true;
    code_ = code;
    why_ = why;
    XML_StopParser(parser_.get(), XML_FALSE);
  }
  void malformed(const char* why) { refuse(FaultCode::MALFORMED_REQUEST, why); }
  void exceeded(const char* why) { refuse(FaultCode::LIMIT_EXCEEDED, why); }

  void start(const char* expanded, const char** attributes) {
    if (refused_) return;
    if (++depth_ > limits_.depth) return exceeded("elements are nested too deeply");
    if (++elements_ > limits_.elements) return exceeded("too many elements");
    text_ = 0;
    const Name name = split(expanded);
    if (name.local.size() > limits_.name) return exceeded("a name is too long");
    int count = declared_;
    declared_ = 0;
    for (; *attributes; attributes += 2) {
      if (++count > limits_.attributes) return exceeded("too many attributes on one element");
      if (split(attributes[0]).local.size() > limits_.name) return exceeded("a name is too long");
      if (std::strlen(attributes[1]) > limits_.text) return exceeded("an attribute is too long");
    }
    if (count > limits_.attributes) return exceeded("too many attributes on one element");
    if (depth_ == 1) envelope(name);
    if (depth_ == 2) part(name);
    if (depth_ == 3 && body_seen_) operation(name);
  }

  void envelope(const Name& name) {
    if (name.local != "Envelope") return malformed("the root element is not a SOAP Envelope");
    if (name.space == kSoap11) {
      found_.soap_version = 1;
    } else if (name.space == kSoap12) {
      found_.soap_version = 2;
    } else {
      return malformed("the Envelope's namespace is neither SOAP 1.1 nor SOAP 1.2");
    }
  }

  void part(const Name& name) {
    const bool ours = name.space == (found_.soap_version == 1 ? kSoap11 : kSoap12);
    if (body_seen_) return malformed("nothing may follow the Body");
    if (ours && name.local == "Body") {
      body_seen_ = true;
    } else if (ours && name.local == "Header" && !header_seen_) {
      header_seen_ = true;
    } else {
      malformed("an Envelope holds one Header at most, then one Body");
    }
  }

  void operation(const Name& name) {
    if (operation_seen_) return malformed("the Body holds more than one element");
    operation_seen_ = true;
    if (name.local == limits_.large_operation) {
      longest_text_ = limits_.large_text;
    } else if (!limits_.large_operation.empty() && size_ > limits_.body) {
      return exceeded("the request is too large");
    }
    found_.body_namespace = name.space;
    found_.body_element = name.local;
  }

  void end() {
    --depth_;
    text_ = 0;
  }

  void text(std::string_view piece) {
    if (refused_) return;
    text_ += piece.size();
    if (text_ > longest_text_) return exceeded("a text is too long");
    if (depth_ <= 2 && !is_blank(piece)) malformed("text outside of the Body's element");
  }

  void declare(const char* prefix, const char* uri) {
    if (refused_) return;
    if (++declared_ > limits_.attributes) return exceeded("too many attributes on one element");
    if (prefix && std::strlen(prefix) > limits_.name) return exceeded("a name is too long");
    if (uri && std::strlen(uri) > limits_.text) exceeded("an attribute is too long");
  }

  const ScanLimits limits_;
  const LentParser parser_;
  Scanned found_;
  int depth_ = 0;
  int elements_ = 0;
  int declared_ = 0;      // namespaces of the element that comes next
  std::size_t text_ = 0;  // bytes since the last tag
  std::size_t longest_text_ = limits_.text;
  std::size_t size_ = 0;  // of the whole request
  bool header_seen_ = false;
  bool body_seen_ = false;
  bool operation_seen_ = false;
  bool refused_ = false;
  FaultCode code_ = FaultCode::MALFORMED_REQUEST;
  const char* why_ = "";
};

}  // namespace

Scanned scan_request(std::string_view body, const ScanLimits& limits) {
  // Expat would switch to UTF-16 on these, whatever encoding it was told.
  const bool utf16 = !body.empty() && (body[0] == '\xFE' || body[0] == '\xFF');
  if (utf16 || body.find('\0') != std::string_view::npos) {
    throw Fault(FaultCode::MALFORMED_REQUEST, "the encoding must be UTF-8");
  }
  if (has_attribute_flood(body, static_cast<std::size_t>(limits.attributes))) {
    throw Fault(FaultCode::LIMIT_EXCEEDED, "too many attributes on one element");
  }
  return Scan(limits, body.size()).run(body);
}

}  // namespace whitebrick

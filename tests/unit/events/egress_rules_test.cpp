#include "modules/events/egress_rules.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

namespace whitebrick::events {
namespace {

using Strings = std::vector<std::string>;

bool may(const std::string& url, const EgressRules& rules = EgressRules({}, {"*"}, true)) {
  return !rules.refusal(url).has_value();
}

bool is_public(const std::string& address) {
  return !special_range(boost::asio::ip::make_address(address)).has_value();
}

TEST(EgressRules, PublicEndpointsAreReached) {
  for (const char* url : {"https://crm.example.com/notify", "https://crm.example.com:8443/a/b?c=d",
                          "https://8.8.8.8/", "HTTPS://EXAMPLE.COM", "https://[2606:4700::1111]/x",
                          "http://example.com/notify", "https://xn--mnchen-3ya.example/"}) {
    EXPECT_TRUE(may(url)) << url;
  }
}

TEST(EgressRules, NoSpecialAddressIsReachedInAnySpelling) {
  for (const char* url : {"https://127.0.0.1/",
                          "https://127.1/",
                          "https://127.0.1/",
                          "https://2130706433/",
                          "https://0x7f000001/",
                          "https://0x7f.0.0.1/",
                          "https://017700000001/",
                          "https://0177.0.0.1/",
                          "https://127.000.000.001/",
                          "https://0/",
                          "https://0.0.0.0/",
                          "https://10.0.0.1/",
                          "https://10.255.255.255/",
                          "https://172.16.0.1/",
                          "https://172.31.255.254/",
                          "https://192.168.0.1/",
                          "https://3232235521/",
                          "https://169.254.169.254/latest/meta-data/",
                          "https://0xA9FEA9FE/",
                          "https://2852039166/",
                          "https://100.64.0.1/",
                          "https://100.127.255.255/",
                          "https://192.0.0.8/",
                          "https://192.0.2.1/",
                          "https://198.18.0.1/",
                          "https://198.51.100.1/",
                          "https://203.0.113.1/",
                          "https://224.0.0.1/",
                          "https://239.255.255.250/",
                          "https://240.0.0.1/",
                          "https://255.255.255.255/",
                          "https://[::1]/",
                          "https://[::]/",
                          "https://[0:0:0:0:0:0:0:1]/",
                          "https://[::ffff:127.0.0.1]/",
                          "https://[::ffff:7f00:1]/",
                          "https://[::ffff:10.0.0.1]/",
                          "https://[::127.0.0.1]/",
                          "https://[64:ff9b::7f00:1]/",
                          "https://[64:ff9b:1::1]/",
                          "https://[2002:7f00:1::]/",
                          "https://[2001:0:7f00:1::]/",
                          "https://[2001:db8::1]/",
                          "https://[fc00::1]/",
                          "https://[fd12:3456::1]/",
                          "https://[fe80::1]/",
                          "https://[fe80::1%25eth0]/",
                          "https://[fec0::1]/",
                          "https://[ff02::1]/",
                          "https://[4000::1]/"}) {
    EXPECT_FALSE(may(url)) << url;
  }
}

TEST(EgressRules, AnAddressIsWrittenAsEverybodyWritesIt) {
  for (const char* url :
       {"https://134744072/", "https://0x08080808/", "https://8.8.2056/", "https://010.010.010.010/"}) {
    EXPECT_FALSE(may(url)) << url;
  }
}

TEST(EgressRules, NamesOfThisMachineAndItsNetworkAreRefused) {
  for (const char* url :
       {"https://localhost/", "https://LOCALHOST/", "https://localhost./", "https://a.localhost/",
        "https://printer.local/", "https://metadata.google.internal/", "https://intranet/"}) {
    EXPECT_FALSE(may(url)) << url;
  }
}

TEST(EgressRules, WhatIsNoPlainUrlIsRefused) {
  for (const char* url : {"",
                          "example.com",
                          "//example.com/",
                          "https://",
                          "https:///x",
                          "https://example.com:0/",
                          "https://example.com:65536/",
                          "https://user@example.com/",
                          "https://user:pw@example.com/",
                          "https://example.com@127.0.0.1/",
                          "https://127.0.0.1#@example.com/",
                          "https://example.com/#x",
                          "https://exa mple.com/",
                          "https://example.com/\r\nHost: x",
                          "https://example.com\\@127.0.0.1/",
                          "https://ex\u00e4mple.com/",
                          "https://example\u3002com/",
                          "https://\u2460\u2461\u2466.0.0.1/",
                          "file:///etc/passwd",
                          "gopher://example.com/",
                          "ftp://example.com/",
                          "dict://example.com/",
                          "jar:https://example.com!/",
                          "javascript:alert(1)",
                          "https://[::1/",
                          "https://[example.com]/"}) {
    EXPECT_FALSE(may(url)) << url;
  }
}

TEST(EgressRules, HttpAndOtherPortsAreTheAdministratorsChoice) {
  const EgressRules strict;
  EXPECT_TRUE(may("https://example.com/", strict));
  EXPECT_TRUE(may("https://example.com:443/", strict));
  EXPECT_FALSE(may("http://example.com/", strict));
  EXPECT_FALSE(may("http://example.com:443/", strict));
  EXPECT_FALSE(may("https://example.com:22/", strict));
  const EgressRules wide({}, {"80", "8443"}, true);
  EXPECT_TRUE(may("http://example.com/", wide));
  EXPECT_TRUE(may("https://example.com:8443/", wide));
  EXPECT_FALSE(may("https://example.com/", wide));
}

TEST(EgressRules, ExceptionsOpenWhatTheyNameAndNoMore) {
  const EgressRules rules(
      {"127.0.0.1", "10.1.0.0/16", "fd00:1::/32", "crm", ".corp.example", "Legacy.Example"}, {"*"}, true);
  for (const char* url :
       {"https://127.0.0.1:8080/", "http://2130706433/", "https://10.1.255.1/", "https://[fd00:1::5]/",
        "https://[::ffff:10.1.2.3]/", "https://crm/", "https://a.b.corp.example/"}) {
    EXPECT_TRUE(may(url, rules)) << url;
  }
  for (const char* url : {"https://127.0.0.2/", "https://10.2.0.1/", "https://[fd00:2::5]/", "https://crm2/",
                          "https://localhost/", "https://169.254.169.254/"}) {
    EXPECT_FALSE(may(url, rules)) << url;
  }
  const auto loopback = boost::asio::ip::make_address("127.0.0.1");
  const auto inner = boost::asio::ip::make_address("10.9.9.9");
  EXPECT_TRUE(rules.allows("anything.example", loopback));
  EXPECT_FALSE(rules.allows("anything.example", inner));
  EXPECT_TRUE(rules.allows("legacy.example", inner));
  EXPECT_TRUE(rules.allows("x.corp.example", inner));
  EXPECT_FALSE(rules.allows("xcorp.example", inner));
}

TEST(EgressRules, MistakesOfTheAdministratorAreNamed) {
  for (const char* item : {"10.0.0.0/33", "10.0.0.0/x", "10.0.0/8", "fd00::/129", "a b", "host/8", ""}) {
    EXPECT_THROW(EgressRules({item}), std::invalid_argument) << item;
  }
  for (const char* port : {"0", "65536", "-1", "https", "80-90", ""}) {
    EXPECT_THROW(EgressRules({}, {port}), std::invalid_argument) << port;
  }
}

TEST(SpecialRanges, BordersAreExact) {
  for (const char* address :
       {"9.255.255.255",   "11.0.0.0",     "100.63.255.255",  "100.128.0.0", "126.255.255.255", "128.0.0.0",
        "169.253.255.255", "169.255.0.0",  "172.15.255.255",  "172.32.0.0",  "192.167.255.255", "192.169.0.0",
        "198.17.255.255",  "198.20.0.0",   "223.255.255.255", "1.0.0.0",     "2001:200::1",     "2000::1",
        "2003::1",         "3ffe:ffff::1", "::ffff:8.8.8.8"}) {
    EXPECT_TRUE(is_public(address)) << address;
  }
  for (const char* address : {"10.0.0.0", "100.64.0.0", "127.255.255.255", "172.31.255.255", "198.19.255.255",
                              "2001:1ff::1", "2002::", "3fff::1", "fdff::1", "febf::1", "::2", "1fff::1"}) {
    EXPECT_FALSE(is_public(address)) << address;
  }
}

}  // namespace
}  // namespace whitebrick::events

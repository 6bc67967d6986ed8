#include <gtest/gtest.h>

#include "modules/profiles/profiles.hpp"
#include "server/fault.hpp"

namespace whitebrick::profiles {
namespace {

struct Form {
  std::string given, stored;
};

TEST(Number, HasOneStoredForm) {
  for (const auto& [given, stored] : std::vector<Form>{
           {"+33123456789", "tel:+33123456789"},
           {"+33 1 23 45 67 89", "tel:+33123456789"},
           {"+33 (0)1 23-45.67 89", "tel:+33123456789"},
           {"+330123456789", "tel:+33123456789"},
           {"+1 (650) 253-0000", "tel:+16502530000"},
           {"+39 06 1234 5678", "tel:+390612345678"},
           {"tel:+33123456789", "tel:+33123456789"},
           {"TEL:+33-1-23-45-67-89", "tel:+33123456789"},
           {"tel:+33123456789;cic=+1-6789", "tel:+33123456789"},
           {"tel:+33100000001", "tel:+33100000001"},
           {"sip:alice@example.org", "sip:alice@example.org"},
           {"SIP:Alice@Example.ORG", "sip:Alice@example.org"},
           {"sip:alice@example.org.", "sip:alice@example.org"},
           {"sip:alice@example.org:5070;transport=tcp?subject=x", "sip:alice@example.org:5070"},
           {"sips:alice@example.org;maddr=10.0.0.1", "sips:alice@example.org"},
           {"sip:%61lice%20b%3a@example.org", "sip:alice%20b%3A@example.org"},
           {"sip:a&b=c@example.org", "sip:a&b=c@example.org"},
           {"sip:+33123456789@192.0.2.7", "sip:+33123456789@192.0.2.7"},
           {"sip:alice@[2001:DB8::0001]:5061", "sip:alice@[2001:db8::1]:5061"},
       }) {
    EXPECT_EQ(normalise_number(given, "contact"), stored) << given;
    EXPECT_EQ(normalise_number(stored, "contact"), stored) << "its stored form is not stable";
    EXPECT_EQ(normalise_number(given, "contact"), stored) << given << " the second time";
  }
}

TEST(Number, RefusesWhatIsNone) {
  for (const std::string given : {"",
                                  " ",
                                  "+",
                                  "0123456789",
                                  "00331234567",
                                  "+999123456789",
                                  "+33",
                                  "+331234567890123456",
                                  "++33123456789",
                                  "+33 1 23 45 67 89 hello",
                                  "call +33123456789",
                                  "+33FLOWERS12",
                                  "+33123456789;ext=3",
                                  " +33123456789",
                                  "+33123456789 ",
                                  "+33\n123456789",
                                  "tel:0123456789",
                                  "tel:+33123456789;ext=12",
                                  "tel:+33123456789;ISUB=1",
                                  "tel:1234;phone-context=+33",
                                  "tel: +33123456789",
                                  "tel:+33%20123456789",
                                  "tel:",
                                  "tel",
                                  "sip:",
                                  "sip:alice",
                                  "sip:@example.org",
                                  "sip:alice@",
                                  "sip:alice:secret@example.org",
                                  "sip:al ice@example.org",
                                  "sip:alice@exam ple.org",
                                  "sip:alice@-example.org",
                                  "sip:alice@example..org",
                                  "sip:alice@example.org:0",
                                  "sip:alice@example.org:70000",
                                  "sip:alice@example.org:",
                                  "sip:alice@example.org:50a",
                                  "sip:alice@999.1.1.1",
                                  "sip:alice@192.0.2",
                                  "sip:alice@[::g]",
                                  "sip:alice@[::1",
                                  "sip:a%0ab@example.org",
                                  "sip:a%zz@example.org",
                                  "sip:a%4@example.org",
                                  "sip:\xC3\xA9@example.org",
                                  "sip:alice@ex\xC3\xA9.org",
                                  "sip:a\"b@example.org",
                                  "sip:a<b@example.org",
                                  "sip:alice@bob@example.org",
                                  "http://example.org",
                                  "mailto:alice@example.org",
                                  "alice@example.org",
                                  "xtel:+33123456789"}) {
    try {
      ADD_FAILURE() << "taken: '" << given << "' as " << normalise_number(given, "contact");
    } catch (const Fault& fault) {
      EXPECT_EQ(fault.code(), FaultCode::INVALID_ARGUMENT) << given;
      EXPECT_EQ(fault.field(), "contact") << given;
    }
  }
}

TEST(Number, RefusesWhatIsTooLong) {
  const std::string user(240, 'a');
  EXPECT_EQ(normalise_number("sip:" + user + "@example.org", "wanted").size(), 256u);
  try {
    normalise_number("sip:" + user + "a@example.org", "wanted");
    ADD_FAILURE() << "257 characters were taken";
  } catch (const Fault& fault) {
    EXPECT_EQ(fault.code(), FaultCode::LIMIT_EXCEEDED);
    EXPECT_EQ(fault.field(), "wanted");
  }
}

TEST(Number, TellsSchemesApart) {
  EXPECT_NE(normalise_number("sip:alice@example.org", "contact"),
            normalise_number("sips:alice@example.org", "contact"));
}

TEST(ChangeContent, IsReadAsItWasWritten) {
  const Change plain{.profile_id = 12, .former_number = {}};
  EXPECT_EQ(read_change(change_content(plain)).profile_id, 12u);
  EXPECT_EQ(read_change(change_content(plain)).former_number, std::nullopt);
  const Change moved{.profile_id = 1844674407370955161u, .former_number = "sip:a&amp;b&&c'@example.org"};
  const Change read = read_change(change_content(moved));
  EXPECT_EQ(read.profile_id, moved.profile_id);
  EXPECT_EQ(read.former_number, moved.former_number);
  EXPECT_THROW(read_change("<other/>"), std::runtime_error);
  EXPECT_THROW(read_change("<profile>12x</profile>"), std::runtime_error);
}

TEST(DemandedVersion, MustBeTheStoredOne) {
  EXPECT_NO_THROW(demand_version(std::nullopt, std::nullopt, "the user"));
  EXPECT_NO_THROW(demand_version(7, std::nullopt, "the user"));
  EXPECT_NO_THROW(demand_version(7, 7, "the user"));
  for (const auto& stored : {std::optional<std::uint64_t>(8), std::optional<std::uint64_t>()}) {
    try {
      demand_version(stored, 7, "the user");
      ADD_FAILURE() << "taken";
    } catch (const Fault& fault) {
      EXPECT_EQ(fault.code(), FaultCode::STALE_VERSION);
      EXPECT_EQ(fault.field(), "ifVersion");
      EXPECT_EQ(fault.message().find('8') != std::string::npos, stored.has_value()) << fault.message();
    }
  }
}

}  // namespace
}  // namespace whitebrick::profiles

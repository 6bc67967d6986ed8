#include "server/xml_text.hpp"

#include <gtest/gtest.h>

namespace whitebrick {
namespace {

TEST(XmlText, WritesFieldsInOrder) {
  EXPECT_EQ(xml_text("Gone", "urn:x:1", {{"type", "a.b"}, {"count", "2"}}),
            "<Gone xmlns=\"urn:x:1\"><type>a.b</type><count>2</count></Gone>");
}

TEST(XmlText, NestsElements) {
  EXPECT_EQ(xml_text("S", "u", {{"service", std::vector<XmlField>{{"name", "n"}, {"provider", "p"}}}}),
            "<S xmlns=\"u\"><service><name>n</name><provider>p</provider></service></S>");
}

TEST(XmlText, NoValueGetsOutOfItsElement) {
  EXPECT_EQ(xml_text("A", "u", {{"b", "<x a=\"1\">&]]>\r\n"}}),
            "<A xmlns=\"u\"><b>&lt;x a=&quot;1&quot;&gt;&amp;]]&gt;&#13;\n</b></A>");
  EXPECT_EQ(xml_escaped(std::string("a\0b\x1f", 4)),
            "a\xEF\xBF\xBD"
            "b\xEF\xBF\xBD");
}

}  // namespace
}  // namespace whitebrick

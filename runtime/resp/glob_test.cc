#include "runtime/resp/glob.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace shredder::resp {
namespace {

TEST(GlobTest, Table) {
  const struct {
    std::string_view pattern;
    std::string_view text;
    bool match;
  } cases[] = {
      {"", "", true},
      {"", "a", false},
      {"*", "", true},
      {"*", "anything", true},
      {"**", "a", true},
      {"a", "a", true},
      {"a", "b", false},
      {"a", "ab", false},
      {"ab", "a", false},
      {"?", "a", true},
      {"?", "", false},
      {"h?llo", "hello", true},
      {"h?llo", "hllo", false},
      {"h*llo", "hllo", true},
      {"h*llo", "heeeello", true},
      {"h*llo", "heeeellx", false},
      {"*a*b*", "xxaxxbxx", true},
      {"*a*b", "xxbxxa", false},
      {"*ab", "aab", true},
      {"a*a", "a", false},
      {"[abc]", "b", true},
      {"[abc]", "d", false},
      {"[abc]", "", false},
      {"h[ae]llo", "hallo", true},
      {"h[ae]llo", "hillo", false},
      {"h[^e]llo", "hallo", true},
      {"h[^e]llo", "hello", false},
      {"[a-c]x", "bx", true},
      {"[a-c]x", "dx", false},
      {"[c-a]x", "bx", true},
      {"[a-cx-z]", "y", true},
      {"[^a-c]", "b", false},
      {"[a-]", "-", false},  // a range that ends in the bracket
      {"[a-]", "^", true},
      {"[\\]]", "]", true},
      {"[\\-a]", "-", true},
      {"[]", "a", false},
      {"[^]", "a", true},
      {"[abc", "a", true},
      {"[abc", "d", false},
      {"[", "a", false},
      {"\\*", "*", true},
      {"\\*", "a", false},
      {"\\a", "a", true},
      {"\\", "\\", true},
      {"a\\", "a\\", true},
      {"\\\\", "\\", true},
      {"\xc3?", "\xc3\xa9", true},
      {"[\x80-\xff]", "\xc3", true},
      {std::string_view("a\0b", 3), std::string_view("a\0b", 3), true},
      {std::string_view("a\0b", 3), std::string_view("a\0c", 3), false},
  };
  for (const auto& test : cases) {
    EXPECT_EQ(GlobMatch(test.pattern, test.text), test.match)
        << "'" << test.pattern << "' '" << test.text << "'";
  }
}

TEST(GlobTest, CaseIsIgnoredOnlyWhereAsked) {
  EXPECT_FALSE(GlobMatch("Save", "sAVE"));
  EXPECT_TRUE(GlobMatch("Save", "sAVE", true));
  EXPECT_TRUE(GlobMatch("[A-C]?x*", "bYXz", true));
  EXPECT_FALSE(GlobMatch("[A-C]", "d", true));
}

TEST(GlobTest, NestedStarsDoNotBlowUp) {
  std::string pattern;
  for (int i = 0; i < 5'000; ++i) pattern += "a*";
  pattern += "b";
  const std::string text(20'000, 'a');
  // One that tried every way to share the text among the stars would not return.
  EXPECT_FALSE(GlobMatch(pattern, text));
}

}  // namespace
}  // namespace shredder::resp

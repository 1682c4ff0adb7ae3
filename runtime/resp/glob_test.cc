#include "runtime/resp/glob.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace shredder::resp {
namespace {

bool Matches(std::string_view pattern, std::string_view text, bool ignore_case = false) {
  return Glob::Compile(pattern, ignore_case)->Matches(text);
}

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
    EXPECT_EQ(Matches(test.pattern, test.text), test.match)
        << "'" << test.pattern << "' '" << test.text << "'";
  }
}

TEST(GlobTest, CaseIsIgnoredOnlyWhereAsked) {
  EXPECT_FALSE(Matches("Save", "sAVE"));
  EXPECT_TRUE(Matches("Save", "sAVE", true));
  EXPECT_TRUE(Matches("[A-C]?x*", "bYXz", true));
  EXPECT_FALSE(Matches("[A-C]", "d", true));
  EXPECT_FALSE(Matches("[^a]", "A", true));
}

TEST(GlobTest, NestedStarsDoNotBlowUp) {
  std::string pattern;
  for (int i = 0; i < 2'000; ++i) pattern += "a*";
  pattern += "b";
  const std::string text(20'000, 'a');
  // One that tried every way to share the text among the stars would not return.
  EXPECT_FALSE(Matches(pattern, text));
}

TEST(GlobTest, APatternThatIsTooLongIsNotTaken) {
  EXPECT_TRUE(Glob::Compile(std::string(Glob::kMaxPatternBytes, '*')));
  EXPECT_FALSE(Glob::Compile(std::string(Glob::kMaxPatternBytes + 1, '*')));
}

TEST(GlobTest, OfAnyPatternAByteOfTheTextTakesFewSteps) {
  const std::string class_of_many = "[" + std::string(4000, 'b') + "]";
  for (const std::string& pattern :
       {"*" + class_of_many + "zz", "*" + std::string(4000, 'a') + "b*", std::string(4096, '*'),
        "*" + std::string(64, '?') + "*", "*" + std::string(65, '?') + "*"}) {
    EXPECT_LE(Glob::Compile(pattern)->StepsFor("x"), 1 + 64u) << pattern.substr(0, 80);
  }
}

TEST(GlobTest, ALongPartIsFoundWhereAShortOneWouldBe) {
  for (const size_t length : {63, 64, 65, 127, 128, 129, 1000}) {
    // A near miss, the same again one byte later, and the part itself.
    const std::string part = std::string(length - 1, 'a') + "b";
    const std::string pattern = "x*" + std::string(length - 1, 'a') + "[bc]*y";
    EXPECT_TRUE(Matches(pattern, "x" + part + "y")) << length;
    EXPECT_TRUE(Matches(pattern, "xaa" + part + "ay")) << length;
    EXPECT_TRUE(Matches(pattern, "x" + std::string(length - 2, 'a') + "d" + part + "y")) << length;
    EXPECT_FALSE(Matches(pattern, "x" + std::string(3 * length, 'a') + "y")) << length;
    EXPECT_FALSE(Matches(pattern, "x" + part.substr(1) + "y")) << length;
    EXPECT_FALSE(Matches("x*" + part + "*" + part + "*y", "x" + part + "ay")) << length;
  }
}

// What a pattern means, tried in every way.
bool MatchesByDefinition(std::string_view pattern, std::string_view text) {
  if (pattern.empty()) return text.empty();
  if (pattern[0] == '*') {
    return MatchesByDefinition(pattern.substr(1), text) ||
           (!text.empty() && MatchesByDefinition(pattern, text.substr(1)));
  }
  return !text.empty() && (pattern[0] == '?' || pattern[0] == text[0]) &&
         MatchesByDefinition(pattern.substr(1), text.substr(1));
}

TEST(GlobTest, AgreesWithTheDefinition) {
  // All patterns of up to 5 of these, and all texts of up to 5 of the first two.
  constexpr std::string_view kBytes = "ab?*";
  const auto nth = [&](size_t n, size_t bytes) {
    std::string word;
    for (; n > 0; n = (n - 1) / bytes) word += kBytes[(n - 1) % bytes];
    return word;
  };
  for (size_t p = 0; p < 1365; ++p) {
    const std::string pattern = nth(p, 4);
    for (size_t t = 0; t < 63; ++t) {
      const std::string text = nth(t, 2);
      ASSERT_EQ(Matches(pattern, text), MatchesByDefinition(pattern, text))
          << "'" << pattern << "' '" << text << "'";
    }
  }
}

}  // namespace
}  // namespace shredder::resp

#include "runtime/resp/glob.h"

#include <algorithm>
#include <cstddef>

namespace shredder::resp {

namespace {

unsigned char Fold(char c, bool ignore_case) {
  if (ignore_case && c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return static_cast<unsigned char>(c);
}

// Matches `c` against the bracket expression whose '[' is at pattern[*at]; moves *at behind it. One
// that is not closed ends with the pattern.
bool MatchBracket(std::string_view pattern, size_t* at, char c, bool ignore_case) {
  const unsigned char wanted = Fold(c, ignore_case);
  size_t p = *at + 1;
  const bool negated = p < pattern.size() && pattern[p] == '^';
  if (negated) ++p;
  bool match = false;
  for (; p < pattern.size() && pattern[p] != ']'; ++p) {
    if (pattern[p] == '\\' && p + 1 < pattern.size()) {
      ++p;
      match |= Fold(pattern[p], ignore_case) == wanted;
    } else if (p + 2 < pattern.size() && pattern[p + 1] == '-') {
      const unsigned char first = Fold(pattern[p], ignore_case);
      const unsigned char last = Fold(pattern[p + 2], ignore_case);
      match |= wanted >= std::min(first, last) && wanted <= std::max(first, last);
      p += 2;
    } else {
      match |= Fold(pattern[p], ignore_case) == wanted;
    }
  }
  *at = std::min(p + 1, pattern.size());
  return match != negated;
}

// Matches `c` against the one element (not '*') at pattern[*at]; moves *at behind it.
bool MatchElement(std::string_view pattern, size_t* at, char c, bool ignore_case) {
  switch (pattern[*at]) {
    case '?':
      ++*at;
      return true;
    case '[':
      return MatchBracket(pattern, at, c, ignore_case);
    case '\\':
      if (*at + 1 < pattern.size()) ++*at;
      [[fallthrough]];
    default:
      return Fold(pattern[(*at)++], ignore_case) == Fold(c, ignore_case);
  }
}

}  // namespace

bool GlobMatch(std::string_view pattern, std::string_view text, bool ignore_case) {
  constexpr size_t kNone = static_cast<size_t>(-1);
  size_t p = 0;
  size_t t = 0;
  // Where the last '*' ends in the pattern, and how much of the text it has left to what follows.
  // An earlier '*' needs no second try: whatever it could give up, the last one can take.
  size_t star = kNone;
  size_t star_text = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = ++p;
      star_text = t;
    } else if (p < pattern.size() && MatchElement(pattern, &p, text[t], ignore_case)) {
      ++t;
    } else if (star != kNone) {
      p = star;
      t = ++star_text;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

}  // namespace shredder::resp

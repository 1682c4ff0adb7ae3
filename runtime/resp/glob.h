// Glob patterns of KEYS, SCAN MATCH, CONFIG GET, FUNCTION LIST and the like.
#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace shredder::resp {

// A pattern, made ready to be matched many times: * ? [abc] [^abc] [a-z] and \ before a literal
// byte, with the leniencies of Redis's stringmatchlen (util.c) for unclosed brackets and a trailing
// backslash.
//
// A match takes at most 64 steps, of a nanosecond or so, for each byte of the text: what stands
// between two stars is looked for once, from where the one before was found on, and where it is
// long, by the bits of words (R. Baeza-Yates and G. Gonnet, "A new approach to text searching",
// CACM 1992).
class Glob {
 public:
  // The bound on the above, and on what a pattern takes to be made ready.
  static constexpr size_t kMaxPatternBytes = 4096;

  // Nothing where the pattern is longer than that. With `ignore_case`, the case of ASCII letters
  // makes no difference.
  static std::optional<Glob> Compile(std::string_view pattern, bool ignore_case = false);

  // Whether the pattern matches all of the text, bytewise.
  bool Matches(std::string_view text) const;
  // About how many steps that has taken.
  size_t StepsFor(std::string_view text) const { return 1 + text.size() * steps_per_byte_; }

 private:
  using ByteSet = std::bitset<256>;
  // What one byte of the text is matched with: a byte, or the set of this number.
  struct Element {
    bool is_set;
    uint8_t byte;
    uint16_t set;
  };
  // What stands before the first star, between two, or after the last one.
  struct Part {
    size_t first;  // of elements_
    size_t count;
    // Of a long one that may be anywhere: `words()` words for each byte, whose bits are set for the
    // elements that match the byte. Empty for others.
    std::vector<uint64_t> masks;
    size_t words() const { return (count + 63) / 64; }
  };

  uint8_t Fold(char c) const;
  ByteSet ReadBracket(std::string_view pattern, size_t* at) const;
  void AddSet(const ByteSet& set);
  void MakeMasks(Part* part) const;
  bool MatchesElement(const Element& element, char c) const;
  bool MatchesAt(const Part& part, std::string_view text, size_t at) const;
  // Where the part, found at or after `from`, ends; nothing where it is not there.
  std::optional<size_t> EndOf(const Part& part, std::string_view text, size_t from) const;
  std::optional<size_t> EndOfLong(const Part& part, std::string_view text, size_t from) const;

  bool ignore_case_ = false;
  std::vector<Element> elements_;
  std::vector<ByteSet> sets_;
  std::vector<Part> parts_;  // one more than there are stars
  size_t steps_per_byte_ = 1;
};

}  // namespace shredder::resp

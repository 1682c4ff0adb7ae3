#include "runtime/resp/glob.h"

#include <algorithm>

namespace shredder::resp {

namespace {

// Longer parts are looked for by the bits of words.
constexpr size_t kMaxShortPart = 64;
constexpr size_t kByteValues = 256;

}  // namespace

uint8_t Glob::Fold(char c) const {
  if (ignore_case_ && c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return static_cast<uint8_t>(c);
}

// The bracket expression whose '[' is at pattern[*at]; moves *at behind it. One that is not closed
// ends with the pattern.
Glob::ByteSet Glob::ReadBracket(std::string_view pattern, size_t* at) const {
  size_t p = *at + 1;
  const bool negated = p < pattern.size() && pattern[p] == '^';
  if (negated) ++p;
  ByteSet folded;
  for (; p < pattern.size() && pattern[p] != ']'; ++p) {
    if (pattern[p] == '\\' && p + 1 < pattern.size()) {
      folded.set(Fold(pattern[++p]));
    } else if (p + 2 < pattern.size() && pattern[p + 1] == '-') {
      const auto [first, last] = std::minmax({Fold(pattern[p]), Fold(pattern[p + 2])});
      for (size_t byte = first; byte <= last; ++byte) folded.set(byte);
      p += 2;
    } else {
      folded.set(Fold(pattern[p]));
    }
  }
  *at = std::min(p + 1, pattern.size());
  ByteSet set;
  for (size_t byte = 0; byte < set.size(); ++byte) {
    set[byte] = folded[Fold(static_cast<char>(byte))] != negated;
  }
  return set;
}

std::optional<Glob> Glob::Compile(std::string_view pattern, bool ignore_case) {
  if (pattern.size() > kMaxPatternBytes) return std::nullopt;
  Glob glob;
  glob.ignore_case_ = ignore_case;
  size_t part = 0;
  const auto end_part = [&] {
    glob.parts_.push_back({part, glob.elements_.size() - part, {}});
    part = glob.elements_.size();
  };
  for (size_t at = 0; at < pattern.size();) {
    if (pattern[at] == '*') {
      // A star behind another one changes nothing.
      if (glob.parts_.empty() || glob.elements_.size() > part) end_part();
      ++at;
    } else if (pattern[at] == '?') {
      glob.AddSet(ByteSet().set());
      ++at;
    } else if (pattern[at] == '[') {
      glob.AddSet(glob.ReadBracket(pattern, &at));
    } else {
      if (pattern[at] == '\\' && at + 1 < pattern.size()) ++at;
      glob.elements_.push_back({.is_set = false, .byte = glob.Fold(pattern[at++]), .set = 0});
    }
  }
  end_part();
  for (size_t i = 1; i + 1 < glob.parts_.size(); ++i) {
    Part& between = glob.parts_[i];
    if (between.count > kMaxShortPart) glob.MakeMasks(&between);
    glob.steps_per_byte_ =
        std::max(glob.steps_per_byte_, between.masks.empty() ? between.count : between.words());
  }
  return glob;
}

void Glob::AddSet(const ByteSet& set) {
  elements_.push_back({.is_set = true, .byte = 0, .set = static_cast<uint16_t>(sets_.size())});
  sets_.push_back(set);
}

void Glob::MakeMasks(Part* part) const {
  part->masks.resize(kByteValues * part->words());
  for (size_t i = 0; i < part->count; ++i) {
    for (size_t byte = 0; byte < kByteValues; ++byte) {
      if (!MatchesElement(elements_[part->first + i], static_cast<char>(byte))) continue;
      part->masks[byte * part->words() + i / 64] |= uint64_t{1} << (i % 64);
    }
  }
}

bool Glob::MatchesElement(const Element& element, char c) const {
  return element.is_set ? sets_[element.set][static_cast<uint8_t>(c)] : element.byte == Fold(c);
}

bool Glob::MatchesAt(const Part& part, std::string_view text, size_t at) const {
  for (size_t i = 0; i < part.count; ++i) {
    if (!MatchesElement(elements_[part.first + i], text[at + i])) return false;
  }
  return true;
}

std::optional<size_t> Glob::EndOf(const Part& part, std::string_view text, size_t from) const {
  if (!part.masks.empty()) return EndOfLong(part, text, from);
  for (size_t at = from; at + part.count <= text.size(); ++at) {
    if (MatchesAt(part, text, at)) return at + part.count;
  }
  return std::nullopt;
}

// Bit i of `found` says that the elements up to the i-th match the bytes that end here.
std::optional<size_t> Glob::EndOfLong(const Part& part, std::string_view text, size_t from) const {
  const size_t words = part.words();
  std::vector<uint64_t> found(words);
  for (size_t at = from; at < text.size(); ++at) {
    const uint64_t* const mask = &part.masks[static_cast<uint8_t>(text[at]) * words];
    uint64_t carry = 1;
    for (size_t word = 0; word < words; ++word) {
      const uint64_t shifted = found[word] << 1 | carry;
      carry = found[word] >> 63;
      found[word] = shifted & mask[word];
    }
    if (found.back() >> ((part.count - 1) % 64) & 1) return at + 1;
  }
  return std::nullopt;
}

bool Glob::Matches(std::string_view text) const {
  const Part& first = parts_.front();
  const Part& last = parts_.back();
  if (parts_.size() == 1) return text.size() == first.count && MatchesAt(first, text, 0);
  if (text.size() < first.count + last.count || !MatchesAt(first, text, 0)) return false;
  const std::string_view before_last = text.substr(0, text.size() - last.count);
  // The first place where a part is found leaves the most to what follows.
  size_t at = first.count;
  for (size_t i = 1; i + 1 < parts_.size(); ++i) {
    const std::optional<size_t> end = EndOf(parts_[i], before_last, at);
    if (!end) return false;
    at = *end;
  }
  return MatchesAt(last, text, before_last.size());
}

}  // namespace shredder::resp

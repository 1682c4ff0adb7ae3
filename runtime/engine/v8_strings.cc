#include "runtime/engine/v8_strings.h"

#include <algorithm>
#include <cstring>
#include <vector>

namespace shredder::engine {

namespace {

// Appends a character in UTF-8.
void AppendCharacter(uint32_t character, std::string* bytes) {
  const auto append = [bytes](uint32_t byte) { bytes->push_back(static_cast<char>(byte)); };
  if (character < 0x80) return append(character);
  if (character < 0x800) {
    append(0xc0 | character >> 6);
  } else {
    if (character < 0x10000) {
      append(0xe0 | character >> 12);
    } else {
      append(0xf0 | character >> 18);
      append(0x80 | (character >> 12 & 0x3f));
    }
    append(0x80 | (character >> 6 & 0x3f));
  }
  append(0x80 | (character & 0x3f));
}

constexpr uint32_t kReplacement = 0xfffd;
bool IsLead(uint32_t unit) { return (unit & 0xfc00) == 0xd800; }
bool IsTrail(uint32_t unit) { return (unit & 0xfc00) == 0xdc00; }

// Without a branch a byte, so that it is done by vectors.
bool IsAscii(std::string_view bytes) {
  constexpr uint64_t kNonAsciiBits = 0x8080808080808080;
  uint64_t bits = 0;
  size_t at = 0;
  for (; at + sizeof bits <= bytes.size(); at += sizeof bits) {
    uint64_t word;
    std::memcpy(&word, bytes.data() + at, sizeof word);
    bits |= word;
  }
  for (; at < bytes.size(); ++at) bits |= static_cast<uint8_t>(bytes[at]);
  return (bits & kNonAsciiBits) == 0;
}

// A string that V8 holds as one byte a character: Latin-1.
void AppendOneByte(v8::Isolate* isolate, v8::Local<v8::String> string, std::string* bytes) {
  const size_t start = bytes->size();
  const auto length = static_cast<size_t>(string->Length());
  bytes->resize(start + length);
  string->WriteOneByte(isolate, reinterpret_cast<uint8_t*>(bytes->data() + start), 0,
                       static_cast<int>(length), v8::String::NO_NULL_TERMINATION);
  if (IsAscii(std::string_view(*bytes).substr(start))) return;
  const std::string latin1 = bytes->substr(start);
  bytes->resize(start);
  bytes->reserve(start + length + length / 2);
  for (const char c : latin1) AppendCharacter(static_cast<uint8_t>(c), bytes);
}

}  // namespace

void AppendUtf8(v8::Isolate* isolate, v8::Local<v8::String> string, std::string* bytes) {
  if (string->IsOneByte()) return AppendOneByte(isolate, string, bytes);
  constexpr int kPieceUnits = 1 << 16;
  std::vector<uint16_t> units(static_cast<size_t>(std::min(string->Length(), kPieceUnits)));
  uint32_t lead = 0;  // one whose trail may begin the next piece
  for (int at = 0; at < string->Length(); at += kPieceUnits) {
    const int count =
        string->Write(isolate, units.data(), at, static_cast<int>(units.size()),
                      v8::String::NO_NULL_TERMINATION | v8::String::HINT_MANY_WRITES_EXPECTED);
    for (int i = 0; i < count; ++i) {
      const uint32_t unit = units[static_cast<size_t>(i)];
      if (lead != 0 && IsTrail(unit)) {
        AppendCharacter(0x10000 + ((lead - 0xd800) << 10) + (unit - 0xdc00), bytes);
        lead = 0;
        continue;
      }
      if (lead != 0) AppendCharacter(kReplacement, bytes);
      lead = IsLead(unit) ? unit : 0;
      if (lead == 0) AppendCharacter(IsTrail(unit) ? kReplacement : unit, bytes);
    }
  }
  if (lead != 0) AppendCharacter(kReplacement, bytes);
}

std::string Utf8Prefix(v8::Isolate* isolate, v8::Local<v8::String> string, size_t max_units) {
  std::vector<uint16_t> units(std::min(static_cast<size_t>(string->Length()), max_units));
  string->Write(isolate, units.data(), 0, static_cast<int>(units.size()),
                v8::String::NO_NULL_TERMINATION);
  v8::Local<v8::String> prefix;
  if (!v8::String::NewFromTwoByte(isolate, units.data(), v8::NewStringType::kNormal,
                                  static_cast<int>(units.size()))
           .ToLocal(&prefix)) {
    return {};
  }
  return Utf8(isolate, prefix);
}

std::string OneLine(std::string_view text) {
  std::string line;
  line.reserve(text.size());
  bool in_break = false;
  for (const char c : text) {
    if (c == '\r' || c == '\n') {
      in_break = true;
      continue;
    }
    if (in_break && !line.empty()) line.push_back(' ');
    in_break = false;
    line.push_back(c);
  }
  return line;
}

}  // namespace shredder::engine

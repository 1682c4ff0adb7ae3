#include "runtime/engine/v8_strings.h"

#include <algorithm>
#include <vector>

namespace shredder::engine {

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

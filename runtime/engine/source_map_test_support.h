// Writes source maps for tests.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace shredder::engine {

inline constexpr std::string_view kBase64Digits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

inline std::string Base64(std::string_view bytes) {
  std::string text;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t bits = 0;
    for (size_t j = 0; j < 3; ++j) {
      bits = bits << 8 | (i + j < bytes.size() ? static_cast<uint8_t>(bytes[i + j]) : 0u);
    }
    for (size_t j = 0; j < 4; ++j) {
      text.push_back(i + j > bytes.size() ? '=' : kBase64Digits[bits >> (18 - 6 * j) & 63]);
    }
  }
  return text;
}

// The numbers as variable-length quantities.
inline std::string Vlq(std::initializer_list<int64_t> numbers) {
  std::string text;
  for (const int64_t number : numbers) {
    uint64_t rest = static_cast<uint64_t>(number < 0 ? -number : number) << 1 | (number < 0);
    do {
      const uint64_t digit = rest & 31;
      rest >>= 5;
      text.push_back(kBase64Digits[digit | (rest != 0 ? 32 : 0)]);
    } while (rest != 0);
  }
  return text;
}

// Generated column, source, line and column in the source, all from 0.
using SourceSegment = std::array<int64_t, 4>;

// The mappings of generated lines, each a list of segments.
inline std::string Mappings(const std::vector<std::vector<SourceSegment>>& lines) {
  std::string text;
  SourceSegment last{};
  for (size_t line = 0; line < lines.size(); ++line) {
    if (line > 0) text.push_back(';');
    last[0] = 0;
    for (size_t i = 0; i < lines[line].size(); ++i) {
      const SourceSegment& segment = lines[line][i];
      if (i > 0) text.push_back(',');
      text += Vlq(
          {segment[0] - last[0], segment[1] - last[1], segment[2] - last[2], segment[3] - last[3]});
      last = segment;
    }
  }
  return text;
}

inline std::string MapJson(const std::vector<std::string>& sources, const std::string& mappings) {
  std::string json = R"({"version":3,"sources":[)";
  for (size_t i = 0; i < sources.size(); ++i) json += (i > 0 ? ",\"" : "\"") + sources[i] + "\"";
  return json + R"(],"names":[],"mappings":")" + mappings + "\"}";
}

inline std::string WithSourceMap(const std::string& code, const std::string& json) {
  return code + "\n//# sourceMappingURL=data:application/json;base64," + Base64(json);
}

}  // namespace shredder::engine

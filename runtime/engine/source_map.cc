#include "runtime/engine/source_map.h"

#include <algorithm>
#include <array>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

namespace shredder::engine {

namespace {

constexpr std::string_view kMarker = "\n//# sourceMappingURL=data:application/json;";
// A map of more is taken for none: a library of the largest size has less.
constexpr size_t kMaxSources = 10'000;
constexpr size_t kMaxSegments = 500'000;
constexpr std::string_view kBase64 =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr std::array<int8_t, 256> MakeBase64Values() {
  std::array<int8_t, 256> values{};
  values.fill(-1);
  for (size_t i = 0; i < kBase64.size(); ++i) {
    values[static_cast<uint8_t>(kBase64[i])] = static_cast<int8_t>(i);
  }
  return values;
}
constexpr std::array<int8_t, 256> kBase64Values = MakeBase64Values();

std::optional<std::string> DecodeBase64(std::string_view text) {
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3);
  uint32_t bits = 0;
  int bit_count = 0;
  for (const char c : text) {
    if (c == '=') break;
    const int value = kBase64Values[static_cast<uint8_t>(c)];
    if (value < 0) return std::nullopt;
    bits = bits << 6 | static_cast<uint32_t>(value);
    bit_count += 6;
    if (bit_count >= 8) {
      bit_count -= 8;
      bytes.push_back(static_cast<char>(bits >> bit_count & 0xff));
    }
  }
  return bytes;
}

// Reads one variable-length quantity from the front of `*text`; empty at malformed or oversized
// input.
std::optional<int64_t> ReadVlq(std::string_view* text) {
  uint64_t value = 0;
  for (int shift = 0; shift <= 35; shift += 5) {
    if (text->empty()) return std::nullopt;
    const int digit = kBase64Values[static_cast<uint8_t>(text->front())];
    if (digit < 0) return std::nullopt;
    text->remove_prefix(1);
    value |= static_cast<uint64_t>(digit & 31) << shift;
    if ((digit & 32) == 0) {
      const auto magnitude = static_cast<int64_t>(value >> 1);
      return (value & 1) != 0 ? -magnitude : magnitude;
    }
  }
  return std::nullopt;
}

// Takes the fields that are needed out of a map's JSON, and stops at once where there is too much
// of them: of an array of what is not needed, nothing is made.
class MapReader {
 public:
  using Json = nlohmann::json;

  std::vector<std::string> sources;
  std::optional<std::string> mappings;
  bool has_sources = false;
  std::set<uint64_t> ignored;  // indices of sources

  bool null() { return Other(); }
  bool boolean(bool) { return Other(); }
  bool number_integer(Json::number_integer_t) { return Other(); }
  bool number_unsigned(Json::number_unsigned_t number) {
    if (depth_ == 2 && key_ == "ignoreList" && number < kMaxSources) ignored.insert(number);
    return Other();
  }
  bool number_float(Json::number_float_t, const std::string&) { return Other(); }
  bool binary(Json::binary_t&) { return Other(); }
  bool string(std::string& text) {
    if (IsInSources()) {
      sources.push_back(std::move(text));
      return sources.size() <= kMaxSources;
    }
    if (depth_ == 1 && key_ == "mappings") mappings = std::move(text);
    return depth_ > 0;
  }
  bool start_object(size_t) { return Enter(); }
  bool end_object() { return Leave(); }
  bool start_array(size_t) {
    if (depth_ == 1 && key_ == "sources") has_sources = true;
    return depth_ > 0 && Enter();
  }
  bool end_array() { return Leave(); }
  bool key(std::string& key) {
    if (depth_ == 1) key_ = std::move(key);
    return true;
  }
  bool parse_error(size_t, const std::string&, const Json::exception&) { return false; }

 private:
  bool IsInSources() const { return depth_ == 2 && has_sources && key_ == "sources"; }
  // What is no string takes its place among the sources, and the map itself is an object.
  bool Other() {
    if (IsInSources()) sources.emplace_back();
    return depth_ > 0 && sources.size() <= kMaxSources;
  }
  bool Enter() {
    if (IsInSources()) sources.emplace_back();
    ++depth_;
    return sources.size() <= kMaxSources;
  }
  bool Leave() {
    --depth_;
    return true;
  }

  int depth_ = 0;
  std::string key_;  // of the map itself
};

bool IsIndex(int64_t value) { return value >= 0 && value <= std::numeric_limits<int32_t>::max(); }

}  // namespace

std::optional<SourceMap> SourceMap::FromCode(std::string_view code) {
  const size_t marker = code.rfind(kMarker);
  if (marker == std::string_view::npos) return std::nullopt;
  std::string_view url = code.substr(marker + kMarker.size());
  url = url.substr(0, url.find_first_of("\r\n"));
  constexpr std::string_view kEncoding = "base64,";
  const size_t data = url.find(kEncoding);
  if (data == std::string_view::npos) return std::nullopt;
  const std::optional<std::string> text = DecodeBase64(url.substr(data + kEncoding.size()));
  if (!text) return std::nullopt;
  MapReader reader;
  if (!nlohmann::json::sax_parse(*text, &reader) || !reader.has_sources || !reader.mappings) {
    return std::nullopt;
  }
  SourceMap map;
  map.sources_ = std::move(reader.sources);
  map.ignored_.resize(map.sources_.size());
  for (const uint64_t index : reader.ignored) {
    if (index < map.ignored_.size()) map.ignored_[index] = true;
  }
  const std::string& mapping_text = *reader.mappings;
  // A map of more lines than the code has is no map of it, and would take memory for nothing.
  if (std::count(mapping_text.begin(), mapping_text.end(), ';') >
      std::count(code.begin(), code.end(), '\n') + 1) {
    return std::nullopt;
  }
  std::string_view rest = mapping_text;
  map.lines_.emplace_back();
  int64_t column = 0, source = 0, source_line = 0, source_column = 0;
  size_t segments = 0;
  while (!rest.empty()) {
    if (rest.front() == ';') {
      map.lines_.emplace_back();
      column = 0;
      rest.remove_prefix(1);
      continue;
    }
    if (rest.front() == ',') {
      rest.remove_prefix(1);
      continue;
    }
    if (++segments > kMaxSegments) return std::nullopt;
    // 1, 4 or 5 numbers, each relative to the last of its kind.
    int64_t fields[5] = {};
    int count = 0;
    while (!rest.empty() && rest.front() != ',' && rest.front() != ';') {
      const std::optional<int64_t> field = ReadVlq(&rest);
      if (!field || count == 5) return std::nullopt;
      fields[count++] = *field;
    }
    column += fields[0];
    if (!IsIndex(column) || count == 2 || count == 3) return std::nullopt;
    if (count == 1) {
      // Code that comes from no source.
      map.lines_.back().push_back({static_cast<uint32_t>(column), kNoSource, 0, 0});
      continue;
    }
    source += fields[1];
    source_line += fields[2];
    source_column += fields[3];
    if (!IsIndex(source) || source >= static_cast<int64_t>(map.sources_.size()) ||
        !IsIndex(source_line) || !IsIndex(source_column)) {
      return std::nullopt;
    }
    map.lines_.back().push_back({static_cast<uint32_t>(column), static_cast<uint32_t>(source),
                                 static_cast<uint32_t>(source_line),
                                 static_cast<uint32_t>(source_column)});
  }
  return map;
}

std::optional<SourcePosition> SourceMap::Find(uint32_t line, uint32_t column) const {
  if (line == 0 || column == 0 || line > lines_.size()) return std::nullopt;
  const std::vector<Segment>& segments = lines_[line - 1];
  // The last segment that starts at or before the column.
  auto next = std::upper_bound(segments.begin(), segments.end(), column - 1,
                               [](uint32_t value, const Segment& s) { return value < s.column; });
  if (next == segments.begin()) return std::nullopt;
  const Segment& segment = *--next;
  if (segment.source == kNoSource || sources_[segment.source].empty()) return std::nullopt;
  return SourcePosition{sources_[segment.source], segment.source_line + 1,
                        segment.source_column + 1, ignored_[segment.source]};
}

}  // namespace shredder::engine

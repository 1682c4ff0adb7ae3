// Source maps: positions at and between segments, several sources, and every kind of malformed map.
#include "runtime/engine/source_map.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "runtime/engine/source_map_test_support.h"

namespace shredder::engine {
namespace {

std::string Find(const std::optional<SourceMap>& map, uint32_t line, uint32_t column) {
  if (!map) return "no map";
  const std::optional<SourcePosition> position = map->Find(line, column);
  if (!position) return "none";
  return position->file + ":" + std::to_string(position->line) + ":" +
         std::to_string(position->column);
}

std::optional<SourceMap> FromMappings(const std::string& mappings) {
  // Code of as many lines as the map has.
  const auto line_breaks = std::count(mappings.begin(), mappings.end(), ';');
  return SourceMap::FromCode(
      WithSourceMap("code();" + std::string(static_cast<size_t>(line_breaks), '\n'),
                    MapJson({"a.ts", "b.ts", "c.ts"}, mappings)));
}

TEST(SourceMap, WritesKnownQuantities) {
  // The reference values of the format's own examples.
  EXPECT_EQ(Vlq({0, 0, 16, 1}), "AAgBC");
  EXPECT_EQ(Vlq({-1}), "D");
  EXPECT_EQ(Vlq({123456789}), "qxmvrH");
  EXPECT_EQ(Base64("Man"), "TWFu");
  EXPECT_EQ(Base64("Ma"), "TWE=");
}

TEST(SourceMap, FindsTheLastSegmentAtOrBeforeAColumn) {
  const auto map = FromMappings(Mappings({{{4, 0, 10, 2}, {9, 0, 11, 0}, {10, 0, 11, 30}}}));
  EXPECT_EQ(Find(map, 1, 1), "none");
  EXPECT_EQ(Find(map, 1, 4), "none");
  EXPECT_EQ(Find(map, 1, 5), "a.ts:11:3");
  EXPECT_EQ(Find(map, 1, 9), "a.ts:11:3");
  EXPECT_EQ(Find(map, 1, 10), "a.ts:12:1");
  EXPECT_EQ(Find(map, 1, 11), "a.ts:12:31");
  EXPECT_EQ(Find(map, 1, UINT32_MAX), "a.ts:12:31");
}

TEST(SourceMap, HasNoPositionOutsideOfItsLines) {
  const auto map = FromMappings(Mappings({{{0, 0, 0, 0}}}));
  EXPECT_EQ(Find(map, 1, 1), "a.ts:1:1");
  EXPECT_EQ(Find(map, 0, 1), "none");
  EXPECT_EQ(Find(map, 1, 0), "none");
  EXPECT_EQ(Find(map, 2, 1), "none");
  EXPECT_EQ(Find(map, UINT32_MAX, 1), "none");
}

TEST(SourceMap, IsRefusedWithMoreLinesThanTheCodeHas) {
  const auto from = [](const std::string& mappings) {
    return SourceMap::FromCode(WithSourceMap("one();\ntwo();", MapJson({"a.ts"}, mappings)));
  };
  EXPECT_EQ(Find(from("AAAA;AACA"), 2, 1), "a.ts:2:1");
  EXPECT_EQ(Find(from(std::string(1'000'000, ';')), 1, 1), "no map");
}

TEST(SourceMap, CarriesSourcesAndLinesOverGeneratedLines) {
  // Only the generated column starts anew at each line.
  const auto map = FromMappings(
      Mappings({{{0, 1, 7, 4}}, {}, {}, {{2, 2, 3, 0}, {6, 0, 100'000, 65'536}}, {{0, 1, 0, 9}}}));
  EXPECT_EQ(Find(map, 1, 1), "b.ts:8:5");
  EXPECT_EQ(Find(map, 2, 1), "none");
  EXPECT_EQ(Find(map, 3, 1), "none");
  EXPECT_EQ(Find(map, 4, 3), "c.ts:4:1");
  EXPECT_EQ(Find(map, 4, 8), "a.ts:100001:65537");
  EXPECT_EQ(Find(map, 5, 500), "b.ts:1:10");
}

TEST(SourceMap, ReadsNamesAndSegmentsWithoutASource) {
  // Column 0 names a symbol (a fifth number), column 5 says that the code from there on has no
  // source.
  const auto map = FromMappings("AAAAA,KACC;");
  EXPECT_EQ(Find(map, 1, 1), "a.ts:1:1");
  EXPECT_EQ(Find(map, 1, 6), "a.ts:2:2");
  const auto gap = FromMappings("AAAA,K,KACC");
  EXPECT_EQ(Find(gap, 1, 5), "a.ts:1:1");
  EXPECT_EQ(Find(gap, 1, 6), "none");
  EXPECT_EQ(Find(gap, 1, 10), "none");
  EXPECT_EQ(Find(gap, 1, 11), "a.ts:2:2");
}

TEST(SourceMap, TakesTheLargestPosition) {
  const auto map = FromMappings(Mappings({{{INT32_MAX, 2, INT32_MAX, INT32_MAX}}}));
  EXPECT_EQ(Find(map, 1, 2147483648u), "c.ts:2147483648:2147483648");
  EXPECT_EQ(Find(map, 1, 2147483647u), "none");
}

TEST(SourceMap, IsTheLastOfTheCode) {
  const std::string first = WithSourceMap("a", MapJson({"old.ts"}, "AAAA"));
  EXPECT_EQ(Find(SourceMap::FromCode(WithSourceMap(first, MapJson({"new.ts"}, "AAAA"))), 1, 1),
            "new.ts:1:1");
}

TEST(SourceMap, IsReadWhateverFollowsItsLine) {
  const std::string code = WithSourceMap("a", MapJson({"a.ts"}, "AAAA"));
  EXPECT_EQ(Find(SourceMap::FromCode(code + "\n"), 1, 1), "a.ts:1:1");
  EXPECT_EQ(Find(SourceMap::FromCode(code + "\r\n// end"), 1, 1), "a.ts:1:1");
}

TEST(SourceMap, MayHaveACharacterSet) {
  EXPECT_EQ(Find(SourceMap::FromCode(
                     "a\n//# sourceMappingURL=data:application/json;charset=utf-8;base64," +
                     Base64(MapJson({"a.ts"}, "AAAA"))),
                 1, 1),
            "a.ts:1:1");
}

TEST(SourceMap, IsEmptyWhereThereIsNone) {
  const std::string json = Base64(MapJson({"a.ts"}, "AAAA"));
  for (const std::string& code : {
           std::string(),
           std::string("code();"),
           std::string("code();\n//# sourceMappingURL=a.js.map"),
           // Not at the start of a line, or of another type, or not base64.
           "code(); //# sourceMappingURL=data:application/json;base64," + json,
           "code();\n//# sourceMappingURL=data:text/plain;base64," + json,
           std::string("code();\n//# sourceMappingURL=data:application/json;utf8,{}"),
           std::string("code();\n//# sourceMappingURL=data:application/json;"),
       }) {
    EXPECT_EQ(Find(SourceMap::FromCode(code), 1, 1), "no map") << code;
  }
}

TEST(SourceMap, IsEmptyWhereItsTextIsMalformed) {
  for (const std::string& json : {
           std::string(),
           std::string("{"),
           std::string("[]"),
           std::string("7"),
           std::string("null"),
           std::string("\"text\""),
           std::string("{}"),
           std::string(R"({"sources":["a.ts"]})"),
           std::string(R"({"mappings":"AAAA"})"),
           std::string(R"({"sources":"a.ts","mappings":"AAAA"})"),
           std::string(R"({"sources":["a.ts"],"mappings":7})"),
           std::string(R"({"sources":["a.ts"],"mappings":["AAAA"]})"),
           std::string(200'000, '['),
           std::string("{\"sources\":") + std::string(200'000, '['),
       }) {
    EXPECT_EQ(Find(SourceMap::FromCode(WithSourceMap("a", json)), 1, 1), "no map")
        << json.substr(0, 80);
  }
}

TEST(SourceMap, IsEmptyWhereItsBase64IsMalformed) {
  const std::string prefix = "a\n//# sourceMappingURL=data:application/json;base64,";
  std::string good = Base64(MapJson({"a.ts"}, "AAAA"));
  EXPECT_EQ(Find(SourceMap::FromCode(prefix + good), 1, 1), "a.ts:1:1");
  for (const char bad : {' ', '-', '_', '%', '\0', '\x80', '\xff', '\t', '='}) {
    std::string code = good;
    code[code.size() / 2] = bad;
    EXPECT_EQ(Find(SourceMap::FromCode(prefix + code), 1, 1), "no map") << static_cast<int>(bad);
  }
  // Every truncation: whatever is left of the object is no JSON.
  for (size_t size = 0; size + 4 < good.size(); ++size) {
    EXPECT_EQ(Find(SourceMap::FromCode(prefix + good.substr(0, size)), 1, 1), "no map") << size;
  }
}

TEST(SourceMap, IsEmptyWhereItsMappingsAreMalformed) {
  for (const std::string& mappings : {
           std::string("!"),
           std::string("AAA!"),
           std::string("AAAA,é"),
           std::string(" AAAA"),
           // A quantity that does not end, or has more bits than any position.
           std::string("g"),
           std::string("AAAg"),
           std::string("ggggggggggggggggA"),
           std::string("AAAA,AAA+/+/+/+/+/A"),
           // Two, three or more than five numbers.
           std::string("AA"),
           std::string("AAA"),
           std::string("AAAAAA"),
           std::string("AAAAAAAA"),
           // A column, source, line or column of the source below 0.
           std::string("D"),
           std::string("DAAA"),
           std::string("ADAA"),
           std::string("AADA"),
           std::string("AAAD"),
           std::string("AAAA,DAAA"),
           std::string("AAAA;AAAD"),
           // A source that is not in the list.
           Vlq({0, 3, 0, 0}),
           Vlq({0, 2, 0, 0}) + "," + Vlq({1, 1, 0, 0}),
           // Past the largest position.
           Vlq({int64_t{1} << 31, 0, 0, 0}),
           Vlq({0, 0, int64_t{1} << 31, 0}),
           Vlq({0, 0, 0, int64_t{1} << 31}),
           Vlq({0, 0, INT32_MAX, 0}) + "," + Vlq({0, 0, 1, 0}),
       }) {
    EXPECT_EQ(Find(FromMappings(mappings), 1, 1), "no map") << mappings;
  }
}

TEST(SourceMap, HasNothingToSayWhereItsMappingsAreEmpty) {
  for (const std::string& mappings : {std::string(), std::string(";;;"), std::string(",,,"),
                                      std::string(",;,;,"), std::string(100'000, ';')}) {
    EXPECT_EQ(Find(FromMappings(mappings), 1, 1), "none") << mappings.substr(0, 20);
  }
}

TEST(SourceMap, HasNoPositionInASourceWithoutAName) {
  const auto map = SourceMap::FromCode(
      WithSourceMap("a", R"({"sources":[null,"b.ts"],"mappings":"AAAA;ACAA"})"));
  EXPECT_EQ(Find(map, 1, 1), "none");
  EXPECT_EQ(Find(map, 2, 1), "b.ts:1:1");
}

}  // namespace
}  // namespace shredder::engine

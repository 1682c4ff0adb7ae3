// Positions in the bundled code of a library, traced back to the TypeScript that it was made from.
// Source maps, revision 3 (ECMA-426), as an inline `//#
// sourceMappingURL=data:application/json;base64,...` comment.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace shredder::engine {

struct SourcePosition {
  std::string file;
  uint32_t line = 0;    // from 1
  uint32_t column = 0;  // from 1
  // The map has the file in its `ignoreList`: it is not the author's own.
  bool ignored = false;
};

class SourceMap {
 public:
  // The map that `code` carries; empty where it carries none or one that is malformed.
  static std::optional<SourceMap> FromCode(std::string_view code);

  // Where the generated position (both from 1) comes from; empty where the map does not say.
  std::optional<SourcePosition> Find(uint32_t line, uint32_t column) const;

 private:
  static constexpr uint32_t kNoSource = UINT32_MAX;

  struct Segment {
    uint32_t column;         // generated, from 0
    uint32_t source;         // index in sources_, or kNoSource
    uint32_t source_line;    // from 0
    uint32_t source_column;  // from 0
  };

  std::vector<std::string> sources_;
  std::vector<bool> ignored_;  // as sources_
  std::vector<std::vector<Segment>> lines_;
};

}  // namespace shredder::engine

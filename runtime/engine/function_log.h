// What a tenant's functions have written to their console: the last lines, and where they come
// from. It outlives the tenant's JavaScript, and what a call that fails has written stays.
//
// Thread: the shard's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

namespace shredder::engine {

struct LogLine {
  uint64_t id;  // counts from 1
  uint64_t time_ms;
  std::string level;     // log, info, debug, warn, error
  std::string function;  // or the library that was being loaded
  std::string place;     // as errors have it; empty where there is none
  std::string text;
};

class FunctionLog {
 public:
  // What is older goes for what is newer.
  static constexpr size_t kMaxLines = 1000;
  static constexpr size_t kMaxBytes = 256 * 1024;
  // Of one line; longer ones are cut.
  static constexpr size_t kMaxTextBytes = 8 * 1024;

  // Of the lines from here on.
  void BeginRun(std::string_view function, uint64_t now_ms) {
    function_ = function;
    now_ms_ = now_ms;
  }
  void Add(std::string level, std::string place, std::string text);

  // The oldest first.
  const std::deque<LogLine>& lines() const { return lines_; }

 private:
  static size_t BytesOf(const LogLine& line) {
    return sizeof line + line.level.size() + line.function.size() + line.place.size() +
           line.text.size();
  }

  std::deque<LogLine> lines_;
  size_t bytes_ = 0;
  uint64_t last_id_ = 0;
  std::string function_;
  uint64_t now_ms_ = 0;
};

}  // namespace shredder::engine

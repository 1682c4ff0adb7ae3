// What a sandboxed shard logs, on its way into the server's log. Whoever has taken the shard over
// may write anything: a line stays one line, says whose it is, and there are only so many bytes a
// second.
//
// Thread: the supervisor's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace shredder::supervisor {

// The text with a '?' in the place of each byte that is no printable ASCII character.
std::string Printable(std::string_view text);

class LogRelay {
 public:
  using Write = std::function<void(std::string_view line)>;

  static constexpr size_t kMaxLineBytes = 1024;
  static constexpr uint64_t kMaxBytesPerSecond = 64 << 10;

  // Calls write for each line that is whole.
  void Take(std::string_view bytes, uint64_t now_ns, const Write& write);
  // For what there is of a last line, when the shard has ended.
  void Finish(uint64_t now_ns, const Write& write);

 private:
  void Put(std::string_view line, uint64_t now_ns, const Write& write);

  std::string rest_;  // the beginning of a line
  uint64_t second_ = 0;
  uint64_t bytes_of_second_ = 0;
  uint64_t lost_lines_ = 0;
};

}  // namespace shredder::supervisor

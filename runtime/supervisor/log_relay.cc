#include "runtime/supervisor/log_relay.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace shredder::supervisor {

std::string Printable(std::string_view text) {
  std::string printable(text);
  std::replace_if(
      printable.begin(), printable.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return printable;
}

void LogRelay::Take(std::string_view bytes, uint64_t now_ns, const Write& write) {
  while (!bytes.empty()) {
    const size_t end = bytes.find('\n');
    rest_.append(bytes.substr(0, std::min(end, kMaxLineBytes - rest_.size())));
    if (end == std::string_view::npos && rest_.size() < kMaxLineBytes) return;
    Put(rest_, now_ns, write);
    rest_.clear();
    // Of a line that is too long, the rest is lost, as far as it has arrived.
    bytes.remove_prefix(end == std::string_view::npos ? bytes.size() : end + 1);
  }
}

void LogRelay::Finish(uint64_t now_ns, const Write& write) {
  if (!rest_.empty()) Put(rest_, now_ns, write);
  rest_.clear();
}

void LogRelay::Put(std::string_view line, uint64_t now_ns, const Write& write) {
  if (line.empty()) return;
  const uint64_t second = now_ns / 1'000'000'000;
  if (second != second_) {
    second_ = second;
    bytes_of_second_ = 0;
    const uint64_t lost = std::exchange(lost_lines_, 0);
    if (lost > 0) write(fmt::format("{} lines more, too many for the log", lost));
  }
  if (bytes_of_second_ + line.size() > kMaxBytesPerSecond) {
    lost_lines_++;
    return;
  }
  bytes_of_second_ += line.size();
  write(Printable(line));
}

}  // namespace shredder::supervisor

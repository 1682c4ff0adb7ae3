#include "runtime/engine/function_log.h"

#include <utility>

namespace shredder::engine {

void FunctionLog::Add(std::string level, std::string place, std::string text) {
  if (text.size() > kMaxTextBytes) {
    size_t end = kMaxTextBytes;
    // Not inside a character's UTF-8 bytes.
    while ((text[end] & 0xc0) == 0x80) --end;
    text.resize(end);
    text += "...";
  }
  text.shrink_to_fit();
  lines_.push_back(
      {++last_id_, now_ms_, std::move(level), function_, std::move(place), std::move(text)});
  bytes_ += BytesOf(lines_.back());
  while (lines_.size() > kMaxLines || bytes_ > kMaxBytes) {
    bytes_ -= BytesOf(lines_.front());
    lines_.pop_front();
  }
}

}  // namespace shredder::engine

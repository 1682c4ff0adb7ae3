#include "runtime/net/lwip/packet_queue.h"

#include <algorithm>
#include <utility>

namespace shredder::net::lwip {

bool PacketQueue::Push(std::span<const uint8_t> bytes) {
  if (frames_.size() >= faults_.capacity) {
    counters_.refused++;
    return false;
  }
  counters_.sent++;
  if (Happens(faults_.lost)) {
    counters_.lost++;
    return true;
  }
  Frame frame(bytes.begin(), bytes.end());
  if (Happens(faults_.duplicated)) {
    counters_.duplicated++;
    Insert(frame);
  }
  if (!frame.empty() && Happens(faults_.truncated)) {
    counters_.truncated++;
    frame.resize(random_() % frame.size());
  }
  if (!frame.empty() && Happens(faults_.corrupted)) {
    counters_.corrupted++;
    frame[random_() % frame.size()] ^= static_cast<uint8_t>(1u << random_() % 8);
  }
  Insert(std::move(frame));
  return true;
}

std::optional<Frame> PacketQueue::Pop() {
  if (frames_.empty()) return std::nullopt;
  Frame frame = std::move(frames_.front());
  frames_.pop_front();
  counters_.received++;
  return frame;
}

void PacketQueue::Insert(Frame frame) {
  size_t ahead = 0;
  if (!frames_.empty() && Happens(faults_.reordered)) {
    counters_.reordered++;
    ahead = 1 + random_() % std::min(frames_.size(), std::max<size_t>(1, faults_.reorder_distance));
  }
  frames_.insert(frames_.end() - static_cast<std::ptrdiff_t>(ahead), std::move(frame));
}

}  // namespace shredder::net::lwip

// Ethernet frames from one end of a link to the other within a process, with seeded faults: a
// network for tests of what runs over one.
//
// A link is two queues, one a direction. Nothing here knows lwIP.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <random>
#include <span>
#include <vector>

namespace shredder::net::lwip {

using Frame = std::vector<uint8_t>;

// What happens to frames on the way; of a thousand each. Several may happen to one frame.
struct LinkFaults {
  uint32_t lost = 0;
  uint32_t duplicated = 0;
  uint32_t reordered = 0;  // overtaken by up to `reorder_distance` frames
  uint32_t truncated = 0;  // to any length
  uint32_t corrupted = 0;  // in one bit
  size_t reorder_distance = 8;
  // Frames that the queue holds, as a ring would; more are refused.
  size_t capacity = SIZE_MAX;
};

// What has become of the frames so far.
struct LinkCounters {
  uint64_t sent = 0;  // asked to be, refused ones apart
  uint64_t refused = 0;
  uint64_t lost = 0;
  uint64_t duplicated = 0;
  uint64_t reordered = 0;
  uint64_t truncated = 0;
  uint64_t corrupted = 0;
  uint64_t received = 0;
};

class PacketQueue {
 public:
  explicit PacketQueue(const LinkFaults& faults = {}, uint64_t seed = 1)
      : faults_(faults), random_(seed) {}

  // False where the queue is full, and nothing has happened. A frame that is lost was sent.
  bool Push(std::span<const uint8_t> frame);
  // The next frame that arrives; none while there is none.
  std::optional<Frame> Pop();

  bool empty() const { return frames_.empty(); }
  size_t size() const { return frames_.size(); }
  void Clear() { frames_.clear(); }
  const LinkCounters& counters() const { return counters_; }
  // From the next frame on.
  void SetFaults(const LinkFaults& faults) { faults_ = faults; }

 private:
  bool Happens(uint32_t per_mille) { return random_() % 1000 < per_mille; }
  void Insert(Frame frame);

  LinkFaults faults_;
  std::mt19937_64 random_;
  std::deque<Frame> frames_;
  LinkCounters counters_;
};

// Both directions between two ends.
struct PacketLink {
  explicit PacketLink(const LinkFaults& faults = {}, uint64_t seed = 1)
      : there(faults, seed), back(faults, seed + 1) {}
  PacketQueue there;
  PacketQueue back;
};

}  // namespace shredder::net::lwip

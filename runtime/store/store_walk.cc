// The operations of a store that walk its table in the order of the keys' hashes, a bounded piece
// at a call: Scan and ReapExpired. Their position is a hash, so neither splits nor merges nor moved
// slots make them lose a key.
#include <algorithm>
#include <array>
#include <cassert>
#include <charconv>

#include "runtime/store/store.h"
#include "runtime/store/transaction.h"

namespace shredder::store {

using layout::kMaxSegmentSlots;
using layout::Slot;

namespace {

// A position is the top 48 bits of a hash; segments' bounds are always whole positions.
constexpr int kPositionBits = 48;
constexpr int kPositionShift = 64 - kPositionBits;
constexpr uint64_t kEndPosition = 1ull << kPositionBits;
static_assert(layout::kMaxGlobalDepth <= kPositionBits);
static_assert(kMaxSegmentSlots <= 1ull << kPositionShift, "a slot's index fits below a position");

// Segments looked at in one call, however sparse: about a millisecond.
constexpr uint64_t kMinScanSegments = 64;
constexpr uint64_t kScanKeysPerSegment = 64;

// Slots that ReapExpired looks at in the time of Pauses::kRounds removals.
constexpr uint64_t kVisitsPerRounds = 1024;

struct Found {
  uint64_t position;
  uint64_t slot;
};

}  // namespace

std::string_view Store::KeyName(uint64_t key_word, uint64_t value_word, DigitBuffer* digits) const {
  if ((key_word & layout::kIntegerKeyTag) == 0) return KeyIn(header_, value_word);
  const auto end =
      std::to_chars(digits->begin(), digits->end(), key_word >> layout::kIntegerKeyShift);
  return {digits->data(), static_cast<size_t>(end.ptr - digits->data())};
}

uint64_t Store::Scan(uint64_t cursor, uint64_t count,
                     const std::function<void(std::string_view key)>& visit) const {
  count = std::clamp<uint64_t>(count, 1, kMaxScanCount);
  uint64_t segments_left = kMinScanSegments + count / kScanKeysPerSegment;
  std::array<Found, kMaxSegmentSlots> found;
  while (cursor < kEndPosition && count > 0 && segments_left > 0) {
    segments_left--;
    const Table::Segment segment = table_.SegmentOf(cursor << kPositionShift);
    uint64_t found_count = 0;
    for (uint64_t i = 0; i < segment.slot_count(); i++) {
      const Slot& slot = segment.slots[i];
      if (slot.key_word == layout::kEmptyKeyWord || IsExpired(header_, slot.value_word)) continue;
      const uint64_t position = HashOfKeyWord(*header_, slot.key_word) >> kPositionShift;
      if (position >= cursor) found[found_count++] = {position, i};
    }
    // The cursor moves to the end of a range of hashes all of whose keys have been visited.
    uint64_t next = (segment.last_hash >> kPositionShift) + 1;
    if (found_count > count) {
      const auto last_wanted = found.begin() + static_cast<ptrdiff_t>(count - 1);
      std::nth_element(found.begin(), last_wanted,
                       found.begin() + static_cast<ptrdiff_t>(found_count),
                       [](const Found& a, const Found& b) { return a.position < b.position; });
      next = last_wanted->position + 1;
    }
    for (uint64_t i = 0; i < found_count; i++) {
      if (found[i].position >= next) continue;
      const Slot& slot = segment.slots[found[i].slot];
      DigitBuffer digits;
      visit(KeyName(slot.key_word, slot.value_word, &digits));
      if (count > 0) count--;
    }
    cursor = next;
  }
  return cursor < kEndPosition ? cursor : 0;
}

uint64_t Store::ReapExpired(uint64_t max_visited, uint64_t max_removed) {
  RequireWritable();
  assert(!in_transaction());
  Transaction transaction(this);
  TableState* state = arena_.table_state();
  // Once all the way round at most; a slot is looked at again after a removal.
  uint64_t visits_left = std::min(
      max_visited, (state->segment_count + 1) * kMaxSegmentSlots + header_->expiring_key_count);
  uint64_t removed = 0;
  while (visits_left > 0 && removed < max_removed && header_->expiring_key_count > 0) {
    const uint64_t position = state->reap_cursor >> kPositionShift;
    const Table::Segment segment = table_.SegmentOf(position << kPositionShift);
    uint64_t i = state->reap_cursor & ((1ull << kPositionShift) - 1);
    while (i < segment.slot_count() && visits_left > 0 && removed < max_removed) {
      if (--visits_left % kVisitsPerRounds == 0) arena_.pauses().Add(Pauses::kRounds);
      Slot* slot = segment.slots + i;
      if (slot->key_word == layout::kEmptyKeyWord || !IsExpired(header_, slot->value_word)) {
        i++;
        continue;
      }
      // A later slot may move into this one: look here again.
      RemoveSlot(segment.first_hash, slot);
      arena_.pauses().AddRound(removed++);
    }
    if (i < segment.slot_count()) {
      state->reap_cursor = (position << kPositionShift) | i;
    } else {
      // Past the last segment this wraps around to the first.
      state->reap_cursor = ((segment.last_hash >> kPositionShift) + 1) << kPositionShift;
    }
  }
  transaction.Commit();
  return removed;
}

}  // namespace shredder::store

// Values that are received into their entries, before these are in the table.
#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>
#include <string_view>

#include "runtime/store/store_writes.h"

namespace shredder::store {

using layout::Slot;

std::shared_ptr<ReservedValue> Store::ReserveValue(const Key& key, uint64_t size) {
  if (size < kMinPinnedBytes || size > layout::kMaxValueBytes || in_transaction() ||
      in_invocation_ || read_only_scopes_ != 0) {
    return nullptr;
  }
  if (arena_.has_idle_blocks()) arena_.FreeIdle();
  const uint64_t key_length = key.bytes().size();
  const uint64_t bytes = EntryBytes(key_length, size) + layout::kExpiryWordBytes;
  const uint64_t reserved = arena_.reserved_bytes();
  const uint64_t used = used_bytes() - reserved;
  // What is only announced leaves room for what is written meanwhile.
  if (used > quota_bytes() || reserved + Arena::RoundedBytes(bytes) > (quota_bytes() - used) / 2) {
    return nullptr;
  }
  const uint64_t block = arena_.AllocateReserved(bytes);
  if (block == 0) return nullptr;
  const uint64_t word = MakeValueWord(block, true, size);
  const char* const value = WriteEntryBeforeValue(word, key, layout::kNeverExpires);
  return std::make_shared<ReservedValue>(
      arena_.PinReserved(block, static_cast<uint64_t>(value - arena_.base()), size));
}

WriteStatus Store::SetReserved(const Key& key, ReservedValue* value, Expiry expiry) {
  const std::string_view text = value->received();
  const std::optional<uint64_t> block = arena_.ReservedBlockOf(*value->pin_);
  if (!block || in_transaction() || !IsEntryOf(*block, key)) return Set(key, text, expiry);
  const Implicit transaction(this);
  const WriteStatus status = WithRoom(
      [&](const Key& k, std::string_view) {
        return PutReserved(k, MakeValueWord(*block, true, text.size()), expiry);
      },
      key, {});
  if (status == WriteStatus::kOk) value->pin_.reset();
  return status;
}

// The entry becomes the key's; or, where that is refused, its block stays a reserved one.
WriteStatus Store::PutReserved(const Key& key, uint64_t value_word, Expiry expiry) {
  if (!undo_log_.Reserve()) return WriteStatus::kOutOfMemory;
  const uint64_t hash = HashOf(*header_, key);
  Slot* const slot = const_cast<Slot*>(FindSlot(header_, key, hash));
  *arena_.At<uint64_t>(EntryOffset(value_word) + layout::kEntryExpiresAtOffset) =
      ExpiryOfNewEntry(slot, expiry);
  layout::MayEndHere();
  arena_.EndReservation(EntryOffset(value_word));
  if (Link(key, hash, slot, value_word)) return WriteStatus::kOk;
  arena_.Reserve(EntryOffset(value_word));
  undo_log_.Pop();
  return WriteStatus::kOutOfMemory;
}

bool Store::IsEntryOf(uint64_t block, const Key& key) const {
  const auto* const entry = arena_.At<layout::EntryHeader>(block);
  const std::string_view bytes = key.bytes();
  const char* const value = arena_.base() + block +
                            layout::ValueOffsetInEntry(MakeValueWord(block, true, 0), bytes.size());
  return entry->key_length == bytes.size() &&
         std::memcmp(value - layout::PaddedKeyBytes(bytes.size()), bytes.data(), bytes.size()) == 0;
}

}  // namespace shredder::store

// How an arena gets other memory or more of it. Chunks keep their offsets, and with them all that
// refers to their blocks; the chunk table and the undo log move behind the last one.
#include <algorithm>
#include <cassert>
#include <cstring>
#include <utility>

#include "runtime/store/arena.h"

namespace shredder::store {

bool Arena::CopyToOwn(Memory* copy, std::string* error) {
  const ArenaState* s = state();
  assert(layout::JournalCount(header()) == 0 && s->discard_pending == 0);
  const uint64_t chunk_count = std::max<uint64_t>(s->chunk_count, ChunksFor(quota_bytes()));
  const Places from = PlacesFor(s->chunk_count);
  const Places to = PlacesFor(chunk_count);
  Memory memory;
  if (!memory.Create(to.end, error)) return false;
  char* const target = memory.base();
  const auto copy_bytes = [&](uint64_t from_offset, uint64_t to_offset, uint64_t bytes) {
    for (uint64_t done = 0, piece; done < bytes; done += piece) {
      piece = std::min(bytes - done, Pauses::kPieceBytes);
      std::memcpy(target + to_offset + done, base() + from_offset + done, piece);
      pauses_.AddBytes(piece);
    }
  };
  const Pins::Receiving receiving = pins_ == nullptr ? Pins::Receiving() : pins_->receiving();
  copy_bytes(0, 0, kPageBytes);
  copy_bytes(from.chunk_table_offset, to.chunk_table_offset, s->touched_chunks * sizeof(Chunk));
  copy_bytes(from.undo_offset, to.undo_offset,
             layout::UndoCount(header()) * sizeof(layout::UndoRecord));
  // Of the chunks what is there, so that the rest takes no memory.
  const uint64_t chunks_end = s->touched_chunks * kChunkBytes;
  for (uint64_t at = memory_.NextData(kFirstChunk * kChunkBytes); at < chunks_end;) {
    const uint64_t end = std::min(memory_.EndOfData(at), chunks_end);
    copy_bytes(at, at, end - at);
    at = memory_.NextData(end);
  }
  // What was received in the pauses may have come too late for the copy.
  if (pins_ != nullptr) pins_->CopyReceivedSince(receiving, target);
  auto* store = reinterpret_cast<layout::StoreHeader*>(target);
  store->undo_offset = to.undo_offset;
  auto* state_copy = reinterpret_cast<ArenaState*>(target + kArenaStateOffset);
  state_copy->chunk_count = static_cast<uint32_t>(chunk_count);
  state_copy->chunk_table_offset = to.chunk_table_offset;
  *copy = std::move(memory);
  return true;
}

void Arena::MoveTo(Memory memory) {
  memory_ = std::move(memory);
  has_lacked_room_ = false;
}

bool Arena::SetQuota(uint64_t quota_bytes, std::string* error) {
  ArenaState* s = state();
  assert(layout::JournalCount(header()) == 0 && layout::UndoCount(header()) == 0);
  const Places from = PlacesFor(s->chunk_count);
  const uint64_t most = memory_.is_own() ? kMaxChunks : kMaxSlotChunks;
  uint64_t chunk_count = std::min(ChunksFor(quota_bytes), most);
  // A table behind the chunks stays in use while its successor is filled, behind it.
  if (chunk_count > s->chunk_count && from.chunk_table_offset == from.chunks_end) {
    chunk_count = std::max(chunk_count, from.undo_offset / kChunkBytes);
  }
  if (chunk_count <= s->chunk_count || chunk_count > most) {
    layout::OrderedStore(&s->quota_bytes, quota_bytes);
    return true;
  }
  const Places to = PlacesFor(chunk_count);
  if (memory_.is_own() && !memory_.Grow(to.end, error)) return false;
  s = state();
  // There are no undo records; and who has tried this before may have left the start of a table.
  if (!PunchHole(from.undo_offset, to.end - from.undo_offset)) {
    *error = "madvise for a store's new quota failed";
    return false;
  }
  layout::MayEndHere();
  const bool table_moves = to.chunk_table_offset != from.chunk_table_offset;
  if (table_moves) {
    std::memcpy(base() + to.chunk_table_offset, base() + from.chunk_table_offset,
                s->touched_chunks * sizeof(Chunk));
    layout::MayEndHere();
  }
  Write(&s->quota_bytes, quota_bytes);
  Write(&s->chunk_count, static_cast<uint32_t>(chunk_count));
  Write(&s->chunk_table_offset, to.chunk_table_offset);
  Write(&header()->undo_offset, to.undo_offset);
  EndStep();
  // Where a table in front was is never read again.
  if (from.chunk_table_offset == from.chunks_end) {
    PunchHole(from.chunks_end, from.undo_offset - from.chunks_end);
  }
  layout::MayEndHere();
  return true;
}

}  // namespace shredder::store

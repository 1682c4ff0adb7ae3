#include "runtime/store/arena.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstddef>
#include <cstring>
#include <iterator>
#include <utility>

namespace shredder::store {

namespace {

// Runs from here on (1 MiB) are given back as soon as they are free.
constexpr uint32_t kLongRunChunks = 16;
// Free runs of the one bin where only some are long enough: how many are looked at.
constexpr int kMaxBinSteps = 64;
// Memory goes back to the kernel in pieces of 2 MiB: a page takes up to a microsecond or two.
constexpr uint32_t kChunksPerPunch = 32;
constexpr uint64_t kBytesPerPunch = kChunksPerPunch * kChunkBytes;

}  // namespace

Arena::~Arena() { SetBudget(nullptr); }

bool Arena::Map(uint64_t quota_bytes, std::string* error) {
  const uint64_t chunk_count = ChunksFor(quota_bytes);
  if (!memory_.Create(PlacesFor(chunk_count).end, error)) return false;
  Initialise(quota_bytes, chunk_count);
  return true;
}

void Arena::MapSlot(Memory slot, uint64_t quota_bytes) {
  memory_ = std::move(slot);
  Initialise(quota_bytes, std::min(ChunksFor(quota_bytes), kMaxSlotChunks));
}

// Writes everything that is at a fixed place, and an allocator without blocks.
void Arena::Initialise(uint64_t quota_bytes, uint64_t chunk_count) {
  ArenaState* s = state();
  // Of all that is there, these two are never lost: should the process end here, the rest follows
  // from them.
  s->quota_bytes = quota_bytes;
  s->chunk_count = static_cast<uint32_t>(chunk_count);
  std::memset(table_state(), 0, sizeof(TableState));
  layout::MayEndHere();
  std::memset(&s->used_bytes, 0,
              offsetof(ArenaState, chunk_count) - offsetof(ArenaState, used_bytes));
  layout::MayEndHere();
  std::memset(&s->free_dirty_pages, 0, sizeof(ArenaState) - offsetof(ArenaState, free_dirty_pages));
  layout::MayEndHere();
  layout::StoreHeader* store = header();
  store->arena_state_offset = kArenaStateOffset;
  store->key_scratch_offset = kKeyScratchOffset;
  store->undo_offset = PlacesFor(chunk_count).undo_offset;
  store->journal_offset = kJournalOffset;
  store->log_counts = 0;
  store->undo_capacity = layout::kFreeUndoRecords;
  layout::MayEndHere();
  SetConstants(s, chunk_count);
  s->touched_chunks = s->first_chunk;
  *reserved() = {};
  layout::OrderedStore(&s->frontier, s->first_chunk);
  CountFreePages();
}

void Arena::SetConstants(ArenaState* s, uint64_t chunk_count) {
  s->chunk_table_offset = PlacesFor(chunk_count).chunk_table_offset;
  s->chunk_count = static_cast<uint32_t>(chunk_count);
  s->first_chunk = static_cast<uint32_t>(kFirstChunk);
  for (int c = 0; c < kSmallClassCount; c++) {
    s->class_units[c] = static_cast<uint16_t>(ClassUnits(c));
  }
  for (uint64_t units = 1; units < std::size(s->classes_by_units); units++) {
    s->classes_by_units[units] = static_cast<uint8_t>(CeilClass(units));
  }
}

void Arena::Reset() {
  struct Kept {
    uint64_t block;
    uint64_t pages;
  };
  std::vector<Kept> kept;
  if (pins_ != nullptr) {
    for (const uint64_t block : pins_->ReserveAll()) {
      kept.push_back({block, BlockBytes(block) / kPageBytes});
    }
  }
  discards_.clear();
  has_freed_ = false;
  uint64_t from = kPageBytes;
  for (const auto& [block, pages] : kept) {
    MakeZero(from, block);
    from = block + pages * kPageBytes;
  }
  MakeZero(from, memory_.bytes());
  Initialise(quota_bytes(), state()->chunk_count);
  for (const auto& [block, pages] : kept) RestoreReserved(block, pages);
}

bool Arena::FitsQuota(uint64_t bytes) const {
  const ArenaState* s = state();
  const uint64_t quota = s->quota_bytes + credit_bytes_;
  return s->used_bytes <= quota && bytes <= quota - s->used_bytes;
}

bool Arena::Charge(uint64_t bytes) {
  if (!FitsQuota(bytes)) return false;
  ChargeAlways(bytes);
  return true;
}

void Arena::ChargeAlways(uint64_t bytes) {
  ArenaState* s = state();
  Write(&s->used_bytes, s->used_bytes + bytes);
  Write(&s->charged_bytes, s->charged_bytes + bytes);
}

void Arena::Uncharge(uint64_t bytes) {
  ArenaState* s = state();
  assert(s->charged_bytes >= bytes);
  Write(&s->used_bytes, s->used_bytes - bytes);
  Write(&s->charged_bytes, s->charged_bytes - bytes);
}

void Arena::Fill(uint64_t* first, uint64_t count, uint64_t value) {
  for (uint64_t i = 0, run; i < count; i += run) {
    for (run = 1; run < layout::kMaxJournalRangeWords && i + run < count; run++) {
      if (first[i + run] != first[i]) break;
    }
    layout::LogRange(header(), first + i, run);
  }
  for (uint64_t i = 0; i < count; i++) layout::OrderedStore(first + i, value);
}

void Arena::TrimUndo(uint64_t kept_bytes, uint64_t used_bytes) {
  const uint64_t from = RoundUp(kept_bytes, kPageBytes);
  const uint64_t to = RoundUp(used_bytes, kPageBytes);
  if (to > from) PunchInPieces(header()->undo_offset + from, header()->undo_offset + to);
  layout::MayEndHere();
}

uint64_t Arena::Allocate(uint64_t bytes) {
  assert(bytes > 0 && !has_freed_);
  const uint64_t rounded = RoundedBytes(bytes);
  if (!FitsQuota(rounded)) return 0;
  if (bytes > kMaxSmallBytes) return AllocateLarge(rounded / kPageBytes);
  const int size_class = CeilClass(rounded / kBlockUnitBytes);
  const uint64_t offset = layout::TakeSmallBlock(header(), state(), size_class);
  bool is_zero;
  return offset != 0 ? offset : AllocateSmall(size_class, &is_zero);
}

uint64_t Arena::AllocateZeroed(uint64_t bytes) {
  assert(bytes > 0 && bytes <= kMaxSmallBytes && !has_freed_);
  const uint64_t rounded = RoundedBytes(bytes);
  if (!FitsQuota(rounded)) return 0;
  bool is_zero = false;
  const uint64_t offset = AllocateSmall(CeilClass(rounded / kBlockUnitBytes), &is_zero);
  // Memory never written is left alone: zeroing it would make it physical.
  if (offset != 0 && !is_zero) std::memset(base() + offset, 0, rounded);
  layout::MayEndHere();
  return offset;
}

void Arena::Free(uint64_t offset) {
  has_freed_ = true;
  const auto index = static_cast<uint32_t>(offset >> kChunkBytesLog2);
  assert(index >= state()->first_chunk && index < state()->frontier);
  if (chunk(index)->kind == ChunkKind::kSmall) {
    FreeSmall(index, offset);
  } else {
    assert(chunk(index)->kind == ChunkKind::kLarge && offset % kChunkBytes == 0);
    if (!ReserveIfPinned(offset)) FreeLarge(index);
  }
}

void Arena::FreeDead(std::span<const uint64_t> offsets) {
  assert(offsets.size() <= kMaxDeadBlocks);
  has_freed_ = true;
  ArenaState* s = state();
  layout::Journal journal(header());
  journal.Log(&s->used_bytes);
  uint64_t used_bytes = s->used_bytes;
  for (const uint64_t offset : offsets) {
    Chunk* c = chunk(offset >> kChunkBytesLog2);
    Chunk::Blocks blocks = c->blocks;
    const uint64_t units = s->class_units[c->kind == ChunkKind::kSmall ? c->size_class : 0];
    // The chunk stays in its class's list.
    const bool is_simple = c->kind == ChunkKind::kSmall && blocks.used_blocks > 1 &&
                           (blocks.free_head != 0 || blocks.carved_units + units <= kChunkUnits);
    if (!is_simple) {
      layout::OrderedStore(&s->used_bytes, used_bytes);
      Free(offset);
      journal = layout::Journal(header());
      used_bytes = s->used_bytes;
      continue;
    }
    layout::OrderedStore(At<uint16_t>(offset), blocks.free_head);
    journal.Log(&c->blocks);
    blocks.free_head = static_cast<uint16_t>(offset % kChunkBytes / kBlockUnitBytes + 1);
    blocks.used_blocks--;
    layout::OrderedStore(&c->blocks, blocks);
    used_bytes -= units * kBlockUnitBytes;
  }
  layout::OrderedStore(&s->used_bytes, used_bytes);
}

void Arena::ShrinkLarge(uint64_t offset, uint64_t bytes) {
  assert(bytes > 0 && bytes % kChunkBytes == 0);
  has_freed_ = true;
  const auto first = static_cast<uint32_t>(offset >> kChunkBytesLog2);
  Chunk* head = chunk(first);
  const auto chunks = static_cast<uint32_t>(bytes / kChunkBytes);
  assert(head->kind == ChunkKind::kLarge && chunks < head->run_chunks);
  const uint32_t freed_chunks = head->run_chunks - chunks;
  Write(&state()->used_bytes, state()->used_bytes - (head->large_pages() * kPageBytes - bytes));
  Write(&head->run_chunks, chunks);
  Write(&head->last_pages, static_cast<uint16_t>(kChunkPages));
  if (chunks > 1) Write(&chunk(first + chunks - 1)->kind, ChunkKind::kLargeEnd);
  ReturnRun(first + chunks, freed_chunks);
}

void Arena::DiscardChunk(uint64_t offset, uint64_t chunk_of_block) {
  const uint64_t index = (offset >> kChunkBytesLog2) + chunk_of_block;
  PunchHole(index << kChunkBytesLog2, kChunkBytes);
  layout::MayEndHere();
}

uint64_t Arena::BlockBytes(uint64_t offset) const {
  const Chunk* c = chunk(offset >> kChunkBytesLog2);
  if (c->kind == ChunkKind::kSmall) return ClassUnits(c->size_class) * kBlockUnitBytes;
  assert(c->kind == ChunkKind::kLarge);
  return c->large_pages() * kPageBytes;
}

bool Arena::MayBeBlock(uint64_t offset) const {
  const uint64_t index = offset >> kChunkBytesLog2;
  if (index < state()->first_chunk || index >= state()->frontier) return false;
  const Chunk* c = chunk(index);
  if (c->kind == ChunkKind::kLarge) {
    return offset % kChunkBytes == 0 && c->run_chunks >= 1 && c->last_pages >= 1 &&
           c->last_pages <= kChunkPages && c->run_chunks <= state()->frontier - index;
  }
  const uint64_t unit = offset % kChunkBytes / kBlockUnitBytes;
  return c->kind == ChunkKind::kSmall && c->size_class < kSmallClassCount &&
         offset % kBlockUnitBytes == 0 && unit % ClassUnits(c->size_class) == 0 &&
         unit + ClassUnits(c->size_class) <= kChunkUnits && unit < c->blocks.carved_units;
}

// --- Small blocks --------------------------------------------------------------------------------

uint64_t Arena::AllocateSmall(int size_class, bool* is_zero) {
  ArenaState* s = state();
  const uint64_t units = ClassUnits(size_class);
  uint32_t index = s->class_chunks[size_class];
  if (index == 0) {
    index = TakeRun(1);
    if (index == 0) return 0;
    Chunk* fresh = chunk(index);
    Write(&fresh->kind, ChunkKind::kSmall);
    Write(&fresh->size_class, static_cast<uint8_t>(size_class));
    Write(&fresh->blocks, Chunk::Blocks{});
    LinkToClass(index);
  }
  Chunk* c = chunk(index);
  const uint64_t chunk_offset = static_cast<uint64_t>(index) << kChunkBytesLog2;
  Chunk::Blocks blocks = c->blocks;
  uint64_t unit;
  if (blocks.free_head != 0) {
    unit = blocks.free_head - 1u;
    const char* block = base() + chunk_offset + unit * kBlockUnitBytes;
    // The caller writes over the link.
    layout::Log(header(), block);
    std::memcpy(&blocks.free_head, block, sizeof blocks.free_head);
    *is_zero = false;
  } else {
    unit = blocks.carved_units;
    const uint64_t end = unit + units;
    *is_zero = unit * kBlockUnitBytes >= c->dirty_pages * kPageBytes;
    RaiseDirtyPages(c, RoundUp(end * kBlockUnitBytes, kPageBytes) / kPageBytes);
    blocks.carved_units = static_cast<uint16_t>(end);
  }
  blocks.used_blocks++;
  Write(&c->blocks, blocks);
  if (blocks.free_head == 0 && blocks.carved_units + units > kChunkUnits) UnlinkFromClass(index);
  Write(&s->used_bytes, s->used_bytes + units * kBlockUnitBytes);
  return chunk_offset + unit * kBlockUnitBytes;
}

void Arena::FreeSmall(uint32_t index, uint64_t offset) {
  Chunk* c = chunk(index);
  Chunk::Blocks blocks = c->blocks;
  assert(blocks.used_blocks > 0);
  const uint64_t units = ClassUnits(c->size_class);
  assert(static_cast<uint32_t>(offset % kChunkBytes / kBlockUnitBytes) %
             static_cast<uint32_t>(units) ==
         0);
  const uint64_t used_bytes = state()->used_bytes - units * kBlockUnitBytes;
  const bool was_full = blocks.free_head == 0 && blocks.carved_units + units > kChunkUnits;
  blocks.used_blocks--;
  if (blocks.used_blocks == 0) {
    Write(&state()->used_bytes, used_bytes);
    if (!was_full) UnlinkFromClass(index);
    ReturnRun(index, 1);
    return;
  }
  auto* link = At<uint16_t>(offset);
  layout::Log(header(), &state()->used_bytes, link, &c->blocks);
  layout::OrderedStore(&state()->used_bytes, used_bytes);
  layout::OrderedStore(link, blocks.free_head);
  blocks.free_head = static_cast<uint16_t>(offset % kChunkBytes / kBlockUnitBytes + 1);
  layout::OrderedStore(&c->blocks, blocks);
  // At the list's head, so that the fullest chunks are refilled first and the others may empty.
  if (was_full) LinkToClass(index);
}

void Arena::LinkToClass(uint32_t index) {
  Link(&state()->class_chunks[chunk(index)->size_class], index);
}

void Arena::UnlinkFromClass(uint32_t index) {
  Unlink(&state()->class_chunks[chunk(index)->size_class], index);
}

// --- Lists of chunks -----------------------------------------------------------------------------

void Arena::Link(uint32_t* head, uint32_t index) {
  Chunk* c = chunk(index);
  Write(&c->previous, 0u);
  Write(&c->next, *head);
  if (*head != 0) Write(&chunk(*head)->previous, index);
  Write(head, index);
}

void Arena::Unlink(uint32_t* head, uint32_t index) {
  const Chunk* c = chunk(index);
  if (c->previous != 0) {
    Write(&chunk(c->previous)->next, c->next);
  } else {
    assert(*head == index);
    Write(head, c->next);
  }
  if (c->next != 0) Write(&chunk(c->next)->previous, c->previous);
}

// --- Large blocks --------------------------------------------------------------------------------

uint64_t Arena::AllocateLarge(uint64_t pages) {
  const uint64_t chunks = RoundUp(pages, kChunkPages) / kChunkPages;
  if (chunks >= state()->chunk_count) {
    NoteLackOfRoom();
    return 0;
  }
  const uint32_t first = TakeRun(static_cast<uint32_t>(chunks));
  if (first == 0) return 0;
  MakeLarge(first, pages);
  return static_cast<uint64_t>(first) << kChunkBytesLog2;
}

void Arena::MakeLarge(uint32_t first, uint64_t pages) {
  const uint64_t chunks = RoundUp(pages, kChunkPages) / kChunkPages;
  const auto last = static_cast<uint32_t>(first + chunks - 1);
  for (uint32_t i = first; i < last; i++) RaiseDirtyPages(chunk(i), kChunkPages);
  // Pages after the block's end are not counted, so they must not hold memory either.
  const uint64_t last_pages = pages - (chunks - 1) * kChunkPages;
  Chunk* end = chunk(last);
  if (end->dirty_pages > last_pages && PunchHole(last * kChunkBytes + last_pages * kPageBytes,
                                                 (end->dirty_pages - last_pages) * kPageBytes)) {
    layout::MayEndHere();
    layout::OrderedStore(&end->dirty_pages, static_cast<uint32_t>(last_pages));
  }
  RaiseDirtyPages(end, last_pages);
  Chunk* head = chunk(first);
  if (end != head) Write(&end->kind, ChunkKind::kLargeEnd);
  Write(&head->kind, ChunkKind::kLarge);
  Write(&head->run_chunks, static_cast<uint32_t>(chunks));
  Write(&head->last_pages, static_cast<uint16_t>(last_pages));
  Write(&state()->used_bytes, state()->used_bytes + pages * kPageBytes);
}

void Arena::FreeLarge(uint32_t index) {
  const Chunk* head = chunk(index);
  Write(&state()->used_bytes, state()->used_bytes - head->large_pages() * kPageBytes);
  ReturnRun(index, head->run_chunks);
}

void Arena::RaiseDirtyPages(Chunk* chunk, uint64_t pages) {
  if (chunk->dirty_pages >= pages) return;
  layout::OrderedStore(&chunk->dirty_pages, static_cast<uint32_t>(pages));
}

// --- Runs of chunks ------------------------------------------------------------------------------

uint32_t Arena::TakeRun(uint32_t chunks) {
  ArenaState* s = state();
  uint32_t first = FindFreeRun(chunks);
  if (first != 0) {
    const uint32_t found = chunk(first)->run_chunks;
    UnlinkFreeRun(first);
    if (found > chunks) LinkFreeRun(first + chunks, found - chunks);
  } else {
    if (chunks > s->chunk_count - s->frontier) {
      NoteLackOfRoom();
      return 0;
    }
    first = s->frontier;
    if (first + chunks > s->touched_chunks) {
      layout::OrderedStore(&s->touched_chunks, first + chunks);
    }
    Write(&s->frontier, first + chunks);
  }
  const uint32_t dirty = DirtyPages(first, chunks);
  if (dirty != 0) SetFreeDirtyPages(s->free_dirty_pages - dirty);
  return first;
}

uint32_t Arena::FindFreeRun(uint32_t chunks) const {
  const ArenaState* s = state();
  // Any run of this bin or a later one is long enough.
  const int from = CeilClass(chunks);
  uint64_t wanted = ~0ull << (from % 64);
  for (int word = from / 64; word < layout::kRunBinWords; word++, wanted = ~0ull) {
    const uint64_t bits = s->run_bin_bits[word] & wanted;
    if (bits != 0) return s->run_bins[64 * word + std::countr_zero(bits)];
  }
  // Of the bin before, some may be.
  uint32_t run = s->run_bins[FloorClass(chunks)];
  for (int steps = 0; run != 0 && steps < kMaxBinSteps; steps++, run = chunk(run)->next) {
    if (chunk(run)->run_chunks >= chunks) return run;
  }
  return 0;
}

void Arena::ReturnRun(uint32_t first, uint32_t chunks) {
  ArenaState* s = state();
  GiveBackLater(first, chunks);
  if (first > s->first_chunk && chunk(first - 1)->kind == ChunkKind::kFreeRun) {
    const uint32_t before = chunk(first - 1)->run_chunks;
    first -= before;
    chunks += before;
    UnlinkFreeRun(first);
  }
  const uint32_t after = first + chunks;
  if (after < s->frontier && chunk(after)->kind == ChunkKind::kFreeRun) {
    chunks += chunk(after)->run_chunks;
    UnlinkFreeRun(after);
  }
  if (first + chunks == s->frontier) {
    Write(&s->frontier, first);
  } else {
    LinkFreeRun(first, chunks);
  }
}

void Arena::LinkFreeRun(uint32_t first, uint32_t chunks) {
  ArenaState* s = state();
  const int bin = FloorClass(chunks);
  for (const uint32_t end : {first, first + chunks - 1}) {
    Write(&chunk(end)->kind, ChunkKind::kFreeRun);
    Write(&chunk(end)->run_chunks, chunks);
  }
  Link(&s->run_bins[bin], first);
  Write(&s->run_bin_bits[bin / 64], s->run_bin_bits[bin / 64] | 1ull << (bin % 64));
}

void Arena::UnlinkFreeRun(uint32_t first) {
  ArenaState* s = state();
  const int bin = FloorClass(chunk(first)->run_chunks);
  Unlink(&s->run_bins[bin], first);
  if (s->run_bins[bin] == 0) {
    Write(&s->run_bin_bits[bin / 64], s->run_bin_bits[bin / 64] & ~(1ull << (bin % 64)));
  }
}

// --- Physical memory -----------------------------------------------------------------------------

uint32_t Arena::DirtyPages(uint32_t first, uint32_t chunks) const {
  uint32_t dirty = 0;
  for (uint32_t i = first; i < first + chunks; i++) dirty += chunk(i)->dirty_pages;
  return dirty;
}

void Arena::GiveBackLater(uint32_t first, uint32_t chunks) {
  ArenaState* s = state();
  const uint32_t dirty = DirtyPages(first, chunks);
  if (dirty == 0) return;
  const bool keep =
      (chunks < kLongRunChunks && s->free_dirty_pages + dirty <= kFreeDirtyPagesKept) ||
      (budget_ != nullptr && budget_->Allows(dirty));
  SetFreeDirtyPages(s->free_dirty_pages + dirty);
  if (keep) return;
  layout::OrderedStore(&s->discard_pending, 1u);
  discards_.emplace_back(first, chunks);
}

void Arena::Discard() {
  for (const auto& [first, chunks] : discards_) DiscardRun(first, chunks);
  discards_.clear();
  layout::OrderedStore(&state()->discard_pending, 0u);
}

// Gives the memory of free chunks back.
void Arena::DiscardRun(uint32_t first, uint32_t chunks) {
  const uint32_t end = first + chunks;
  for (uint32_t at = first, piece_end; at < end; at = piece_end) {
    piece_end = at + std::min(end - at, kChunksPerPunch);
    const uint64_t bytes = (piece_end - at) * kChunkBytes;
    if (!PunchHole(static_cast<uint64_t>(at) << kChunkBytesLog2, bytes)) return;
    layout::MayEndHere();
    for (uint32_t i = at; i < piece_end; i++) {
      if (chunk(i)->dirty_pages == 0) continue;
      SetFreeDirtyPages(state()->free_dirty_pages - chunk(i)->dirty_pages);
      layout::OrderedStore(&chunk(i)->dirty_pages, 0u);
    }
    pauses_.AddBytes(bytes);
  }
}

bool Arena::PunchHole(uint64_t offset, uint64_t bytes) {
  give_backs_++;
  return memory_.PunchHole(offset, bytes);
}

bool Arena::PunchInPieces(uint64_t from, uint64_t to) {
  for (uint64_t at = memory_.NextData(from), end; at < to; at = memory_.NextData(end)) {
    end = std::min(at + kBytesPerPunch, to);
    if (!PunchHole(at, end - at)) return false;
    layout::MayEndHere();
    pauses_.AddBytes(end - at);
  }
  return true;
}

void Arena::MakeZero(uint64_t from, uint64_t to) {
  if (PunchInPieces(from, to)) return;
  // Without the kernel's help the memory stays.
  for (uint64_t at = memory_.NextData(from), end; at < to; at = memory_.NextData(end)) {
    end = std::min(memory_.EndOfData(at), to);
    std::memset(base() + at, 0, end - at);
  }
}

}  // namespace shredder::store

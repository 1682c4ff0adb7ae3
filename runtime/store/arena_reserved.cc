// Blocks that are in use though the table does not refer to them, as somebody still reads them.
#include <algorithm>
#include <cassert>
#include <cstddef>
#include <memory>

#include "runtime/store/arena.h"

namespace shredder::store {

std::shared_ptr<const Pin> Arena::PinBytes(uint64_t block, uint64_t at, uint64_t size) {
  if (chunk(block >> kChunkBytesLog2)->kind != ChunkKind::kLarge) return nullptr;
  if (pins_ == nullptr) pins_ = std::make_unique<Pins>(&memory_);
  return pins_->Add(block, at, size);
}

std::vector<uint64_t> Arena::ReservedOffsets() const {
  std::vector<uint64_t> offsets;
  const ArenaState* s = state();
  for (uint32_t index = reserved()->first_chunk;
       index >= s->first_chunk && index < s->frontier && offsets.size() < s->frontier;
       index = chunk(index)->next) {
    offsets.push_back(static_cast<uint64_t>(index) << kChunkBytesLog2);
  }
  return offsets;
}

void Arena::LinkReserved(uint64_t block) {
  ReservedBlocks* r = reserved();
  Link(&r->first_chunk, static_cast<uint32_t>(block >> kChunkBytesLog2));
  Write(&r->bytes, r->bytes + BlockBytes(block));
}

void Arena::UnlinkReserved(uint64_t block) {
  ReservedBlocks* r = reserved();
  Unlink(&r->first_chunk, static_cast<uint32_t>(block >> kChunkBytesLog2));
  Write(&r->bytes, r->bytes - BlockBytes(block));
}

uint64_t Arena::AllocateReserved(uint64_t bytes) {
  assert(bytes > kMaxSmallBytes);
  const uint64_t block = Allocate(bytes);
  if (block != 0) LinkReserved(block);
  EndStep();
  return block;
}

std::shared_ptr<Pin> Arena::PinReserved(uint64_t block, uint64_t at, uint64_t size) {
  if (pins_ == nullptr) pins_ = std::make_unique<Pins>(&memory_);
  pins_->Reserve(block);
  return pins_->AddReceiving(block, at, size);
}

void Arena::EndReservation(uint64_t block) {
  UnlinkReserved(block);
  pins_->EndReservation(block);
}

void Arena::Reserve(uint64_t block) {
  LinkReserved(block);
  pins_->Reserve(block);
}

bool Arena::ReserveIfPinned(uint64_t offset) {
  if (!IsPinned(offset)) [[likely]]
    return false;
  Reserve(offset);
  return true;
}

void Arena::FreeIdle() {
  for (const uint64_t offset : pins_->TakeIdle()) {
    UnlinkReserved(offset);
    Free(offset);
    EndStep();
  }
}

bool Arena::FreeReserved(std::string* error) {
  const ReservedBlocks* r = reserved();
  while (r->first_chunk != 0) {
    const uint64_t block = static_cast<uint64_t>(r->first_chunk) << kChunkBytesLog2;
    if (!MayBeBlock(block) || chunk(r->first_chunk)->kind != ChunkKind::kLarge ||
        chunk(r->first_chunk)->previous != 0 || BlockBytes(block) > r->bytes) {
      *error = "a corrupted store: a reserved block that is no large one";
      return false;
    }
    const uint32_t next = chunk(r->first_chunk)->next;
    if (next != 0 && (next < state()->first_chunk || next >= state()->frontier ||
                      chunk(next)->previous != r->first_chunk)) {
      *error = "a corrupted store: a broken list of reserved blocks";
      return false;
    }
    UnlinkReserved(block);
    Free(block);
    EndStep();
  }
  if (r->bytes != 0) {
    *error = "a corrupted store: reserved blocks counted wrongly";
    return false;
  }
  return true;
}

void Arena::RestoreReserved(uint64_t block, uint64_t pages) {
  ArenaState* s = state();
  const auto first = static_cast<uint32_t>(block >> kChunkBytesLog2);
  const auto end =
      static_cast<uint32_t>(first + RoundUp(pages, layout::kChunkPages) / layout::kChunkPages);
  assert(first >= s->frontier && s->touched_chunks == s->frontier);
  layout::OrderedStore(&s->touched_chunks, end);
  if (first > s->frontier) LinkFreeRun(s->frontier, first - s->frontier);
  Write(&s->frontier, end);
  MakeLarge(first, pages);
  LinkReserved(block);
  EndStep();
}

}  // namespace shredder::store

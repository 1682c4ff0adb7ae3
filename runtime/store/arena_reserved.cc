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

uint64_t Arena::ReservedBytes() const {
  uint64_t bytes = 0;
  for (const uint64_t offset : reserved_blocks()) {
    if (offset != 0) bytes += BlockBytes(offset);
  }
  return bytes;
}

uint64_t Arena::AllocateReserved(uint64_t bytes) {
  assert(bytes > kMaxSmallBytes);
  const std::span<const uint64_t> places = reserved_blocks();
  const auto free_places = std::count(places.begin(), places.end(), 0u);
  // Those who read have the other half.
  if (free_places <= static_cast<ptrdiff_t>(places.size() / 2)) return 0;
  const uint64_t block = Allocate(bytes);
  if (block != 0) Write(FindReserved(0), block);
  EndStep();
  return block;
}

std::shared_ptr<Pin> Arena::PinReserved(uint64_t block, uint64_t at, uint64_t size) {
  if (pins_ == nullptr) pins_ = std::make_unique<Pins>(&memory_);
  pins_->Reserve(block);
  return pins_->AddReceiving(block, at, size);
}

void Arena::EndReservation(uint64_t block) {
  Write(FindReserved(block), 0);
  pins_->EndReservation(block);
}

void Arena::Reserve(uint64_t block) {
  Write(FindReserved(0), block);
  pins_->Reserve(block);
}

uint64_t* Arena::FindReserved(uint64_t offset) const {
  for (uint64_t& place : At<ReservedBlocks>(kReservedBlocksOffset)->offsets) {
    if (place == offset) return &place;
  }
  return nullptr;
}

bool Arena::ReserveIfPinned(uint64_t offset) {
  if (pins_ == nullptr || !pins_->Holds(offset)) [[likely]]
    return false;
  uint64_t* const place = FindReserved(0);
  if (place == nullptr) {
    pins_->Copy(offset, &pauses_);
    return false;
  }
  Write(place, offset);
  pins_->Reserve(offset);
  return true;
}

void Arena::FreeIdle() {
  for (const uint64_t offset : pins_->TakeIdle()) {
    uint64_t* const place = FindReserved(offset);
    assert(place != nullptr);
    Write(place, 0);
    Free(offset);
    EndStep();
  }
}

bool Arena::FreeReserved(std::string* error) {
  for (uint64_t& place : At<ReservedBlocks>(kReservedBlocksOffset)->offsets) {
    if (place == 0) continue;
    if (!MayBeBlock(place) || chunk(place >> kChunkBytesLog2)->kind != ChunkKind::kLarge) {
      *error = "a corrupted store: a reserved block that is no large one";
      return false;
    }
    const uint64_t offset = place;
    Write(&place, 0);
    Free(offset);
    EndStep();
  }
  return true;
}

}  // namespace shredder::store

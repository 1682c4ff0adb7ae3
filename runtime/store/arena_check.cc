// The allocator's self-check, for tests and for memory of unknown content: no word is relied on
// before it was looked at, but for those that Attach compares.
#include <algorithm>
#include <set>
#include <unordered_set>

#include "runtime/store/arena.h"

namespace shredder::store {

namespace {

std::string Fault(const char* what, uint64_t where) {
  return std::string("arena: ") + what + " at " + std::to_string(where);
}

}  // namespace

std::string Arena::Check(std::span<uint64_t> blocks) const {
  const ArenaState* s = state();
  std::sort(blocks.begin(), blocks.end());
  uint64_t blocks_found = 0;
  uint64_t bytes_found = 0;
  std::unordered_set<uint64_t> free_blocks;
  if (std::string fault = CheckChunks(&blocks_found, &bytes_found, &free_blocks); !fault.empty()) {
    return fault;
  }
  if (std::string fault = CheckLists(); !fault.empty()) return fault;
  if (bytes_found + s->charged_bytes != s->used_bytes) {
    return Fault("used_bytes is not what the blocks take,", s->used_bytes);
  }
  for (size_t i = 0; i < blocks.size(); i++) {
    if (i > 0 && blocks[i] == blocks[i - 1]) return Fault("a block used twice", blocks[i]);
    if (!MayBeBlock(blocks[i])) return Fault("a reference to what is no block", blocks[i]);
    if (free_blocks.contains(blocks[i])) return Fault("a reference to a free block", blocks[i]);
  }
  if (blocks.size() != blocks_found) {
    return Fault("blocks in use and allocated differ by",
                 std::max<uint64_t>(blocks.size(), blocks_found) -
                     std::min<uint64_t>(blocks.size(), blocks_found));
  }
  return {};
}

std::string Arena::CheckChunks(uint64_t* blocks_found, uint64_t* bytes_found,
                               std::unordered_set<uint64_t>* free_blocks) const {
  const ArenaState* s = state();
  uint64_t free_dirty_pages = 0;
  bool before_is_free = false;
  uint32_t index = s->first_chunk;
  while (index < s->frontier) {
    const Chunk* c = chunk(index);
    uint32_t run = 1;
    const bool is_free = c->kind == ChunkKind::kFreeRun;
    if (c->kind == ChunkKind::kSmall) {
      if (std::string fault = CheckSmallChunk(index, free_blocks); !fault.empty()) return fault;
      *blocks_found += c->blocks.used_blocks;
      *bytes_found += c->blocks.used_blocks * ClassUnits(c->size_class) * kBlockUnitBytes;
    } else if (c->kind == ChunkKind::kLarge || is_free) {
      run = c->run_chunks;
      if (run == 0 || run > s->frontier - index) return Fault("a run of a wrong length", index);
      const Chunk* end = chunk(index + run - 1);
      if (is_free) {
        if (before_is_free) return Fault("two free runs side by side", index);
        if (end->kind != ChunkKind::kFreeRun || end->run_chunks != run) {
          return Fault("a free run without its end", index);
        }
        for (uint32_t i = 0; i < run; i++) free_dirty_pages += chunk(index + i)->dirty_pages;
      } else {
        if (end != c && end->kind != ChunkKind::kLargeEnd) {
          return Fault("a large block without its end", index);
        }
        if (c->last_pages < 1 || c->last_pages > kChunkPages) {
          return Fault("a large block of a wrong length", index);
        }
        for (uint32_t i = 0; i < run; i++) {
          if (chunk(index + i)->dirty_pages < (i + 1 < run ? kChunkPages : c->last_pages)) {
            return Fault("pages of a large block that count as zeros, in chunk", index + i);
          }
        }
        ++*blocks_found;
        *bytes_found += c->large_pages() * kPageBytes;
      }
    } else {
      return Fault("a chunk of no kind", index);
    }
    before_is_free = is_free;
    index += run;
  }
  if (before_is_free) return Fault("a free run before the frontier", s->frontier);
  for (uint32_t i = s->frontier; i < s->touched_chunks; i++) {
    free_dirty_pages += chunk(i)->dirty_pages;
  }
  if (free_dirty_pages != s->free_dirty_pages) {
    return Fault("free_dirty_pages is wrong,", s->free_dirty_pages);
  }
  return CheckDirtyPages();
}

// What was never written, as a chunk says or as it was never in use, must be zeros. Only what is
// resident is looked at.
std::string Arena::CheckDirtyPages() const {
  const ArenaState* s = state();
  for (uint32_t i = s->first_chunk; i < s->touched_chunks; i++) {
    if (chunk(i)->dirty_pages > kChunkPages) return Fault("too many dirty pages of chunk", i);
  }
  for (uint64_t at = s->first_chunk * kChunkBytes;; at += kPageBytes) {
    at = memory_.NextData(at);
    if (at >= s->chunk_count * kChunkBytes) return {};
    const uint64_t index = at / kChunkBytes;
    const uint64_t written_pages = index < s->touched_chunks ? chunk(index)->dirty_pages : 0;
    const uint64_t written_end = index * kChunkBytes + written_pages * kPageBytes;
    if (at < written_end) {
      at = written_end - kPageBytes;
    } else if (std::any_of(base() + at, base() + at + kPageBytes, [](char c) { return c != 0; })) {
      return Fault("written pages that count as zeros in chunk", index);
    }
  }
}

std::string Arena::CheckSmallChunk(uint32_t index,
                                   std::unordered_set<uint64_t>* free_blocks) const {
  const Chunk* c = chunk(index);
  if (c->size_class >= kSmallClassCount) return Fault("a chunk of no class", index);
  const uint64_t units = ClassUnits(c->size_class);
  if (c->blocks.carved_units > kChunkUnits || c->blocks.carved_units % units != 0 ||
      c->blocks.used_blocks == 0) {
    return Fault("a chunk of small blocks with wrong counts", index);
  }
  if (c->blocks.carved_units * kBlockUnitBytes > c->dirty_pages * kPageBytes) {
    return Fault("small blocks whose pages count as zeros, in chunk", index);
  }
  std::set<uint64_t> free_units;
  uint16_t free_head = c->blocks.free_head;
  while (free_head != 0) {
    const uint64_t unit = free_head - 1u;
    if (unit >= c->blocks.carved_units || unit % units != 0 || !free_units.insert(unit).second) {
      return Fault("a broken list of free blocks in chunk", index);
    }
    const uint64_t offset =
        (static_cast<uint64_t>(index) << kChunkBytesLog2) + unit * kBlockUnitBytes;
    free_blocks->insert(offset);
    free_head = *At<uint16_t>(offset);
  }
  if (free_units.size() + c->blocks.used_blocks != c->blocks.carved_units / units) {
    return Fault("blocks neither free nor used in chunk", index);
  }
  return {};
}

std::string Arena::CheckLists() const {
  const ArenaState* s = state();
  std::set<uint32_t> listed;
  for (int bin = 0; bin < 128; bin++) {
    const bool bit = s->run_bin_bits[bin / 64] >> (bin % 64) & 1;
    if (bin >= kRunBinCount) {
      if (bit) return Fault("a bit of no bin", bin);
      continue;
    }
    if (bit != (s->run_bins[bin] != 0)) return Fault("a wrong bit for bin", bin);
    uint32_t previous = 0;
    for (uint32_t i = s->run_bins[bin]; i != 0; previous = i, i = chunk(i)->next) {
      if (i < s->first_chunk || i >= s->frontier) return Fault("a free run outside, in bin", bin);
      if (chunk(i)->kind != ChunkKind::kFreeRun || chunk(i)->run_chunks == 0 ||
          FloorClass(chunk(i)->run_chunks) != bin || chunk(i)->previous != previous ||
          !listed.insert(i).second) {
        return Fault("a broken list of free runs in bin", bin);
      }
    }
  }
  for (int size_class = 0; size_class < kSmallClassCount; size_class++) {
    uint32_t previous = 0;
    for (uint32_t i = s->class_chunks[size_class]; i != 0; previous = i, i = chunk(i)->next) {
      if (i < s->first_chunk || i >= s->frontier) {
        return Fault("a chunk outside, of class", size_class);
      }
      if (chunk(i)->kind != ChunkKind::kSmall || chunk(i)->size_class != size_class ||
          chunk(i)->previous != previous || !listed.insert(i).second) {
        return Fault("a broken list of chunks of class", size_class);
      }
    }
  }
  uint64_t reserved_bytes = 0;
  for (uint32_t i = reserved()->first_chunk, previous = 0; i != 0;
       previous = i, i = chunk(i)->next) {
    if (i < s->first_chunk || i >= s->frontier) return Fault("a reserved block outside,", i);
    if (chunk(i)->kind != ChunkKind::kLarge || chunk(i)->previous != previous ||
        !listed.insert(i).second) {
      return Fault("a broken list of reserved blocks at", i);
    }
    reserved_bytes += chunk(i)->large_pages() * kPageBytes;
  }
  if (reserved_bytes != reserved()->bytes) {
    return Fault("reserved blocks counted wrongly,", reserved()->bytes);
  }
  // A list may hold nothing but what is there, as its chunks alone do not tell.
  for (uint32_t i = s->first_chunk; i < s->frontier;) {
    const Chunk* c = chunk(i);
    const bool has_room = c->kind == ChunkKind::kSmall &&
                          (c->blocks.free_head != 0 ||
                           c->blocks.carved_units + ClassUnits(c->size_class) <= kChunkUnits);
    const bool is_listed = listed.erase(i) != 0;
    const bool must_be_listed = has_room || c->kind == ChunkKind::kFreeRun;
    if (must_be_listed != is_listed && c->kind != ChunkKind::kLarge) {
      return Fault(is_listed ? "a full chunk in a list," : "a chunk that no list holds,", i);
    }
    i += c->kind == ChunkKind::kSmall ? 1 : c->run_chunks;
  }
  if (!listed.empty()) return Fault("a list of what is no chunk's beginning,", *listed.begin());
  return {};
}

}  // namespace shredder::store

// An arena that another process has left: what lies at fixed places is checked, the step that was
// under way is taken back.
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "runtime/store/arena.h"

namespace shredder::store {

using layout::JournalEntry;

namespace {

bool CheckFirstPage(const char* page, std::string* error) {
  layout::StoreHeader found;
  ArenaState state;
  std::memcpy(&found, page, sizeof found);
  std::memcpy(&state, page + kArenaStateOffset, sizeof state);
  if (found.magic != layout::kStoreMagic) {
    *error = "not a store of this version: it begins with " + std::to_string(found.magic) +
             " in place of " + std::to_string(layout::kStoreMagic);
    return false;
  }
  if (state.quota_bytes < kMinQuotaBytes || state.quota_bytes > kMaxQuotaBytes) {
    *error = "a corrupted store: a quota of " + std::to_string(state.quota_bytes) + " bytes";
    return false;
  }
  return true;
}

}  // namespace

bool Arena::Attach(int fd, std::string* error) {
  // The first page by a system call: the file may be shorter than a page, and what is no store is
  // not mapped.
  alignas(8) char page[kPageBytes];
  if (pread(fd, page, sizeof page, 0) != sizeof page) {
    *error = "not a store: it has no first page to read";
    return false;
  }
  return CheckFirstPage(page, error) && memory_.Map(fd, error) && AttachMemory(error);
}

bool Arena::AttachSlot(Memory slot, std::string* error) {
  memory_ = std::move(slot);
  return CheckFirstPage(base(), error) && AttachMemory(error);
}

bool Arena::AttachMemory(std::string* error) {
  const ArenaState* s = state();
  // A step may have been raising it; either way there is a place for that many.
  if (s->chunk_count < kMinChunks || s->chunk_count > kMaxChunks ||
      PlacesFor(s->chunk_count).end > memory_.bytes()) {
    *error = "a corrupted store: " + std::to_string(s->chunk_count) + " chunks do not fit " +
             std::to_string(memory_.bytes()) + " bytes";
    return false;
  }
  // Everything is about to be made anew, from the quota and the capacity.
  if (header()->clearing == layout::kClearing) return true;
  // Said before, in case this process ends as well.
  if (layout::JournalCount(header()) != 0) layout::OrderedStore(&state()->discard_pending, 1u);
  if (!TakeBackStep(error) || !CheckFixedWords(error)) return false;
  DiscardUnused();
  return s->discard_pending == 0 || RecountFreeMemory(error);
}

bool Arena::CheckFixedWords(std::string* error) const {
  const layout::StoreHeader* h = header();
  const ArenaState* s = state();
  const Places places = PlacesFor(s->chunk_count);
  ArenaState expected = {};
  SetConstants(&expected, s->chunk_count);
  const bool fits =
      h->magic == layout::kStoreMagic && s->quota_bytes >= kMinQuotaBytes &&
      s->quota_bytes <= kMaxQuotaBytes && s->chunk_count >= kMinChunks &&
      s->chunk_count <= kMaxChunks && places.end <= memory_.bytes() &&
      h->arena_state_offset == kArenaStateOffset && h->key_scratch_offset == kKeyScratchOffset &&
      h->undo_offset == places.undo_offset && h->journal_offset == kJournalOffset &&
      s->chunk_table_offset == expected.chunk_table_offset &&
      s->first_chunk == expected.first_chunk && s->frontier >= s->first_chunk &&
      s->frontier <= s->touched_chunks && s->touched_chunks <= s->chunk_count &&
      std::memcmp(s->class_units, expected.class_units, sizeof s->class_units) == 0 &&
      std::memcmp(s->classes_by_units, expected.classes_by_units, sizeof s->classes_by_units) == 0;
  if (!fits) {
    *error = "a corrupted store: its allocator's constants are not what its capacity asks for";
  }
  return fits;
}

// Writes the old words back, newest first. A process that ends meanwhile leaves the same to do.
bool Arena::TakeBackStep(std::string* error) {
  layout::StoreHeader* h = header();
  const uint64_t count = layout::JournalCount(h);
  const uint64_t end = memory_.bytes();
  // Its place is constant, and not yet compared.
  const auto* entries = At<const JournalEntry>(kJournalOffset);
  if (count > kMaxJournalEntries) {
    *error = "a corrupted store: its journal has " + std::to_string(count) + " entries";
    return false;
  }
  for (uint64_t i = count; i > 0; i--) {
    const JournalEntry entry = entries[i - 1];
    const uint64_t offset = entry.where & layout::kJournalOffsetMask;
    const uint64_t words = (entry.where >> layout::kJournalWordsShift) + 1;
    if (offset % 8 != 0 || offset >= end || words > (end - offset) / 8) {
      *error = "a corrupted store: its journal names what is outside of it";
      return false;
    }
    std::fill_n(At<uint64_t>(offset), words, entry.old_word);
    layout::MayEndHere();
  }
  EndStep();
  return true;
}

// A process that has raised the capacity may have ended before it gave back what lay behind the
// chunks before. Those that were never in use must read as zeros.
void Arena::DiscardUnused() {
  const uint64_t from = state()->touched_chunks * kChunkBytes;
  const uint64_t to = state()->chunk_count * kChunkBytes;
  if (memory_.NextData(from) < to) PunchHole(from, to - from);
}

// After a step that was taken back, or one whose freed memory the kernel was still to get: counts
// the free chunks' physical memory. What is too much goes back later (GiveBack).
bool Arena::RecountFreeMemory(std::string* error) {
  ArenaState* s = state();
  const auto visit_free = [&](const auto& visit) {
    for (uint32_t i = s->first_chunk; i < s->frontier;) {
      const Chunk* c = chunk(i);
      const uint32_t run = c->kind == ChunkKind::kSmall ? 1 : c->run_chunks;
      if (run == 0 || run > s->frontier - i) return false;
      if (c->kind == ChunkKind::kFreeRun) visit(i, run);
      i += run;
    }
    if (s->frontier < s->touched_chunks) visit(s->frontier, s->touched_chunks - s->frontier);
    return true;
  };
  uint64_t dirty = 0;
  const bool whole = visit_free([&](uint32_t first, uint32_t chunks) {
    for (uint32_t i = first; i < first + chunks; i++) {
      dirty += std::min<uint64_t>(chunk(i)->dirty_pages, kChunkPages);
    }
  });
  if (!whole) {
    *error = "a corrupted store: its chunks do not follow one another";
    return false;
  }
  SetFreeDirtyPages(dirty);
  layout::OrderedStore(&s->discard_pending, 0u);
  return true;
}

}  // namespace shredder::store

// An arena that another process has left: what lies at fixed places is checked, the step that was
// under way is taken back.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "runtime/store/arena.h"

namespace shredder::store {

using layout::JournalEntry;

bool Arena::Attach(int fd, std::string* error) {
  // The first page by a system call: the file may be shorter than what is mapped.
  alignas(8) char page[kPageBytes];
  struct stat status;
  if (fstat(fd, &status) != 0 || pread(fd, page, sizeof page, 0) != sizeof page) {
    *error = "not a store: it has no first page to read";
    return false;
  }
  layout::StoreHeader found;
  uint64_t quota;
  std::memcpy(&found, page, sizeof found);
  std::memcpy(&quota, page + kArenaStateOffset + offsetof(ArenaState, quota_bytes), sizeof quota);
  if (found.magic != layout::kStoreMagic) {
    *error = "not a store of this version: it begins with " + std::to_string(found.magic) +
             " in place of " + std::to_string(layout::kStoreMagic);
    return false;
  }
  const auto bytes = static_cast<uint64_t>(status.st_size);
  if (quota < kMinQuotaBytes || quota > kMaxQuotaBytes || PlacesFor(quota).end != bytes) {
    *error = "not a store: " + std::to_string(bytes) + " bytes do not fit a quota of " +
             std::to_string(quota);
    return false;
  }
  const int seals = fcntl(fd, F_GET_SEALS);
  if (seals < 0 || (seals & F_SEAL_SHRINK) == 0) {
    *error = "not a store: its file may shrink, as no store's may";
    return false;
  }
  fd_ = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (fd_ < 0) {
    *error = std::string("cannot duplicate a store's descriptor: ") + std::strerror(errno);
    return false;
  }
  if (!MapFile(bytes, error)) return false;
  // Everything is about to be made anew, from the quota.
  if (header()->clearing == layout::kClearing) return true;
  if (!CheckFixedWords(error)) return false;
  // Said before, in case this process ends as well.
  if (layout::JournalCount(header()) != 0) layout::OrderedStore(&state()->discard_pending, 1u);
  if (!TakeBackStep(error) || !CheckFixedWords(error)) return false;
  return state()->discard_pending == 0 || RecountFreeMemory(error);
}

bool Arena::CheckFixedWords(std::string* error) const {
  const layout::StoreHeader* h = header();
  const ArenaState* s = state();
  const Places places = PlacesFor(s->quota_bytes);
  ArenaState expected = {};
  SetConstants(&expected, s->quota_bytes);
  const bool fits =
      h->magic == layout::kStoreMagic && places.end == mapped_bytes_ &&
      h->arena_state_offset == kArenaStateOffset && h->key_scratch_offset == KeyScratchOffset() &&
      h->undo_offset == places.undo_offset && h->journal_offset == places.journal_offset &&
      s->chunk_table_offset == expected.chunk_table_offset &&
      s->chunk_count == expected.chunk_count && s->first_chunk == expected.first_chunk &&
      s->frontier >= s->first_chunk && s->frontier <= s->touched_chunks &&
      s->touched_chunks <= s->chunk_count &&
      std::memcmp(s->class_units, expected.class_units, sizeof s->class_units) == 0 &&
      std::memcmp(s->classes_by_units, expected.classes_by_units, sizeof s->classes_by_units) == 0;
  if (!fits) *error = "a corrupted store: its allocator's constants are not what its size asks for";
  return fits;
}

// Writes the old words back, newest first. A process that ends meanwhile leaves the same to do.
bool Arena::TakeBackStep(std::string* error) {
  layout::StoreHeader* h = header();
  const uint64_t count = layout::JournalCount(h);
  const uint64_t end = PlacesFor(quota_bytes()).undo_offset;
  const JournalEntry* entries = layout::JournalOf(h);
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

// After a step that was taken back, or one whose freed memory the kernel was still to get: counts
// the free chunks' physical memory, and gives it back where it is more than is kept.
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
  layout::OrderedStore(&s->free_dirty_pages, static_cast<uint32_t>(dirty));
  if (dirty > kFreeDirtyPagesKept) {
    visit_free([this](uint32_t first, uint32_t chunks) {
      if (DirtyPages(first, chunks) != 0) DiscardRun(first, chunks);
    });
  }
  layout::OrderedStore(&s->discard_pending, 0u);
  return true;
}

}  // namespace shredder::store

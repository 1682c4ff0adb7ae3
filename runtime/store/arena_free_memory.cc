// The physical memory that free chunks keep for the next blocks, beyond the small reserve.
#include <algorithm>
#include <cassert>
#include <utility>

#include "runtime/store/arena.h"

namespace shredder::store {

namespace {

// How many chunks of free runs one call looks at (16 GiB), some of which have none.
constexpr uint64_t kMaxChunksSearched = 1 << 18;
// Looked at, and given back, so many at once (2 MiB).
constexpr uint32_t kChunksPerPiece = 32;

}  // namespace

void Arena::SetFreeDirtyPages(uint64_t pages) {
  layout::OrderedStore(&state()->free_dirty_pages, static_cast<uint32_t>(pages));
  CountFreePages();
}

void Arena::CountFreePages() {
  const uint64_t pages = state()->free_dirty_pages;
  const uint64_t beyond = pages - std::min<uint64_t>(pages, kFreeDirtyPagesKept);
  least_free_pages_ = std::min(least_free_pages_, pages);
  unneeded_pages_ = std::min(unneeded_pages_, beyond);
  if (budget_ == nullptr) return;
  budget_->Change(std::exchange(counted_pages_, beyond), beyond);
}

void Arena::SetBudget(FreeMemoryBudget* budget) {
  if (budget_ != nullptr) budget_->Change(std::exchange(counted_pages_, 0), 0);
  budget_ = budget;
  if (budget_ != nullptr) CountFreePages();
}

void Arena::NoteUnneeded() {
  const uint64_t free_pages = state()->free_dirty_pages;
  unneeded_pages_ = least_free_pages_ - std::min<uint64_t>(least_free_pages_, kFreeDirtyPagesKept);
  least_free_pages_ = free_pages;
}

void Arena::GiveBack(uint64_t max_bytes) {
  ArenaState* s = state();
  assert(layout::JournalCount(header()) == 0 && discards_.empty());
  const uint64_t free_pages = s->free_dirty_pages;
  const uint64_t least_pages = least_free_pages_;
  // Less where some of it has been needed after all.
  const uint64_t needless_pages =
      std::min(unneeded_pages_, least_pages - std::min<uint64_t>(least_pages, kFreeDirtyPagesKept));
  unneeded_pages_ = 0;
  if (needless_pages == 0) return;
  const uint64_t end_pages = free_pages - std::min(needless_pages, max_bytes / layout::kPageBytes);
  layout::OrderedStore(&s->discard_pending, 1u);
  DiscardBehindFrontier(end_pages);
  DiscardFreeRuns(end_pages);
  layout::OrderedStore(&s->discard_pending, 0u);
  const uint64_t given_back = free_pages - std::min<uint64_t>(free_pages, s->free_dirty_pages);
  // What was given back is not what was needed.
  least_free_pages_ = least_pages - std::min(least_pages, given_back);
  // Where too little was found there is no more.
  if (s->free_dirty_pages <= end_pages) {
    unneeded_pages_ = needless_pages - std::min(needless_pages, given_back);
  }
}

// From the last chunk on that was ever in use, which then has not been: so no chunk is looked at
// twice.
void Arena::DiscardBehindFrontier(uint64_t end_pages) {
  ArenaState* s = state();
  while (s->touched_chunks > s->frontier && s->free_dirty_pages > end_pages) {
    const uint32_t piece = std::min(kChunksPerPiece, s->touched_chunks - s->frontier);
    const uint32_t first = s->touched_chunks - piece;
    if (!DiscardIfDirty(first, piece)) return;
    layout::OrderedStore(&s->touched_chunks, first);
  }
}

// The longest first.
void Arena::DiscardFreeRuns(uint64_t end_pages) {
  const ArenaState* s = state();
  uint64_t left_to_search = kMaxChunksSearched;
  for (int bin = kRunBinCount - 1; bin >= 0; bin--) {
    for (uint32_t run = s->run_bins[bin]; run != 0; run = chunk(run)->next) {
      const uint32_t end = run + chunk(run)->run_chunks;
      for (uint32_t at = run, piece; at < end; at += piece) {
        piece = std::min(kChunksPerPiece, end - at);
        if (s->free_dirty_pages <= end_pages || left_to_search < piece) return;
        left_to_search -= piece;
        if (!DiscardIfDirty(at, piece)) return;
      }
    }
  }
}

bool Arena::DiscardIfDirty(uint32_t first, uint32_t chunks) {
  if (DirtyPages(first, chunks) != 0) DiscardRun(first, chunks);
  return DirtyPages(first, chunks) == 0;
}

}  // namespace shredder::store

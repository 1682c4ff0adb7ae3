// The physical memory that free chunks keep for the next blocks, beyond the small reserve.
#include <algorithm>
#include <cassert>
#include <utility>

#include "runtime/store/arena.h"

namespace shredder::store {

namespace {

// What GiveBackUnneeded gives back in one call (8 MiB), and how many chunks it looks at.
constexpr uint64_t kMaxPagesUnneeded = 2048;
constexpr uint64_t kMaxChunksSearched = 16384;
// Looked at, and given back, so many at once (2 MiB).
constexpr uint64_t kChunksPerPiece = 32;

}  // namespace

void Arena::SetFreeDirtyPages(uint64_t pages) {
  layout::OrderedStore(&state()->free_dirty_pages, static_cast<uint32_t>(pages));
  CountFreePages();
}

void Arena::CountFreePages() {
  const uint64_t pages = state()->free_dirty_pages;
  least_free_pages_ = std::min(least_free_pages_, pages);
  if (budget_ == nullptr) return;
  const uint64_t beyond = pages - std::min<uint64_t>(pages, kFreeDirtyPagesKept);
  budget_->Change(std::exchange(counted_pages_, beyond), beyond);
}

void Arena::SetBudget(FreeMemoryBudget* budget) {
  if (budget_ != nullptr) budget_->Change(std::exchange(counted_pages_, 0), 0);
  budget_ = budget;
  if (budget_ != nullptr) CountFreePages();
}

void Arena::GiveBackUnneeded() {
  ArenaState* s = state();
  assert(layout::JournalCount(header()) == 0 && discards_.empty());
  const uint64_t kept_pages =
      s->free_dirty_pages - std::min<uint64_t>(s->free_dirty_pages, least_free_pages_);
  const uint64_t target_pages = std::max<uint64_t>(kept_pages, kFreeDirtyPagesKept);
  least_free_pages_ = s->free_dirty_pages;
  if (s->free_dirty_pages <= target_pages) return;
  layout::OrderedStore(&s->discard_pending, 1u);
  const uint64_t end_pages =
      std::max(target_pages,
               s->free_dirty_pages - std::min<uint64_t>(s->free_dirty_pages, kMaxPagesUnneeded));
  uint64_t left_to_search = kMaxChunksSearched;
  const auto visit = [&](uint32_t first, uint64_t chunks) {
    for (uint64_t at = first; at < first + chunks && s->free_dirty_pages > end_pages;) {
      const uint64_t wanted = RoundUp(s->free_dirty_pages - end_pages, kChunkPages) / kChunkPages;
      const uint64_t piece = std::min<uint64_t>({first + chunks - at, kChunksPerPiece, wanted});
      if (left_to_search < piece) return false;
      left_to_search -= piece;
      if (DirtyPages(static_cast<uint32_t>(at), static_cast<uint32_t>(piece)) != 0) {
        DiscardRun(static_cast<uint32_t>(at), static_cast<uint32_t>(piece));
      }
      at += piece;
    }
    return s->free_dirty_pages > end_pages;
  };
  bool goes_on = visit(s->frontier,
                       std::min<uint64_t>(s->touched_chunks - s->frontier, kMaxChunksSearched / 2));
  for (int bin = kRunBinCount - 1; goes_on && bin >= 0; bin--) {
    for (uint32_t run = s->run_bins[bin]; goes_on && run != 0; run = chunk(run)->next) {
      goes_on = visit(run, chunk(run)->run_chunks);
    }
  }
  layout::OrderedStore(&s->discard_pending, 0u);
  least_free_pages_ = s->free_dirty_pages;
}

}  // namespace shredder::store

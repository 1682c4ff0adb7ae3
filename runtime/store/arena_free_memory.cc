// The physical memory that free chunks keep for the next blocks, beyond the small reserve.
#include <algorithm>
#include <cassert>
#include <utility>

#include "runtime/store/arena.h"

namespace shredder::store {

namespace {

// What one call gives back (16 MiB), and how many chunks it looks at.
constexpr uint64_t kMaxPagesGivenBack = 4096;
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
  const uint64_t free_pages = state()->free_dirty_pages;
  const uint64_t kept_pages = free_pages - std::min(free_pages, least_free_pages_);
  const uint64_t target_pages = std::max<uint64_t>(kept_pages, kFreeDirtyPagesKept);
  unneeded_pages_ = free_pages - std::min(free_pages, target_pages);
  least_free_pages_ = free_pages;
  if (gives_back()) GiveBackMore();
}

void Arena::GiveBackMore() {
  ArenaState* s = state();
  assert(layout::JournalCount(header()) == 0 && discards_.empty());
  const uint64_t free_pages = s->free_dirty_pages;
  // Less where some of it has been needed after all.
  const uint64_t needless_pages =
      std::min(unneeded_pages_,
               least_free_pages_ - std::min<uint64_t>(least_free_pages_, kFreeDirtyPagesKept));
  unneeded_pages_ = needless_pages - std::min(needless_pages, kMaxPagesGivenBack);
  const uint64_t end_pages = free_pages - std::min(needless_pages, kMaxPagesGivenBack);
  if (end_pages == free_pages) return;
  layout::OrderedStore(&s->discard_pending, 1u);
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
}

}  // namespace shredder::store

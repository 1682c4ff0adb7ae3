#include "runtime/engine/tenant_isolate.h"

#include <algorithm>

#include "runtime/engine/wasm/modules.h"

namespace shredder::engine {

namespace {

// Room that a tenant gets to unwind in, once its heap is full. V8 can ask for large pieces at once.
constexpr size_t kHeapHeadroomBytes = 64 * 1024 * 1024;

// More contexts would make collections longer, and the end of a heap worse. Each has a MiB of the
// heap's limit at least.
constexpr size_t kMaxContexts = 64;

// What ICU holds before garbage is first collected for its sake.
constexpr uint64_t kLeastIcuBytes = 4 * 1024 * 1024;

// Of an error's stack.
constexpr int kMaxFrames = 32;

}  // namespace

TenantIsolate::TenantIsolate(uint64_t heap_limit_mb)
    : heap_limit_mb_(heap_limit_mb), allocator_(heap_limit_mb * 1024 * 1024) {
  v8::Isolate::CreateParams params;
  params.array_buffer_allocator = &allocator_;
  params.constraints.ConfigureDefaultsFromHeapSize(0, heap_limit_mb * 1024 * 1024);
  isolate_ = v8::Isolate::New(params);
  isolate_->SetMicrotasksPolicy(v8::MicrotasksPolicy::kExplicit);
  isolate_->SetAllowAtomicsWait(false);
  BoundModules(isolate_);
  isolate_->SetCaptureStackTraceForUncaughtExceptions(true, kMaxFrames);
  isolate_->AddNearHeapLimitCallback(OnNearHeapLimit, this);
  icu_.Attach(isolate_, OnIcuMemory, this);
  SetIcuThreshold();
}

TenantIsolate::~TenantIsolate() {
  isolate_->RemoveNearHeapLimitCallback(OnNearHeapLimit, 0);
  icu_.Detach();
  DisposeIsolate(isolate_);
}

uint64_t TenantIsolate::used_bytes() const {
  v8::HeapStatistics statistics;
  isolate_->GetHeapStatistics(&statistics);
  return statistics.used_heap_size() + allocator_.used_bytes() + icu_.used_bytes();
}

void TenantIsolate::RemoveContext() {
  --context_count_;
  ++removed_count_;
}

bool TenantIsolate::HasRoomForContext() const {
  return !heap_exhausted_ && context_count_ < std::min<size_t>(kMaxContexts, heap_limit_mb_) &&
         used_bytes() < heap_limit_mb_ * 1024 * 1024 / 2;
}

void TenantIsolate::CollectRemovedContexts() {
  if (heap_exhausted_ || removed_count_ == 0 || removed_count_ < context_count_) return;
  removed_count_ = 0;
  const v8::Isolate::Scope scope(isolate_);
  isolate_->MemoryPressureNotification(v8::MemoryPressureLevel::kCritical);
  isolate_->MemoryPressureNotification(v8::MemoryPressureLevel::kNone);
}

void TenantIsolate::AbortCompilations() {
  const v8::Isolate::Scope scope(isolate_);
  // Of V8's interface, the one call that waits for it.
  isolate_->ClearCachesForTesting();
}

size_t TenantIsolate::OnNearHeapLimit(void* data, size_t current, size_t) {
  auto* self = static_cast<TenantIsolate*>(data);
  self->heap_exhausted_ = true;
  self->isolate_->TerminateExecution();
  return current + kHeapHeadroomBytes;
}

// Objects of scripts hold ICU's memory, so garbage is collected before it is too much.
void TenantIsolate::OnIcuMemory(void* data) {
  auto* self = static_cast<TenantIsolate*>(data);
  self->isolate_->MemoryPressureNotification(v8::MemoryPressureLevel::kCritical);
  self->isolate_->MemoryPressureNotification(v8::MemoryPressureLevel::kNone);
  if (self->icu_.used_bytes() > self->heap_limit_mb_ * 1024 * 1024) {
    self->heap_exhausted_ = true;
    self->isolate_->TerminateExecution();
  }
  self->SetIcuThreshold();
}

void TenantIsolate::SetIcuThreshold() {
  const uint64_t limit = heap_limit_mb_ * 1024 * 1024;
  icu_.SetThreshold(std::min(limit, std::max(kLeastIcuBytes, 2 * icu_.used_bytes())));
}

}  // namespace shredder::engine

#include "runtime/engine/tenant_isolate.h"

#include "runtime/engine/store_module.h"
#include "runtime/engine/tenant_context.h"

namespace shredder::engine {

namespace {

// Room that a tenant gets to unwind in, once its heap is full. V8 can ask for large pieces at once.
constexpr size_t kHeapHeadroomBytes = 64 * 1024 * 1024;

}  // namespace

std::unique_ptr<TenantIsolate> TenantIsolate::Make(uint64_t heap_limit_mb, bool callback_builtins) {
  std::unique_ptr<TenantIsolate> made(new TenantIsolate(heap_limit_mb));
  v8::Isolate::CreateParams params;
  params.array_buffer_allocator = &made->allocator_;
  params.constraints.ConfigureDefaultsFromHeapSize(0, heap_limit_mb * 1024 * 1024);
  made->isolate_ = v8::Isolate::New(params);
  made->isolate_->SetMicrotasksPolicy(v8::MicrotasksPolicy::kExplicit);
  made->isolate_->SetAllowAtomicsWait(false);
  made->isolate_->SetCaptureStackTraceForUncaughtExceptions(true, 8);
  made->isolate_->AddNearHeapLimitCallback(OnNearHeapLimit, made.get());
  if (!made->MakeContext(callback_builtins)) return nullptr;
  return made;
}

bool TenantIsolate::MakeContext(bool callback_builtins) {
  v8::Isolate::Scope isolate_scope(isolate_);
  v8::HandleScope handle_scope(isolate_);
  v8::TryCatch try_catch(isolate_);
  v8::Local<v8::Context> context;
  if (!MakeTenantContext(isolate_).ToLocal(&context)) return false;
  v8::Context::Scope context_scope(context);
  v8::Local<v8::Module> store_module;
  if (!MakeStoreModule(context, &store_state_, callback_builtins).ToLocal(&store_module)) {
    return false;
  }
  context_.Reset(isolate_, context);
  store_module_.Reset(isolate_, store_module);
  return true;
}

TenantIsolate::~TenantIsolate() {
  store_module_.Reset();
  context_.Reset();
  isolate_->RemoveNearHeapLimitCallback(OnNearHeapLimit, 0);
  DisposeIsolate(isolate_);
}

void TenantIsolate::AttachStore(store::Store* store) {
  v8::Isolate::Scope isolate_scope(isolate_);
  v8::HandleScope handle_scope(isolate_);
  store_state_.store = store;
  engine::AttachStore(context(), store);
}

uint64_t TenantIsolate::used_bytes() const {
  v8::HeapStatistics statistics;
  isolate_->GetHeapStatistics(&statistics);
  return statistics.used_heap_size() + allocator_.used_bytes();
}

size_t TenantIsolate::OnNearHeapLimit(void* data, size_t current, size_t) {
  auto* self = static_cast<TenantIsolate*>(data);
  self->heap_exhausted_ = true;
  self->isolate_->TerminateExecution();
  return current + kHeapHeadroomBytes;
}

}  // namespace shredder::engine

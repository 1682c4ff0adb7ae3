#include "runtime/engine/icu.h"

#include <unicode/locid.h>
#include <unicode/timezone.h>
#include <unicode/uclean.h>
#include <unicode/udata.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>

namespace shredder::engine {

namespace {

constexpr uint32_t kAccountSlot = 0;  // of an isolate's data

}  // namespace

// Outlives its account while blocks are held: ICU's caches keep some.
struct IcuAccount::State {
  v8::Isolate* isolate = nullptr;
  OnAbove on_above = nullptr;
  void* data = nullptr;
  uint64_t threshold_bytes = UINT64_MAX;
  bool is_requested = false;
  // An optimising compiler's thread may free what the isolate's has allocated.
  std::atomic<uint64_t> used_bytes{0};
  std::atomic<uint64_t> references{1};  // of the account, and of each block

  void Release() {
    if (references.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }
  void Request() {
    is_requested = true;
    isolate->RequestInterrupt(
        [](v8::Isolate* isolate, void*) {
          auto* state = static_cast<State*>(isolate->GetData(kAccountSlot));
          if (state == nullptr) return;
          state->is_requested = false;
          if (state->used_bytes > state->threshold_bytes) state->on_above(state->data);
        },
        nullptr);
  }
};

// ICU's memory, each block behind a header.
struct IcuMemory {
  struct alignas(std::max_align_t) Header {
    IcuAccount::State* state;
    size_t bytes;
  };

  static void* Allocate(const void*, size_t bytes) {
    if (bytes > SIZE_MAX - sizeof(Header)) return nullptr;
    auto* const header = static_cast<Header*>(std::malloc(sizeof(Header) + bytes));
    if (header == nullptr) return nullptr;
    v8::Isolate* const isolate = v8::Isolate::TryGetCurrent();
    auto* const state = isolate == nullptr
                            ? nullptr
                            : static_cast<IcuAccount::State*>(isolate->GetData(kAccountSlot));
    *header = {state, bytes};
    if (state != nullptr) Count(state, bytes);
    return header + 1;
  }

  static void* Reallocate(const void* context, void* block, size_t bytes) {
    if (block == nullptr) return Allocate(context, bytes);
    void* const moved = Allocate(context, bytes);
    if (moved == nullptr) return nullptr;
    std::memcpy(moved, block, std::min(bytes, HeaderOf(block)->bytes));
    Free(context, block);
    return moved;
  }

  static void Free(const void*, void* block) {
    if (block == nullptr) return;
    Header* const header = HeaderOf(block);
    if (IcuAccount::State* const state = header->state; state != nullptr) {
      state->used_bytes.fetch_sub(header->bytes, std::memory_order_relaxed);
      state->Release();
    }
    std::free(header);
  }

 private:
  static Header* HeaderOf(void* block) { return static_cast<Header*>(block) - 1; }

  static void Count(IcuAccount::State* state, size_t bytes) {
    state->references.fetch_add(1, std::memory_order_relaxed);
    const uint64_t used = state->used_bytes.fetch_add(bytes, std::memory_order_relaxed) + bytes;
    if (used > state->threshold_bytes && !state->is_requested) state->Request();
  }
};

bool InitializeIcu(std::string* error) {
  UErrorCode status = U_ZERO_ERROR;
  u_setMemoryFunctions(nullptr, IcuMemory::Allocate, IcuMemory::Reallocate, IcuMemory::Free,
                       &status);
  // Its data is part of a library; a process that is locked up can open no file.
  udata_setFileAccess(UDATA_NO_FILES, &status);
  icu::Locale::setDefault(icu::Locale::getUS(), status);
  if (U_SUCCESS(status)) {
    icu::TimeZone::adoptDefault(icu::TimeZone::createTimeZone(icu::UnicodeString(u"UTC")));
  }
  u_init(&status);
  if (U_SUCCESS(status)) return true;
  *error = std::string("ICU does not start: ") + u_errorName(status) +
           "; is its library of the version that this was built with, " U_ICU_VERSION "?";
  return false;
}

void IcuAccount::Attach(v8::Isolate* isolate, OnAbove on_above, void* data) {
  state_ = new State;
  state_->isolate = isolate;
  state_->on_above = on_above;
  state_->data = data;
  isolate->SetData(kAccountSlot, state_);
}

void IcuAccount::Detach() {
  if (state_ == nullptr) return;
  state_->isolate->SetData(kAccountSlot, nullptr);
  state_->threshold_bytes = UINT64_MAX;
  state_->Release();
  state_ = nullptr;
}

uint64_t IcuAccount::used_bytes() const {
  return state_ == nullptr ? 0 : state_->used_bytes.load(std::memory_order_relaxed);
}

void IcuAccount::SetThreshold(uint64_t bytes) { state_->threshold_bytes = bytes; }

}  // namespace shredder::engine

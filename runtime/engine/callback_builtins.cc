#include "runtime/engine/callback_builtins.h"

#include <cstring>
#include <optional>
#include <string_view>

#include "runtime/engine/store_arguments.h"
#include "runtime/engine/v8_strings.h"

namespace shredder::engine {

namespace {

// DBGet(key): ArrayBuffer | undefined
void DBGet(const v8::FunctionCallbackInfo<v8::Value>& info) {
  v8::Isolate* isolate = info.GetIsolate();
  KeyArgument key;
  if (!key.Read(isolate, info[0])) return;
  const std::optional<std::string_view> value = StateOf(info)->store->Get(key.key());
  if (!value) return;
  // Not ArrayBuffer::New(isolate, size), which ends the process where the tenant's memory is used
  // up.
  v8::ArrayBuffer::Allocator* allocator = isolate->GetArrayBufferAllocator();
  void* bytes = allocator->AllocateUninitialized(value->size());
  if (bytes == nullptr) {
    // What is missing may be garbage.
    isolate->MemoryPressureNotification(v8::MemoryPressureLevel::kCritical);
    isolate->MemoryPressureNotification(v8::MemoryPressureLevel::kNone);
    bytes = allocator->AllocateUninitialized(value->size());
  }
  if (bytes == nullptr) {
    // As V8 words it.
    isolate->ThrowException(
        v8::Exception::RangeError(AsciiString(isolate, "Array buffer allocation failed")));
    return;
  }
  std::memcpy(bytes, value->data(), value->size());
  info.GetReturnValue().Set(v8::ArrayBuffer::New(
      isolate, v8::ArrayBuffer::NewBackingStore(
                   bytes, value->size(),
                   [](void* data, size_t size, void* deleter_data) {
                     static_cast<v8::ArrayBuffer::Allocator*>(deleter_data)->Free(data, size);
                   },
                   allocator)));
}

// DBGetNumber(key): number | undefined, the value's first uint32
void DBGetNumber(const v8::FunctionCallbackInfo<v8::Value>& info) {
  KeyArgument key;
  if (!key.Read(info.GetIsolate(), info[0])) return;
  const std::optional<std::string_view> value = StateOf(info)->store->Get(key.key());
  if (!value || value->size() < sizeof(uint32_t)) return;
  uint32_t number;
  std::memcpy(&number, value->data(), sizeof number);
  info.GetReturnValue().Set(number);
}

constexpr Callback kCallbackBuiltins[] = {{"DBGet", DBGet, 1},
                                          {"DBGetNumber", DBGetNumber, 1},
                                          {"DBSet", HTSet, 2},
                                          {"DBDelete", HTDelete, 1},
                                          {"DBAdd", HTAdd, 2}};

}  // namespace

std::span<const Callback> CallbackBuiltins() { return kCallbackBuiltins; }

}  // namespace shredder::engine

#include "runtime/engine/store_callbacks.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/engine/store_arguments.h"
#include "runtime/engine/v8_strings.h"

namespace shredder::engine {

namespace {

constexpr auto kMaxCounter = static_cast<int64_t>(layout::kMaxSafeInteger);

// Throws unless tenant code may write now.
bool CheckWritable(v8::Isolate* isolate, const StoreModuleState& state) {
  switch (state.access) {
    case StoreAccess::kReadWrite:
      return true;
    case StoreAccess::kReadOnlyInvocation:
      ThrowStoreError(isolate, StoreError::kReadOnlyFunction);
      return false;
    case StoreAccess::kReadOnlyLoad:
      ThrowStoreError(isolate, StoreError::kReadOnlyLoad);
      return false;
  }
  return false;
}

// False with an exception pending for what a write was refused for.
bool Succeeded(v8::Isolate* isolate, store::WriteStatus status) {
  switch (status) {
    case store::WriteStatus::kOk:
      return true;
    case store::WriteStatus::kOutOfMemory:
      ThrowStoreError(isolate, StoreError::kOutOfMemory);
      return false;
    case store::WriteStatus::kValueTooLong:
      ThrowStoreError(isolate, StoreError::kValueTooLong);
      return false;
  }
  return false;
}

}  // namespace

void HTSet(const v8::FunctionCallbackInfo<v8::Value>& info) {
  v8::Isolate* isolate = info.GetIsolate();
  StoreModuleState* state = StateOf(info);
  KeyArgument key;
  std::string on_heap_bytes;
  if (!CheckWritable(isolate, *state) || !key.Read(isolate, info[0])) return;
  const std::optional<std::string_view> bytes = BytesOf(isolate, info[1], &on_heap_bytes);
  if (!bytes) return;
  Succeeded(isolate, state->store->Set(key.key(), *bytes));
}

void HTDelete(const v8::FunctionCallbackInfo<v8::Value>& info) {
  v8::Isolate* isolate = info.GetIsolate();
  StoreModuleState* state = StateOf(info);
  KeyArgument key;
  if (!CheckWritable(isolate, *state) || !key.Read(isolate, info[0])) return;
  info.GetReturnValue().Set(state->store->Delete(key.key()));
}

void HTAdd(const v8::FunctionCallbackInfo<v8::Value>& info) {
  v8::Isolate* isolate = info.GetIsolate();
  StoreModuleState* state = StateOf(info);
  KeyArgument key;
  int64_t delta;
  if (!CheckWritable(isolate, *state) || !key.Read(isolate, info[0]) ||
      !ReadInteger(isolate, info[1], -kMaxCounter,
                   {StoreError::kDeltaType, StoreError::kDeltaRange}, &delta)) {
    return;
  }
  int64_t sum;
  switch (state->store->AddToCounter(key.key(), delta, -kMaxCounter, kMaxCounter, &sum)) {
    case store::CounterStatus::kOk:
      return info.GetReturnValue().Set(static_cast<double>(sum));
    case store::CounterStatus::kNotCounter:
      return ThrowStoreError(isolate, StoreError::kNotCounter);
    case store::CounterStatus::kOutOfRange:
      return ThrowStoreError(isolate, StoreError::kSumRange);
    case store::CounterStatus::kOutOfMemory:
      return ThrowStoreError(isolate, StoreError::kOutOfMemory);
  }
}

void HTScan(const v8::FunctionCallbackInfo<v8::Value>& info) {
  v8::Isolate* isolate = info.GetIsolate();
  const v8::Local<v8::Context> context = isolate->GetCurrentContext();
  int64_t cursor;
  if (!ReadInteger(isolate, info[0], 0, {StoreError::kCursorType, StoreError::kCursorRange},
                   &cursor)) {
    return;
  }
  if (!info[1]->IsArray()) return ThrowStoreError(isolate, StoreError::kIntoType, info[1]);
  const v8::Local<v8::Array> into = info[1].As<v8::Array>();
  std::vector<std::string> keys;
  const uint64_t next =
      StateOf(info)->store->Scan(static_cast<uint64_t>(cursor), kKeysPerScan,
                                 [&keys](std::string_view key) { keys.emplace_back(key); });
  if (into->Set(context, AsciiString(isolate, "length"), v8::Integer::New(isolate, 0))
          .IsNothing()) {
    return;
  }
  uint32_t count = 0;
  for (const std::string& key : keys) {
    v8::Local<v8::Value> value;
    if (!KeyValue(isolate, key).ToLocal(&value)) continue;
    // Not Set, which would run a setter of the tenant's.
    bool created;
    if (!into->CreateDataProperty(context, count, value).To(&created)) return;
    if (!created) return ThrowStoreError(isolate, StoreError::kIntoFixed);
    ++count;
  }
  if (into->Length() != count) return ThrowStoreError(isolate, StoreError::kIntoFixed);
  info.GetReturnValue().Set(static_cast<double>(next));
}

}  // namespace shredder::engine

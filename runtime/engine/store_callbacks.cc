#include "runtime/engine/store_callbacks.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/engine/store_arguments.h"
#include "runtime/engine/v8_strings.h"
#include "runtime/resp/glob.h"

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
  store::Store* store = state->store;
  KeyArgument key;
  SetOptions options;
  ValueArgument value;
  // The value is read last, as getters of the options can take its bytes away.
  if (!CheckWritable(isolate, *state) || !key.Read(isolate, info[0]) ||
      !ValueArgument::Check(isolate, info[1]) ||
      !ReadSetOptions(isolate->GetCurrentContext(), info[2], store->now_ms(), &state->option_names,
                      &options) ||
      !value.Read(isolate, info[1])) {
    return;
  }
  if ((options.if_absent && store->Has(key.key())) ||
      (options.if_present && !store->Has(key.key()))) {
    return info.GetReturnValue().Set(false);
  }
  if (options.is_expired) {
    store->Delete(key.key());
    return info.GetReturnValue().Set(true);
  }
  if (Succeeded(isolate, store->Set(key.key(), value.bytes(), options.expiry))) {
    info.GetReturnValue().Set(true);
  }
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

void HTAppend(const v8::FunctionCallbackInfo<v8::Value>& info) {
  v8::Isolate* isolate = info.GetIsolate();
  StoreModuleState* state = StateOf(info);
  KeyArgument key;
  ValueArgument value;
  if (!CheckWritable(isolate, *state) || !key.Read(isolate, info[0]) ||
      !value.Read(isolate, info[1]) ||
      !Succeeded(isolate, state->store->Append(key.key(), value.bytes()))) {
    return;
  }
  info.GetReturnValue().Set(static_cast<double>(state->store->Get(key.key())->size()));
}

void HTExpire(const v8::FunctionCallbackInfo<v8::Value>& info) {
  v8::Isolate* isolate = info.GetIsolate();
  StoreModuleState* state = StateOf(info);
  KeyArgument key;
  uint64_t at_ms;
  if (!CheckWritable(isolate, *state) || !key.Read(isolate, info[0]) ||
      !ReadTtl(isolate, info[1], state->store->now_ms(), &at_ms)) {
    return;
  }
  switch (state->store->SetExpiresAt(key.key(), at_ms)) {
    case store::ExpiryStatus::kOk:
      return info.GetReturnValue().Set(true);
    case store::ExpiryStatus::kAbsent:
      return info.GetReturnValue().Set(false);
    case store::ExpiryStatus::kOutOfMemory:
      return ThrowStoreError(isolate, StoreError::kOutOfMemory);
  }
}

namespace {

// Some keys from the cursor on that match the pattern, if there is one, and the next cursor.
uint64_t ScanKeys(const store::Store& store, const resp::Glob* pattern, uint64_t cursor,
                  std::vector<std::string>* keys) {
  constexpr size_t kMaxSteps = 1'000'000;  // a millisecond or so
  uint64_t count = kKeysPerScan;
  if (pattern != nullptr) {
    // Fewer keys where these are so long that it takes long to match them.
    for (; count > 1; count /= 2) {
      size_t steps = 0;
      store.Scan(cursor, count, [&](std::string_view key) { steps += pattern->StepsFor(key); });
      if (steps <= kMaxSteps) break;
    }
  }
  return store.Scan(cursor, count, [&](std::string_view key) {
    if (pattern == nullptr || pattern->Matches(key)) keys->emplace_back(key);
  });
}

// The pattern argument of HTScan; nothing where it is undefined. False with an exception pending.
bool ReadPattern(v8::Isolate* isolate, v8::Local<v8::Value> value,
                 std::optional<resp::Glob>* pattern) {
  static_assert(layout::kMaxPatternBytes == resp::Glob::kMaxPatternBytes);
  if (value->IsUndefined()) return true;
  if (!value->IsString()) {
    ThrowStoreError(isolate, StoreError::kPatternType, value);
    return false;
  }
  const v8::Local<v8::String> string = value.As<v8::String>();
  if (static_cast<uint64_t>(string->Length()) <= layout::kMaxPatternBytes) {
    *pattern = resp::Glob::Compile(Utf8(isolate, string));
  }
  if (!*pattern) ThrowStoreError(isolate, StoreError::kPatternTooLong);
  return pattern->has_value();
}

}  // namespace

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
  std::optional<resp::Glob> pattern;
  if (!ReadPattern(isolate, info[2], &pattern)) return;
  std::vector<std::string> keys;
  const uint64_t next = ScanKeys(*StateOf(info)->store, pattern ? &*pattern : nullptr,
                                 static_cast<uint64_t>(cursor), &keys);
  if (into->Set(context, AsciiString(isolate, "length"), v8::Integer::New(isolate, 0))
          .IsNothing()) {
    return;
  }
  uint32_t count = 0;
  for (const std::string& key : keys) {
    v8::Local<v8::Value> value;
    if (!KeyValue(isolate, key).ToLocal(&value)) return;
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

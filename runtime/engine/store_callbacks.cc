#include "runtime/engine/store_callbacks.h"

#include <charconv>
#include <cmath>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/engine/store_arguments.h"
#include "runtime/engine/v8_strings.h"

namespace shredder::engine {

namespace {

// Throws unless tenant code may write now.
bool CheckWritable(v8::Isolate* isolate, const StoreModuleState& state) {
  switch (state.access) {
    case StoreAccess::kReadWrite:
      return true;
    case StoreAccess::kReadOnlyInvocation:
      ThrowTypeError(isolate, "READONLY a function with the flag no-writes cannot write the store");
      return false;
    case StoreAccess::kReadOnlyLoad:
      ThrowTypeError(isolate, "READONLY a library cannot write the store while it loads");
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
      ThrowRangeError(isolate, "OOM the tenant's memory quota is used up");
      return false;
    case store::WriteStatus::kValueTooLong:
      ThrowRangeError(isolate, "value is longer than 536870912 bytes");
      return false;
  }
  return false;
}

// A counter's value: the canonical decimal form of a 64-bit integer, as Redis's INCRBY takes it.
std::optional<int64_t> ParseCounter(std::string_view text) {
  int64_t number;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  // Neither leading zeros nor -0.
  if (std::to_string(number) != text) return std::nullopt;
  return number;
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
      !ReadInteger(isolate, info[1], "delta", -kMaxSafeInteger, kMaxSafeInteger, &delta)) {
    return;
  }
  std::optional<int64_t> old_number = 0;
  if (const std::optional<std::string_view> value = state->store->Get(key.key())) {
    old_number = ParseCounter(*value);
    if (!old_number) return ThrowTypeError(isolate, "value is not an integer");
  }
  int64_t sum;
  if (__builtin_add_overflow(*old_number, delta, &sum) ||
      std::abs(static_cast<double>(sum)) > kMaxSafeInteger) {
    return ThrowRangeError(isolate, "the sum is not a safe integer");
  }
  if (!Succeeded(isolate,
                 state->store->Set(key.key(), std::to_string(sum), store::Expiry::Keep()))) {
    return;
  }
  info.GetReturnValue().Set(static_cast<double>(sum));
}

void HTScan(const v8::FunctionCallbackInfo<v8::Value>& info) {
  // The store's cursors are below; from here on there are no keys.
  constexpr int64_t kEndCursor = int64_t{1} << 48;
  v8::Isolate* isolate = info.GetIsolate();
  const v8::Local<v8::Context> context = isolate->GetCurrentContext();
  int64_t cursor;
  if (!ReadInteger(isolate, info[0], "cursor", 0, kMaxSafeInteger, &cursor)) return;
  if (!info[1]->IsArray()) return ThrowTypeError(isolate, "into must be an array");
  const v8::Local<v8::Array> into = info[1].As<v8::Array>();
  std::vector<std::string> keys;
  uint64_t next = 0;
  if (cursor < kEndCursor) {
    next = StateOf(info)->store->Scan(static_cast<uint64_t>(cursor), kKeysPerScan,
                                      [&keys](std::string_view key) { keys.emplace_back(key); });
  }
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
    count += created;
  }
  if (into->Length() != count) {
    return ThrowTypeError(isolate, "into must be an array whose length may change");
  }
  info.GetReturnValue().Set(static_cast<double>(next));
}

}  // namespace shredder::engine

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
  v8::Local<v8::ArrayBuffer> copy;
  if (CopyToBuffer(isolate, *value).ToLocal(&copy)) info.GetReturnValue().Set(copy);
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

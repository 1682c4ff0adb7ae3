#include "runtime/engine/store_module.h"

#include <charconv>
#include <cmath>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "builtins-csa/builtins/store_builtins_list.h"
#include "builtins-csa/builtins/store_context.h"
#include "builtins-csa/layout/table_layout.h"
#include "runtime/engine/v8_strings.h"

namespace shredder::engine {

namespace {

constexpr const char* kBuiltinNames[] = {
#define SHREDDER_BINDING_NAME(name, length) #name,
    SHREDDER_BINDING_LIST(SHREDDER_BINDING_NAME)
#undef SHREDDER_BINDING_NAME
};

void ThrowTypeError(v8::Isolate* isolate, const char* message) {
  isolate->ThrowException(v8::Exception::TypeError(AsciiString(isolate, message)));
}

void ThrowRangeError(v8::Isolate* isolate, const char* message) {
  isolate->ThrowException(v8::Exception::RangeError(AsciiString(isolate, message)));
}

StoreModuleState* StateOf(const v8::FunctionCallbackInfo<v8::Value>& info) {
  return static_cast<StoreModuleState*>(info.Data().As<v8::External>()->Value());
}

// A key argument, by the builtins' rules (builtins-csa/builtins/table_lookup_assembler.cc), and the
// bytes it refers to.
class KeyArgument {
 public:
  // False with an exception pending for what is not a key.
  bool Read(v8::Isolate* isolate, v8::Local<v8::Value> value) {
    if (value->IsNumber()) {
      const double number = value.As<v8::Number>()->Value();
      if (!(number >= 0 && number <= static_cast<double>(layout::kMaxIntegerKey)) ||
          number != std::floor(number)) {
        ThrowRangeError(isolate,
                        "a number used as a key must be an integer from 0 to 9007199254740991");
        return false;
      }
      key_ = store::Key::FromInteger(static_cast<uint64_t>(number));
      return true;
    }
    if (!value->IsString()) {
      ThrowTypeError(isolate, "key must be a string or an integer");
      return false;
    }
    const v8::Local<v8::String> string = value.As<v8::String>();
    // A string has no more characters than its UTF-8 form has bytes.
    if (static_cast<uint64_t>(string->Length()) > layout::kMaxKeyBytes) return TooLong(isolate);
    if (!string->ContainsOnlyOneByte() && HasLoneSurrogate(isolate, string)) {
      ThrowTypeError(isolate, "key has a lone surrogate, which has no UTF-8 form");
      return false;
    }
    bytes_ = Utf8(isolate, string);
    key_ = store::Key::FromBytes(bytes_);
    return key_ ? true : TooLong(isolate);
  }

  const store::Key& key() const { return *key_; }

 private:
  static bool TooLong(v8::Isolate* isolate) {
    ThrowRangeError(isolate, "key is longer than 65536 bytes");
    return false;
  }

  static bool HasLoneSurrogate(v8::Isolate* isolate, v8::Local<v8::String> string) {
    std::vector<uint16_t> units(static_cast<size_t>(string->Length()));
    string->Write(isolate, units.data(), 0, static_cast<int>(units.size()),
                  v8::String::NO_NULL_TERMINATION);
    for (size_t i = 0; i < units.size(); ++i) {
      const bool lead = (units[i] & 0xfc00) == 0xd800;
      const bool trail = (units[i] & 0xfc00) == 0xdc00;
      if (lead && i + 1 < units.size() && (units[i + 1] & 0xfc00) == 0xdc00) {
        ++i;
      } else if (lead || trail) {
        return true;
      }
    }
    return false;
  }

  std::string bytes_;
  std::optional<store::Key> key_;
};

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

// The bytes of a buffer argument; empty with an exception pending for what is not a usable buffer.
std::optional<std::string_view> BytesOf(v8::Isolate* isolate, v8::Local<v8::Value> value,
                                        std::string* on_heap_bytes) {
  v8::Local<v8::ArrayBuffer> buffer;
  size_t offset = 0;
  size_t size = 0;
  if (value->IsArrayBuffer()) {
    buffer = value.As<v8::ArrayBuffer>();
    size = buffer->ByteLength();
  } else if (value->IsArrayBufferView()) {
    const v8::Local<v8::ArrayBufferView> view = value.As<v8::ArrayBufferView>();
    if (!view->HasBuffer()) {
      // A small typed array inside the heap: copied rather than moved out of it.
      on_heap_bytes->resize(view->ByteLength());
      view->CopyContents(on_heap_bytes->data(), on_heap_bytes->size());
      return *on_heap_bytes;
    }
    const v8::Local<v8::Value> owner = view->Buffer();
    if (owner->IsArrayBuffer()) {
      buffer = owner.As<v8::ArrayBuffer>();
      offset = view->ByteOffset();
      size = view->ByteLength();
    }
  } else if (!value->IsSharedArrayBuffer()) {
    ThrowTypeError(isolate, "bytes must be an ArrayBuffer or a view of one");
    return std::nullopt;
  }
  if (buffer.IsEmpty() || buffer->WasDetached() || buffer->GetBackingStore()->IsShared() ||
      buffer->GetBackingStore()->IsResizableByUserJavaScript()) {
    ThrowTypeError(isolate, "buffer must be neither detached nor shared nor resizable");
    return std::nullopt;
  }
  return std::string_view(static_cast<const char*>(buffer->Data()) + offset, size);
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

// HTSet(key, bytes)
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

// HTDelete(key): boolean
void HTDelete(const v8::FunctionCallbackInfo<v8::Value>& info) {
  v8::Isolate* isolate = info.GetIsolate();
  StoreModuleState* state = StateOf(info);
  KeyArgument key;
  if (!CheckWritable(isolate, *state) || !key.Read(isolate, info[0])) return;
  info.GetReturnValue().Set(state->store->Delete(key.key()));
}

constexpr double kMaxSafeInteger = 9007199254740991;

// Reads an integer argument that a double holds exactly; false with an exception pending for
// anything else. `what` names it.
bool ReadInteger(v8::Isolate* isolate, v8::Local<v8::Value> value, const std::string& what,
                 double min, double max, int64_t* integer) {
  if (!value->IsNumber()) {
    ThrowTypeError(isolate, (what + " must be a number").c_str());
    return false;
  }
  const double number = value.As<v8::Number>()->Value();
  // NaN fails the comparisons.
  if (!(number >= min && number <= max) || number != std::trunc(number)) {
    ThrowRangeError(
        isolate, (what + " must be an integer from " + std::to_string(static_cast<int64_t>(min)) +
                  " to " + std::to_string(static_cast<int64_t>(max)))
                     .c_str());
    return false;
  }
  *integer = static_cast<int64_t>(number);
  return true;
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

// HTAdd(key, delta): number
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

// A key as JavaScript names it; empty where its bytes are not UTF-8, so that no string names it.
v8::MaybeLocal<v8::Value> KeyValue(v8::Isolate* isolate, const std::string& bytes) {
  const std::optional<store::Key> key = store::Key::FromBytes(bytes);
  if (key && key->is_integer()) {
    return v8::Number::New(isolate, static_cast<double>(key->integer()));
  }
  v8::Local<v8::String> string;
  if (!StringFromUtf8(isolate, bytes).ToLocal(&string) || Utf8(isolate, string) != bytes) return {};
  return string;
}

// HTScan(cursor, into): number
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
  if (bytes == nullptr) return ThrowRangeError(isolate, "Array buffer allocation failed");
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

struct Callback {
  const char* name;
  v8::FunctionCallback function;
  int length;
};
constexpr Callback kCallbacks[] = {{"HTScan", HTScan, 2}};
constexpr Callback kComparisonCallbacks[] = {{"DBGet", DBGet, 1},
                                             {"DBGetNumber", DBGetNumber, 1},
                                             {"DBSet", HTSet, 2},
                                             {"DBDelete", HTDelete, 1},
                                             {"DBAdd", HTAdd, 2}};

// What the builtins of these names leave to C++, and where they find it.
struct Fallback {
  int embedder_data_index;
  v8::FunctionCallback function;
};
constexpr Fallback kFallbacks[] = {{kSetEmbedderDataIndex, HTSet},
                                   {kDeleteEmbedderDataIndex, HTDelete},
                                   {kAddEmbedderDataIndex, HTAdd}};

v8::MaybeLocal<v8::Value> EvaluateModule(v8::Local<v8::Context> context,
                                         v8::Local<v8::Module> module) {
  v8::Isolate* isolate = context->GetIsolate();
  const v8::Local<v8::Object> exports =
      context->GetEmbedderData(kExportsEmbedderDataIndex).As<v8::Object>();
  v8::Local<v8::Array> names;
  if (!exports->GetOwnPropertyNames(context).ToLocal(&names)) return {};
  for (uint32_t i = 0; i < names->Length(); ++i) {
    v8::Local<v8::Value> name, value;
    if (!names->Get(context, i).ToLocal(&name) || !exports->Get(context, name).ToLocal(&value) ||
        module->SetSyntheticModuleExport(isolate, name.As<v8::String>(), value).IsNothing()) {
      return {};
    }
  }
  v8::Local<v8::Promise::Resolver> done;
  if (!v8::Promise::Resolver::New(context).ToLocal(&done) ||
      done->Resolve(context, v8::Undefined(isolate)).IsNothing()) {
    return {};
  }
  return done->GetPromise();
}

}  // namespace

void AttachStore(v8::Local<v8::Context> context, store::Store* store) {
  context->SetAlignedPointerInEmbedderData(layout::kStoreEmbedderDataIndex, store->header());
}

v8::MaybeLocal<v8::Module> MakeStoreModule(v8::Local<v8::Context> context, StoreModuleState* state,
                                           bool callback_builtins) {
  v8::Isolate* isolate = context->GetIsolate();
  const v8::Local<v8::Object> binding = context->GetExtrasBindingObject();
  // No prototype: nothing of the tenant's is in the way of the names.
  const v8::Local<v8::Object> exports =
      v8::Object::New(isolate, v8::Null(isolate), nullptr, nullptr, 0);
  std::vector<v8::Local<v8::String>> names;
  const auto add = [&](const char* name, v8::Local<v8::Value> value) {
    names.push_back(AsciiString(isolate, name));
    return exports->CreateDataProperty(context, names.back(), value).IsJust();
  };
  for (const char* name : kBuiltinNames) {
    v8::Local<v8::Value> builtin;
    if (!binding->Get(context, AsciiString(isolate, name)).ToLocal(&builtin) ||
        !add(name, builtin)) {
      return {};
    }
  }
  const v8::Local<v8::External> data = v8::External::New(isolate, state);
  const auto add_callbacks = [&](const auto& callbacks) {
    for (const Callback& callback : callbacks) {
      v8::Local<v8::Function> function;
      if (!v8::Function::New(context, callback.function, data, callback.length,
                             v8::ConstructorBehavior::kThrow)
               .ToLocal(&function)) {
        return false;
      }
      function->SetName(AsciiString(isolate, callback.name));
      if (!add(callback.name, function)) return false;
    }
    return true;
  };
  if (!add_callbacks(kCallbacks)) return {};
  if (callback_builtins && !add_callbacks(kComparisonCallbacks)) return {};
  for (const Fallback& fallback : kFallbacks) {
    v8::Local<v8::Function> function;
    if (!v8::Function::New(context, fallback.function, data, 0, v8::ConstructorBehavior::kThrow)
             .ToLocal(&function)) {
      return {};
    }
    context->SetEmbedderData(fallback.embedder_data_index, function);
  }
  context->SetEmbedderData(kExportsEmbedderDataIndex, exports);
  return v8::Module::CreateSyntheticModule(isolate, AsciiString(isolate, kStoreModuleName), names,
                                           EvaluateModule);
}

}  // namespace shredder::engine

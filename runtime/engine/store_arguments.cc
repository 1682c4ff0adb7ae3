#include "runtime/engine/store_arguments.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "runtime/engine/v8_strings.h"

namespace shredder::engine {

namespace {

constexpr auto kMaxNumber = static_cast<double>(layout::kMaxSafeInteger);

// A number's digits, or what else the argument is, as the builtins show it. Runs none of the
// argument's code.
std::string Describe(v8::Isolate* isolate, v8::Local<v8::Value> argument) {
  if (argument->IsNull()) return "null";
  v8::Local<v8::String> text;
  if (!argument->IsNumber()) {
    text = argument->TypeOf(isolate);
  } else if (!argument->ToString(isolate->GetCurrentContext()).ToLocal(&text)) {
    return "number";
  }
  return Utf8(isolate, text);
}

bool HasLoneSurrogate(v8::Isolate* isolate, v8::Local<v8::String> string) {
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

// The bytes of a buffer; empty with an exception pending for what is not a usable one, the error of
// which is `type` where it is none at all.
std::optional<std::string_view> BytesOf(v8::Isolate* isolate, v8::Local<v8::Value> value,
                                        StoreError type, std::string* on_heap_bytes) {
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
    ThrowStoreError(isolate, type, value);
    return std::nullopt;
  }
  if (buffer.IsEmpty() || buffer->WasDetached() || buffer->GetBackingStore()->IsShared() ||
      buffer->GetBackingStore()->IsResizableByUserJavaScript()) {
    ThrowStoreError(isolate, StoreError::kBufferUnusable);
    return std::nullopt;
  }
  return std::string_view(static_cast<const char*>(buffer->Data()) + offset, size);
}

}  // namespace

void ThrowStoreError(v8::Isolate* isolate, StoreError error, v8::Local<v8::Value> argument) {
  const StoreErrorInfo& info = InfoOf(error);
  std::string text(info.text());
  if (info.shows_argument()) text += ", not " + Describe(isolate, argument);
  const v8::Local<v8::String> message = AsciiString(isolate, text);
  isolate->ThrowException(info.constructor() == StoreErrorInfo::Constructor::kRangeError
                              ? v8::Exception::RangeError(message)
                              : v8::Exception::TypeError(message));
}

bool KeyArgument::Read(v8::Isolate* isolate, v8::Local<v8::Value> value) {
  const auto fail = [&](StoreError error) {
    ThrowStoreError(isolate, error, value);
    return false;
  };
  if (value->IsNumber()) {
    const double number = value.As<v8::Number>()->Value();
    if (!(number >= 0 && number <= static_cast<double>(layout::kMaxIntegerKey)) ||
        number != std::floor(number)) {
      return fail(StoreError::kKeyNumber);
    }
    key_ = store::Key::FromInteger(static_cast<uint64_t>(number));
    return true;
  }
  if (value->IsUint8Array()) {
    const std::optional<std::string_view> bytes =
        BytesOf(isolate, value, StoreError::kKeyType, &bytes_);
    if (!bytes) return false;
    if (bytes->data() != bytes_.data()) bytes_ = *bytes;
    key_ = store::Key::FromBytes(bytes_);
    return key_ ? true : fail(StoreError::kKeyTooLong);
  }
  if (!value->IsString()) return fail(StoreError::kKeyType);
  const v8::Local<v8::String> string = value.As<v8::String>();
  // A string has no more characters than its UTF-8 form has bytes.
  if (static_cast<uint64_t>(string->Length()) > layout::kMaxKeyBytes) {
    return fail(StoreError::kKeyTooLong);
  }
  if (!string->ContainsOnlyOneByte() && HasLoneSurrogate(isolate, string)) {
    return fail(StoreError::kKeySurrogate);
  }
  bytes_ = Utf8(isolate, string);
  key_ = store::Key::FromBytes(bytes_);
  return key_ ? true : fail(StoreError::kKeyTooLong);
}

v8::MaybeLocal<v8::ArrayBuffer> CopyToBuffer(v8::Isolate* isolate, std::string_view bytes) {
  // Not ArrayBuffer::New(isolate, size), which ends the process where the tenant's memory is used
  // up.
  v8::ArrayBuffer::Allocator* allocator = isolate->GetArrayBufferAllocator();
  void* memory = allocator->AllocateUninitialized(bytes.size());
  if (memory == nullptr) {
    // What is missing may be garbage.
    isolate->MemoryPressureNotification(v8::MemoryPressureLevel::kCritical);
    isolate->MemoryPressureNotification(v8::MemoryPressureLevel::kNone);
    memory = allocator->AllocateUninitialized(bytes.size());
  }
  if (memory == nullptr) {
    // As V8 words it.
    isolate->ThrowException(
        v8::Exception::RangeError(AsciiString(isolate, "Array buffer allocation failed")));
    return {};
  }
  std::memcpy(memory, bytes.data(), bytes.size());
  return v8::ArrayBuffer::New(
      isolate, v8::ArrayBuffer::NewBackingStore(
                   memory, bytes.size(),
                   [](void* data, size_t size, void* deleter_data) {
                     static_cast<v8::ArrayBuffer::Allocator*>(deleter_data)->Free(data, size);
                   },
                   allocator));
}

v8::MaybeLocal<v8::Value> KeyValue(v8::Isolate* isolate, const std::string& bytes) {
  const std::optional<store::Key> key = store::Key::FromBytes(bytes);
  if (key && key->is_integer()) {
    return v8::Number::New(isolate, static_cast<double>(key->integer()));
  }
  return TextOrBytes(isolate, bytes);
}

v8::MaybeLocal<v8::Value> TextOrBytes(v8::Isolate* isolate, std::string_view bytes) {
  const bool is_ascii = std::all_of(bytes.begin(), bytes.end(), [](char c) { return c >= 0; });
  v8::Local<v8::String> string;
  // A key is never too long for a string.
  if (StringFromUtf8(isolate, bytes).ToLocal(&string) &&
      (is_ascii || Utf8(isolate, string) == bytes)) {
    return string;
  }
  v8::Local<v8::ArrayBuffer> buffer;
  if (!CopyToBuffer(isolate, bytes).ToLocal(&buffer)) return {};
  return v8::Uint8Array::New(buffer, 0, bytes.size());
}

bool ValueArgument::Check(v8::Isolate* isolate, v8::Local<v8::Value> value) {
  std::string on_heap_bytes;
  return value->IsString() ||
         BytesOf(isolate, value, StoreError::kValueType, &on_heap_bytes).has_value();
}

bool ValueArgument::Read(v8::Isolate* isolate, v8::Local<v8::Value> value) {
  if (value->IsString()) {
    AppendUtf8(isolate, value.As<v8::String>(), &own_);
    bytes_ = own_;
    return true;
  }
  const std::optional<std::string_view> bytes =
      BytesOf(isolate, value, StoreError::kValueType, &own_);
  if (bytes) bytes_ = *bytes;
  return bytes.has_value();
}

namespace {

// A time in milliseconds; false with an exception pending for what is neither an integer from `min`
// to the largest safe one nor Infinity, which gives nothing.
bool ReadTime(v8::Isolate* isolate, v8::Local<v8::Value> value, int64_t min, IntegerErrors errors,
              std::optional<int64_t>* time) {
  if (value->IsNumber() &&
      value.As<v8::Number>()->Value() == std::numeric_limits<double>::infinity()) {
    *time = std::nullopt;
    return true;
  }
  int64_t integer;
  if (!ReadInteger(isolate, value, min, errors, &integer)) return false;
  *time = integer;
  return true;
}

constexpr auto kMaxTime = static_cast<uint64_t>(layout::kMaxSafeInteger);

}  // namespace

bool ReadTtl(v8::Isolate* isolate, v8::Local<v8::Value> ttl, uint64_t now_ms, uint64_t* at_ms) {
  std::optional<int64_t> time;
  if (!ReadTime(isolate, ttl, -static_cast<int64_t>(kMaxTime),
                {StoreError::kTtlType, StoreError::kTtlInteger}, &time)) {
    return false;
  }
  if (!time) {
    *at_ms = 0;
    return true;
  }
  const auto positive = static_cast<uint64_t>(std::max<int64_t>(*time, 0));
  if (positive > kMaxTime - now_ms) {
    ThrowStoreError(isolate, StoreError::kTtlInteger, ttl);
    return false;
  }
  *at_ms = now_ms + positive;
  return true;
}

v8::Local<v8::String> SetOptionNames::Get(v8::Isolate* isolate, Name name) {
  static constexpr const char* kTexts[kCount] = {"ttl", "expiresAt", "keepTtl", "ifAbsent",
                                                 "ifPresent"};
  v8::Global<v8::String>& kept = names_[name];
  if (kept.IsEmpty()) {
    kept.Reset(isolate,
               v8::String::NewFromUtf8(isolate, kTexts[name], v8::NewStringType::kInternalized)
                   .ToLocalChecked());
  }
  return kept.Get(isolate);
}

bool ReadSetOptions(v8::Local<v8::Context> context, v8::Local<v8::Value> value, uint64_t now_ms,
                    SetOptionNames* names, SetOptions* options) {
  v8::Isolate* isolate = context->GetIsolate();
  if (value->IsUndefined()) return true;
  const auto fail = [&](StoreError error, v8::Local<v8::Value> argument) {
    ThrowStoreError(isolate, error, argument);
    return false;
  };
  if (!value->IsObject()) return fail(StoreError::kOptionsType, value);
  const v8::Local<v8::Object> object = value.As<v8::Object>();
  const auto get = [&](SetOptionNames::Name name, v8::Local<v8::Value>* option) {
    return object->Get(context, names->Get(isolate, name)).ToLocal(option);
  };
  v8::Local<v8::Value> ttl, expires_at, keep_ttl, if_absent, if_present;
  if (!get(SetOptionNames::kTtl, &ttl) || !get(SetOptionNames::kExpiresAt, &expires_at) ||
      !get(SetOptionNames::kKeepTtl, &keep_ttl) || !get(SetOptionNames::kIfAbsent, &if_absent) ||
      !get(SetOptionNames::kIfPresent, &if_present)) {
    return false;
  }
  const bool keeps = keep_ttl->BooleanValue(isolate);
  if ((ttl->IsUndefined() ? 0 : 1) + (expires_at->IsUndefined() ? 0 : 1) + (keeps ? 1 : 0) > 1) {
    return fail(StoreError::kExpiryOptions, value);
  }
  options->if_absent = if_absent->BooleanValue(isolate);
  options->if_present = if_present->BooleanValue(isolate);
  if (options->if_absent && options->if_present) return fail(StoreError::kPresenceOptions, value);
  if (keeps) options->expiry = store::Expiry::Keep();
  std::optional<int64_t> time;
  if (!ttl->IsUndefined()) {
    if (!ReadTime(isolate, ttl, 1, {StoreError::kTtlType, StoreError::kTtlRange}, &time)) {
      return false;
    }
    if (time) {
      if (static_cast<uint64_t>(*time) > kMaxTime - now_ms) return fail(StoreError::kTtlRange, ttl);
      options->expiry = store::Expiry::At(now_ms + static_cast<uint64_t>(*time));
    }
  } else if (!expires_at->IsUndefined()) {
    if (!ReadTime(isolate, expires_at, 0, {StoreError::kExpiresAtType, StoreError::kExpiresAtRange},
                  &time)) {
      return false;
    }
    if (time) {
      options->expiry = store::Expiry::At(static_cast<uint64_t>(*time));
      options->is_expired = static_cast<uint64_t>(*time) <= now_ms;
    }
  }
  return true;
}

bool ReadInteger(v8::Isolate* isolate, v8::Local<v8::Value> value, int64_t min,
                 IntegerErrors errors, int64_t* integer) {
  if (!value->IsNumber()) {
    ThrowStoreError(isolate, errors.type, value);
    return false;
  }
  const double number = value.As<v8::Number>()->Value();
  // NaN fails the comparisons.
  if (!(number >= static_cast<double>(min) && number <= kMaxNumber) ||
      number != std::trunc(number)) {
    ThrowStoreError(isolate, errors.range, value);
    return false;
  }
  *integer = static_cast<int64_t>(number);
  return true;
}

}  // namespace shredder::engine

#include "runtime/engine/store_arguments.h"

#include <cmath>
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

v8::MaybeLocal<v8::Value> KeyValue(v8::Isolate* isolate, const std::string& bytes) {
  const std::optional<store::Key> key = store::Key::FromBytes(bytes);
  if (key && key->is_integer()) {
    return v8::Number::New(isolate, static_cast<double>(key->integer()));
  }
  v8::Local<v8::String> string;
  if (!StringFromUtf8(isolate, bytes).ToLocal(&string) || Utf8(isolate, string) != bytes) return {};
  return string;
}

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
    ThrowStoreError(isolate, StoreError::kBufferType, value);
    return std::nullopt;
  }
  if (buffer.IsEmpty() || buffer->WasDetached() || buffer->GetBackingStore()->IsShared() ||
      buffer->GetBackingStore()->IsResizableByUserJavaScript()) {
    ThrowStoreError(isolate, StoreError::kBufferUnusable);
    return std::nullopt;
  }
  return std::string_view(static_cast<const char*>(buffer->Data()) + offset, size);
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

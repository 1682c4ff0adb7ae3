#include "runtime/engine/store_arguments.h"

#include <cmath>
#include <vector>

#include "runtime/engine/v8_strings.h"

namespace shredder::engine {

namespace {

bool TooLong(v8::Isolate* isolate) {
  ThrowRangeError(isolate, "key is longer than 65536 bytes");
  return false;
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

void ThrowTypeError(v8::Isolate* isolate, const char* message) {
  isolate->ThrowException(v8::Exception::TypeError(AsciiString(isolate, message)));
}

void ThrowRangeError(v8::Isolate* isolate, const char* message) {
  isolate->ThrowException(v8::Exception::RangeError(AsciiString(isolate, message)));
}

bool KeyArgument::Read(v8::Isolate* isolate, v8::Local<v8::Value> value) {
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

}  // namespace shredder::engine

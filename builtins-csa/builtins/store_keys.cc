#include "builtins-csa/builtins/store_keys.h"

#include <algorithm>

#include "src/execution/isolate-inl.h"
#include "src/objects/embedder-data-array-inl.h"
#include "src/objects/embedder-data-slot-inl.h"
#include "src/objects/js-array-buffer-inl.h"
#include "src/objects/string-inl.h"
#include "src/strings/unicode-inl.h"

namespace v8 {
namespace internal {

namespace layout = ::shredder::layout;
using ::shredder::StoreError;

namespace {

// A number's digits, or what else the argument is. Runs none of the argument's code, and stays
// short however long the argument's own text is.
Handle<String> Describe(Isolate* isolate, Handle<Object> argument) {
  if (argument->IsNumber()) return isolate->factory()->NumberToString(argument);
  if (argument->IsNull(isolate)) return isolate->factory()->null_string();
  return Object::TypeOf(isolate, argument);
}

std::optional<StoreError> CopyString(String string, const DisallowGarbageCollection& no_gc,
                                     char* buffer, uint64_t* size) {
  const String::FlatContent content = string.GetFlatContent(no_gc);
  const int length = string.length();
  uint64_t bytes = 0;
  for (int i = 0; i < length; ++i) {
    uint32_t character = content.Get(i);
    if (unibrow::Utf16::IsLeadSurrogate(character) && i + 1 < length &&
        unibrow::Utf16::IsTrailSurrogate(content.Get(i + 1))) {
      character = unibrow::Utf16::CombineSurrogatePair(character, content.Get(++i));
    } else if (unibrow::Utf16::IsLeadSurrogate(character) ||
               unibrow::Utf16::IsTrailSurrogate(character)) {
      return StoreError::kKeySurrogate;
    }
    char encoded[unibrow::Utf8::kMaxEncodedSize];
    const unsigned count =
        unibrow::Utf8::Encode(encoded, character, unibrow::Utf16::kNoPreviousCharacter, false);
    if (bytes + count > layout::kMaxKeyBytes) return StoreError::kKeyTooLong;
    memcpy(buffer + bytes, encoded, count);
    bytes += count;
  }
  *size = bytes;
  return std::nullopt;
}

}  // namespace

layout::StoreHeader* CurrentStore(Isolate* isolate) {
  EmbedderDataSlot slot(EmbedderDataArray::cast(isolate->native_context()->embedder_data()),
                        layout::kStoreEmbedderDataIndex);
  void* base = nullptr;
  CHECK(slot.ToAlignedPointer(isolate, &base));
  CHECK_NOT_NULL(base);
  return static_cast<layout::StoreHeader*>(base);
}

Object ThrowStoreError(Isolate* isolate, StoreError error, Handle<Object> argument) {
  const ::shredder::StoreErrorInfo& info = ::shredder::InfoOf(error);
  Handle<JSFunction> constructor =
      info.constructor() == ::shredder::StoreErrorInfo::Constructor::kRangeError
          ? isolate->range_error_function()
          : isolate->type_error_function();
  const auto string_of = [isolate](std::string_view text) {
    return isolate->factory()
        ->NewStringFromOneByte(base::Vector<const uint8_t>::cast(base::VectorOf(text)))
        .ToHandleChecked();
  };
  Handle<String> text = string_of(info.text());
  if (info.shows_argument()) {
    text = isolate->factory()->NewConsString(text, string_of(", not ")).ToHandleChecked();
    text = isolate->factory()->NewConsString(text, Describe(isolate, argument)).ToHandleChecked();
  }
  return isolate->Throw(*isolate->factory()->NewError(constructor, text));
}

uint64_t MaxKeyBytesOf(Object key) {
  constexpr uint64_t kMaxBytesOfUnit = 3;
  uint64_t bytes = 0;
  if (key.IsString()) {
    bytes = static_cast<uint64_t>(String::cast(key).length()) * kMaxBytesOfUnit;
  } else if (key.IsJSTypedArray()) {
    bytes = JSTypedArray::cast(key).byte_length();
  }
  return std::min(bytes, layout::kMaxKeyBytes);
}

std::optional<StoreError> CopyKeyBytes(Object key, const DisallowGarbageCollection& no_gc,
                                       char* buffer, uint64_t* size) {
  if (key.IsString()) return CopyString(String::cast(key), no_gc, buffer, size);
  if (!key.IsJSTypedArray() || JSTypedArray::cast(key).type() != kExternalUint8Array) {
    return StoreError::kKeyType;
  }
  JSTypedArray array = JSTypedArray::cast(key);
  const JSArrayBuffer owner = JSArrayBuffer::cast(array.buffer());
  if (owner.was_detached() || owner.is_shared() || owner.is_resizable_by_js()) {
    return StoreError::kBufferUnusable;
  }
  if (array.byte_length() > layout::kMaxKeyBytes) return StoreError::kKeyTooLong;
  *size = array.byte_length();
  memcpy(buffer, array.DataPtr(), *size);
  return std::nullopt;
}

}  // namespace internal
}  // namespace v8

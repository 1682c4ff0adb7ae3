// What the store's builtins leave to C++: keys that are not ASCII, and errors.

#include "builtins-csa/builtins/table_gather.h"
#include "builtins-csa/layout/store_errors.h"
#include "builtins-csa/layout/table_layout.h"
#include "src/codegen/external-reference.h"
#include "src/execution/arguments-inl.h"
#include "src/execution/isolate-inl.h"
#include "src/objects/embedder-data-array-inl.h"
#include "src/objects/embedder-data-slot-inl.h"
#include "src/objects/string-inl.h"
#include "src/runtime/runtime-utils.h"
#include "src/strings/unicode-inl.h"

namespace v8 {
namespace internal {

namespace {

namespace layout = ::shredder::layout;
using ::shredder::StoreError;

// The base of the current native context's store. The builtin that calls has checked that there is
// one.
layout::StoreHeader* CurrentStore(Isolate* isolate) {
  EmbedderDataSlot slot(EmbedderDataArray::cast(isolate->native_context()->embedder_data()),
                        layout::kStoreEmbedderDataIndex);
  void* base = nullptr;
  CHECK(slot.ToAlignedPointer(isolate, &base));
  CHECK_NOT_NULL(base);
  return static_cast<layout::StoreHeader*>(base);
}

// A number's digits, or what else the argument is. Runs none of the argument's code, and stays
// short however long the argument's own text is.
Handle<String> Describe(Isolate* isolate, Handle<Object> argument) {
  if (argument->IsNumber()) return isolate->factory()->NumberToString(argument);
  if (argument->IsNull(isolate)) return isolate->factory()->null_string();
  return Object::TypeOf(isolate, argument);
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

}  // namespace

ExternalReference ExternalReference::shredder_gather_function() {
  return ExternalReference(Redirect(FUNCTION_ADDR(layout::Gather)));
}

RUNTIME_FUNCTION(Runtime_ShredderThrow) {
  HandleScope scope(isolate);
  DCHECK_EQ(2, args.length());
  return ThrowStoreError(isolate, static_cast<StoreError>(args.smi_value_at(0)), args.at(1));
}

RUNTIME_FUNCTION(Runtime_ShredderEncodeKey) {
  HandleScope scope(isolate);
  DCHECK_EQ(1, args.length());
  Handle<String> string = String::Flatten(isolate, args.at<String>(0));
  layout::StoreHeader* store = CurrentStore(isolate);
  char* scratch = reinterpret_cast<char*>(store) + store->key_scratch_offset;
  uint64_t bytes = 0;
  StoreError error = StoreError::kKeyTooLong;
  bool failed = false;
  {
    DisallowGarbageCollection no_gc;
    const String::FlatContent content = string->GetFlatContent(no_gc);
    const int length = string->length();
    for (int i = 0; i < length; ++i) {
      uint32_t character = content.Get(i);
      if (unibrow::Utf16::IsLeadSurrogate(character) && i + 1 < length &&
          unibrow::Utf16::IsTrailSurrogate(content.Get(i + 1))) {
        character = unibrow::Utf16::CombineSurrogatePair(character, content.Get(++i));
      } else if (unibrow::Utf16::IsLeadSurrogate(character) ||
                 unibrow::Utf16::IsTrailSurrogate(character)) {
        error = StoreError::kKeySurrogate;
        failed = true;
        break;
      }
      char encoded[unibrow::Utf8::kMaxEncodedSize];
      const unsigned size =
          unibrow::Utf8::Encode(encoded, character, unibrow::Utf16::kNoPreviousCharacter, false);
      if (bytes + size > layout::kMaxKeyBytes) {
        failed = true;
        break;
      }
      memcpy(scratch + bytes, encoded, size);
      bytes += size;
    }
  }
  if (failed) return ThrowStoreError(isolate, error, string);
  return Smi::FromInt(static_cast<int>(bytes));
}

}  // namespace internal
}  // namespace v8

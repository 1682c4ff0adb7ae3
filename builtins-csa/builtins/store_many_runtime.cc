// HTGetMany of an array of keys, and HTViewMany: what takes many keys of any kind, in C++, which
// looks up a group of them at a time (table_gather.h).

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "builtins-csa/builtins/interrupt_poll.h"
#include "builtins-csa/builtins/store_keys.h"
#include "builtins-csa/builtins/store_view.h"
#include "builtins-csa/builtins/table_gather.h"
#include "builtins-csa/layout/key.h"
#include "src/execution/arguments-inl.h"
#include "src/execution/isolate-inl.h"
#include "src/objects/elements-kind.h"
#include "src/objects/fixed-array-inl.h"
#include "src/objects/js-array-buffer-inl.h"
#include "src/objects/js-array-inl.h"
#include "src/objects/string-inl.h"
#include "src/runtime/runtime-utils.h"
#include "src/strings/unicode-decoder.h"

// Has to be the last include.
#include "src/objects/object-macros.h"

namespace v8 {
namespace internal {

namespace {

namespace layout = ::shredder::layout;
using ::shredder::StoreError;
using Key = ::shredder::store::Key;

// The keys of an array, or of a Uint32Array, a group at a time. No JavaScript runs meanwhile, so
// that the array stays as it is.
class KeyGroups {
 public:
  // Of keys that have no error (ErrorOf).
  KeyGroups(Isolate* isolate, layout::StoreHeader* store, Handle<JSObject> keys)
      : isolate_(isolate), store_(store), keys_(keys), encoded_(layout::kGatherGroup) {
    count_ = keys->IsJSTypedArray() ? JSTypedArray::cast(*keys).length()
                                    : static_cast<size_t>(JSArray::cast(*keys).length().Number());
  }

  // Why the argument cannot be read; nothing where it can.
  static std::optional<StoreError> ErrorOf(Object keys) {
    if (keys.IsJSTypedArray()) {
      JSTypedArray array = JSTypedArray::cast(keys);
      if (array.type() != kExternalUint32Array) return StoreError::kKeysType;
      const JSArrayBuffer buffer = JSArrayBuffer::cast(array.buffer());
      if (buffer.was_detached() || buffer.is_shared() || buffer.is_resizable_by_js()) {
        return StoreError::kBufferUnusable;
      }
      return std::nullopt;
    }
    if (!keys.IsJSArray()) return StoreError::kKeysType;
    // Elements that are no plain list could have getters.
    const ElementsKind kind = JSArray::cast(keys).GetElementsKind();
    if (!IsFastElementsKind(kind) && !IsAnyNonextensibleElementsKind(kind)) {
      return StoreError::kKeysType;
    }
    return std::nullopt;
  }

  size_t count() const { return count_; }

  // Looks up the keys from `first` on, kGatherGroup at most. False with an exception pending where
  // one is no key.
  bool Find(size_t first, size_t count, uint64_t ahead, layout::ValuePlace* values) {
    Handle<Object> elements[layout::kGatherGroup];
    const bool is_typed = keys_->IsJSTypedArray();
    if (!is_typed) {
      for (size_t i = 0; i < count; ++i) {
        elements[i] = ElementAt(first + i);
        if (elements[i]->IsString()) {
          elements[i] = String::Flatten(isolate_, Handle<String>::cast(elements[i]));
        }
      }
    }
    std::optional<StoreError> error;
    size_t wrong = 0;
    {
      DisallowGarbageCollection no_gc;
      const uint32_t* const integers =
          is_typed ? static_cast<const uint32_t*>(JSTypedArray::cast(*keys_).DataPtr()) + first
                   : nullptr;
      found_keys_.clear();
      for (; wrong < count && !error; ++wrong) {
        if (is_typed) {
          found_keys_.push_back(Key::FromInteger(integers[wrong]));
        } else {
          error = Add(*elements[wrong], &encoded_[wrong], no_gc);
        }
      }
      if (!error) layout::FindGroup(store_, found_keys_.data(), count, ahead, values);
    }
    if (!error) return true;
    ThrowStoreError(isolate_, *error, elements[wrong - 1]);
    return false;
  }

 private:
  Handle<Object> ElementAt(size_t i) {
    const FixedArrayBase elements = keys_->elements();
    if (elements.length() <= static_cast<int>(i)) return isolate_->factory()->undefined_value();
    if (elements.IsFixedDoubleArray()) {
      return FixedDoubleArray::get(FixedDoubleArray::cast(elements), static_cast<int>(i), isolate_);
    }
    return handle(FixedArray::cast(elements).get(static_cast<int>(i)), isolate_);
  }

  // Adds a key, whose bytes are where they lie or encoded. Nothing where it is one.
  std::optional<StoreError> Add(Object element, std::string* encoded,
                                const DisallowGarbageCollection& no_gc) {
    if (element.IsNumber()) {
      const double number = element.Number();
      if (!(number >= 0 && number <= static_cast<double>(layout::kMaxIntegerKey)) ||
          number != std::floor(number)) {
        return StoreError::kKeyNumber;
      }
      found_keys_.push_back(Key::FromInteger(static_cast<uint64_t>(number)));
      return std::nullopt;
    }
    std::string_view bytes;
    if (!IsAsciiInPlace(element, no_gc, &bytes)) {
      encoded->resize(MaxKeyBytesOf(element));
      uint64_t size = 0;
      if (const auto error = CopyKeyBytes(element, no_gc, encoded->data(), &size)) return error;
      bytes = std::string_view(*encoded).substr(0, size);
    }
    const auto key = Key::FromBytes(bytes);
    if (!key) return StoreError::kKeyTooLong;
    found_keys_.push_back(*key);
    return std::nullopt;
  }

  static bool IsAsciiInPlace(Object element, const DisallowGarbageCollection& no_gc,
                             std::string_view* bytes) {
    if (!element.IsString()) return false;
    const String::FlatContent content = String::cast(element).GetFlatContent(no_gc);
    if (!content.IsFlat() || !content.IsOneByte()) return false;
    const base::Vector<const uint8_t> characters = content.ToOneByteVector();
    *bytes = {reinterpret_cast<const char*>(characters.begin()), characters.size()};
    return NonAsciiStart(characters.begin(), characters.length()) == characters.length();
  }

  Isolate* const isolate_;
  layout::StoreHeader* const store_;
  const Handle<JSObject> keys_;
  size_t count_;
  std::vector<Key> found_keys_;
  std::vector<std::string> encoded_;
};

// Between two looks at whether the invocation should end.
constexpr uint32_t kGroupsPerPoll = 32;

Handle<JSObject> MakeView(Isolate* isolate, const layout::StoreHeader* store,
                          const layout::ValuePlace& value) {
  Factory* const factory = isolate->factory();
  Handle<Object> offset = factory->NewNumber(static_cast<double>(value.offset));
  Handle<Object> invocation = factory->NewNumber(static_cast<double>(store->invocation));
  Handle<Map> map(isolate->native_context()->shredder_view_map(), isolate);
  Handle<JSObject> view = factory->NewJSObjectFromMap(map);
  const auto set = [&](int field, Object number) {
    TaggedField<Object>::store(*view, field, number);
    WRITE_BARRIER(*view, field, number);
  };
  set(StoreView::kValueOffsetOffset, *offset);
  set(StoreView::kByteLengthOffset, Smi::FromInt(static_cast<int>(value.length)));
  set(StoreView::kInvocationOffset, *invocation);
  return view;
}

}  // namespace

RUNTIME_FUNCTION(Runtime_ShredderGetMany) {
  HandleScope scope(isolate);
  DCHECK_EQ(3, args.length());
  // The builtin has checked `out`, its length apart, and the field.
  Handle<JSTypedArray> out = args.at<JSTypedArray>(2);
  const uint64_t element_bytes = out->type() == kExternalFloat64Array ? 8 : 4;
  const uint64_t at = static_cast<uint64_t>(args.number_value_at(1)) * element_bytes;
  layout::StoreHeader* const store = CurrentStore(isolate);
  if (const auto error = KeyGroups::ErrorOf(args[0])) {
    return ThrowStoreError(isolate, *error, args.at(0));
  }
  KeyGroups keys(isolate, store, args.at<JSObject>(0));
  if (out->length() < keys.count()) {
    return ThrowStoreError(isolate, StoreError::kOutTooShort, args.at(2));
  }
  InterruptPoll poll(isolate, kGroupsPerPoll);
  layout::ValuePlace values[layout::kGatherGroup];
  uint64_t found = 0;
  for (size_t first = 0; first < keys.count(); first += layout::kGatherGroup) {
    HandleScope group_scope(isolate);
    const size_t count = std::min<size_t>(layout::kGatherGroup, keys.count() - first);
    if (!keys.Find(first, count, at, values)) return ReadOnlyRoots(isolate).exception();
    DisallowGarbageCollection no_gc;
    char* const data = static_cast<char*>(out->DataPtr());
    for (size_t i = 0; i < count; ++i) {
      if (at + element_bytes > values[i].length) continue;
      memcpy(data + (first + i) * element_bytes,
             reinterpret_cast<const char*>(store) + values[i].offset + at, element_bytes);
      ++found;
    }
    if (poll.Terminated()) return ReadOnlyRoots(isolate).exception();
  }
  return *isolate->factory()->NewNumber(static_cast<double>(found));
}

RUNTIME_FUNCTION(Runtime_ShredderViewMany) {
  HandleScope scope(isolate);
  DCHECK_EQ(1, args.length());
  layout::StoreHeader* const store = CurrentStore(isolate);
  if (const auto error = KeyGroups::ErrorOf(args[0])) {
    return ThrowStoreError(isolate, *error, args.at(0));
  }
  KeyGroups keys(isolate, store, args.at<JSObject>(0));
  if (keys.count() > layout::kMaxViewsPerCall) {
    return ThrowStoreError(isolate, StoreError::kTooManyKeys, args.at(0));
  }
  store->view_invocation = store->invocation;
  InterruptPoll poll(isolate, kGroupsPerPoll);
  // Of undefined, which absent keys leave.
  Handle<FixedArray> views = isolate->factory()->NewFixedArray(static_cast<int>(keys.count()));
  layout::ValuePlace values[layout::kGatherGroup];
  for (size_t first = 0; first < keys.count(); first += layout::kGatherGroup) {
    HandleScope group_scope(isolate);
    const size_t count = std::min<size_t>(layout::kGatherGroup, keys.count() - first);
    if (!keys.Find(first, count, 0, values)) return ReadOnlyRoots(isolate).exception();
    for (size_t i = 0; i < count; ++i) {
      // No value lies at offset 0.
      if (values[i].offset == 0) continue;
      // By itself: what it allocates may move the array.
      Handle<JSObject> view = MakeView(isolate, store, values[i]);
      views->set(static_cast<int>(first + i), *view);
    }
    if (poll.Terminated()) return ReadOnlyRoots(isolate).exception();
  }
  return *isolate->factory()->NewJSArrayWithElements(views, PACKED_ELEMENTS);
}

}  // namespace internal
}  // namespace v8

#include "src/objects/object-macros-undef.h"

// The errors that the functions of shredder:store throw, and their texts: for the builtins
// (builtins/store_runtime.cc), for the engine's callbacks (runtime/engine/store_arguments.cc), and
// for the test double (ts-functions/testing/errors.ts), which tests/functions-errors.test.ts holds
// to this list.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "builtins-csa/layout/limits.h"

namespace shredder {

// V(name, constructor, whether the text ends with ", not " and what the argument was, text...)
#define SHREDDER_STORE_ERROR_LIST(V)                                                               \
  /* The context has no store. */                                                                  \
  V(NoStore, TypeError, false, "shredder:store is used outside of a tenant's context")             \
  V(KeyType, TypeError, true, "key must be a string, an integer or a Uint8Array")                  \
  V(KeyNumber, RangeError, true, "a number used as a key must be an integer from 0 to ",           \
    layout::kMaxIntegerKey)                                                                        \
  V(KeyTooLong, RangeError, false, "key is longer than ", layout::kMaxKeyBytes, " bytes")          \
  V(KeySurrogate, TypeError, false, "key has a lone surrogate, which has no UTF-8 form")           \
  V(BufferType, TypeError, true, "bytes must be an ArrayBuffer or a view of one")                  \
  V(ValueType, TypeError, true, "value must be a string, an ArrayBuffer or a view of one")         \
  V(BufferUnusable, TypeError, false, "buffer must be neither detached nor shared nor resizable")  \
  V(IndexType, TypeError, true, "index must be a number")                                          \
  V(IndexRange, RangeError, true, "index must be an integer from 0 to ", layout::kMaxSafeInteger)  \
  V(KeysType, TypeError, true, "keys must be a Uint32Array or an array of keys")                   \
  V(TooManyKeys, RangeError, false, "keys are more than ", layout::kMaxViewsPerCall)               \
  V(OutType, TypeError, true, "out must be a Uint32Array or a Float64Array")                       \
  V(OutTooShort, RangeError, false, "out must be as long as keys")                                 \
  /* A getter's receiver is no StoreView of this context. */                                       \
  V(NotView, TypeError, false, "the getters of a StoreView need a StoreView of their own context") \
  V(ViewEnded, TypeError, false,                                                                   \
    "a StoreView is valid until its invocation ends, and this one's has ended")                    \
  V(ViewOffset, RangeError, false, "offset is outside the bounds of the StoreView")                \
  V(CursorType, TypeError, true, "cursor must be a number")                                        \
  V(CursorRange, RangeError, true, "cursor must be an integer from 0 to ",                         \
    layout::kMaxSafeInteger)                                                                       \
  V(IntoType, TypeError, true, "into must be an array")                                            \
  V(IntoFixed, TypeError, false, "into must be an array whose length may change")                  \
  V(DeltaType, TypeError, true, "delta must be a number")                                          \
  V(DeltaRange, RangeError, true, "delta must be an integer from -", layout::kMaxSafeInteger,      \
    " to ", layout::kMaxSafeInteger)                                                               \
  V(NotCounter, TypeError, false, "value is not an integer")                                       \
  V(SumRange, RangeError, false, "the sum is not a safe integer")                                  \
  V(OptionsType, TypeError, true, "options must be an object")                                     \
  V(ExpiryOptions, TypeError, false, "options can have one of ttl, expiresAt and keepTtl")         \
  V(PresenceOptions, TypeError, false, "options can have one of ifAbsent and ifPresent")           \
  V(TtlType, TypeError, true, "ttl must be a number")                                              \
  V(TtlRange, RangeError, true, "ttl must be a positive integer of milliseconds or Infinity")      \
  V(TtlInteger, RangeError, true, "ttl must be a safe integer of milliseconds or Infinity")        \
  V(ExpiresAtType, TypeError, true, "expiresAt must be a number")                                  \
  V(ExpiresAtRange, RangeError, true, "expiresAt must be an integer of Unix ms or Infinity")       \
  V(PatternType, TypeError, true, "pattern must be a string")                                      \
  V(PatternTooLong, RangeError, false, "pattern is longer than ", layout::kMaxPatternBytes,        \
    " bytes")                                                                                      \
  V(TextTooLong, RangeError, false, "value is longer than ", layout::kMaxTextBytes,                \
    " bytes, so no text")                                                                          \
  V(ReadOnlyFunction, TypeError, false,                                                            \
    "READONLY a function with the flag no-writes cannot write the store")                          \
  V(ReadOnlyLoad, TypeError, false, "READONLY a library cannot write the store while it loads")    \
  V(OutOfMemory, RangeError, false, "OOM the tenant's memory quota is used up")                    \
  V(ValueTooLong, RangeError, false, "value is longer than ", layout::kMaxValueBytes, " bytes")

enum class StoreError : int {
#define SHREDDER_DECLARE_ERROR(name, ...) k##name,
  SHREDDER_STORE_ERROR_LIST(SHREDDER_DECLARE_ERROR)
#undef SHREDDER_DECLARE_ERROR
};

// What an error is made of.
class StoreErrorInfo {
 public:
  enum class Constructor { kTypeError, kRangeError };

  // Parts of the text: strings and numbers.
  template <typename... Parts>
  constexpr StoreErrorInfo(Constructor constructor, bool shows_argument, Parts... parts)
      : constructor_(constructor), shows_argument_(shows_argument) {
    (Append(parts), ...);
  }

  constexpr Constructor constructor() const { return constructor_; }
  constexpr bool shows_argument() const { return shows_argument_; }
  constexpr std::string_view text() const { return {text_, size_}; }  // ASCII

 private:
  constexpr void Append(std::string_view part) {
    for (const char c : part) text_[size_++] = c;
  }
  constexpr void Append(uint64_t number) {
    if (number >= 10) Append(number / 10);
    text_[size_++] = static_cast<char>('0' + number % 10);
  }

  Constructor constructor_;
  bool shows_argument_;
  char text_[96] = {};  // a text that does not fit is no constant expression
  size_t size_ = 0;
};

inline constexpr StoreErrorInfo kStoreErrorInfos[] = {
#define SHREDDER_DECLARE_ERROR(name, constructor, shows_argument, ...) \
  StoreErrorInfo(StoreErrorInfo::Constructor::k##constructor, shows_argument, __VA_ARGS__),
    SHREDDER_STORE_ERROR_LIST(SHREDDER_DECLARE_ERROR)
#undef SHREDDER_DECLARE_ERROR
};

constexpr const StoreErrorInfo& InfoOf(StoreError error) {
  return kStoreErrorInfos[static_cast<int>(error)];
}

}  // namespace shredder

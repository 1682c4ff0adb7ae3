// Why a builtin of shredder:store throws; store_runtime.cc has the messages.
#pragma once

namespace shredder {

enum class StoreError : int {
  kNoStore,          // TypeError: the context has no store
  kKeyType,          // TypeError: neither number nor string
  kKeyNumber,        // RangeError: not an integer from 0 to 2^53 - 1
  kKeyTooLong,       // RangeError: over kMaxKeyBytes
  kKeySurrogate,     // TypeError: a lone surrogate has no UTF-8 form
  kBufferType,       // TypeError: neither an ArrayBuffer nor a view of one
  kBufferUnusable,   // TypeError: detached, shared or resizable
  kIndexType,        // TypeError: not a number
  kIndexRange,       // RangeError: not an integer from 0 to 2^53 - 1
};

}  // namespace shredder

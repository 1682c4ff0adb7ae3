// Why a builtin of shredder:store throws; store_runtime.cc has the messages.
#pragma once

namespace shredder {

enum class StoreError : int {
  kNoStore,         // TypeError: the context has no store
  kKeyType,         // TypeError: neither number nor string
  kKeyNumber,       // RangeError: not an integer from 0 to 2^53 - 1
  kKeyTooLong,      // RangeError: over kMaxKeyBytes
  kKeySurrogate,    // TypeError: a lone surrogate has no UTF-8 form
  kBufferType,      // TypeError: neither an ArrayBuffer nor a view of one
  kBufferUnusable,  // TypeError: detached, shared or resizable
  kIndexType,       // TypeError: not a number
  kIndexRange,      // RangeError: not an integer from 0 to 2^53 - 1
  kNotView,         // TypeError: a getter's receiver is no StoreView of this context
  kViewEnded,       // TypeError: the view's invocation has ended
  kViewOffset,      // RangeError: outside of the view
  kKeysType,        // TypeError: no Uint32Array
  kOutType,         // TypeError: neither a Uint32Array nor a Float64Array
  kOutTooShort,     // RangeError: shorter than the keys
};

}  // namespace shredder

// What the parts of shredder:store that are written in C++ within V8 share: the store of the
// running function, errors, and the bytes of keys.
//
// Thread: the isolate's.
#pragma once

#include <cstdint>
#include <optional>

#include "builtins-csa/layout/store_errors.h"
#include "builtins-csa/layout/table_layout.h"
#include "src/common/assert-scope.h"
#include "src/handles/handles.h"
#include "src/objects/objects.h"

namespace v8 {
namespace internal {

class Isolate;

// The base of the current native context's store. The builtin that calls has checked that there is
// one.
::shredder::layout::StoreHeader* CurrentStore(Isolate* isolate);

// Throws the error, which shows `argument` where its text ends with it; the exception's mark.
Object ThrowStoreError(Isolate* isolate, ::shredder::StoreError error, Handle<Object> argument);

// The most bytes that CopyKeyBytes writes.
uint64_t MaxKeyBytesOf(Object key);

// Writes the bytes of a key, a flat string's in UTF-8 or a Uint8Array's, and gives their number.
// Nothing where it is one; runs none of its code.
std::optional<::shredder::StoreError> CopyKeyBytes(Object key,
                                                   const DisallowGarbageCollection& no_gc,
                                                   char* buffer, uint64_t* size);

}  // namespace internal
}  // namespace v8

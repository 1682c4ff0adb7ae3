// A StoreView: a value of the store, read in place. It has the reading half of DataView, and no
// more.
//
// It is an object of an exact map, one for each native context, which is its whole protection: only
// HTView makes such objects, and their fields are no properties. A getter that meets the map knows
// that the fields are its own. Views are frozen, so next to nothing changes their map; what still
// does (making one a prototype, a private name of a class) keeps the fields where they are, and the
// object merely stops being a view to a getter that is called.
//
//   map | properties | elements | value_offset | byte_length | invocation
//
// value_offset: where the value begins in its store's arena, in bytes. All three are numbers, as a
// deoptimisation makes them anew from what optimised code kept in registers.
//
// Lifetime: `invocation` is that of the store's header when the view was made. Where the two
// differ, the invocation has ended, the entry may be another key's, and every getter throws. Until
// then the bytes stay as they are: an invocation that may write is a transaction, which frees no
// entry before its end, and overwrites none in place once a view was made (view_invocation in the
// header).
#pragma once

#include "src/objects/js-objects.h"

namespace v8 {
namespace internal {

class StoreView {
 public:
  static constexpr int kValueOffsetOffset = JSObject::kHeaderSize;
  static constexpr int kByteLengthOffset = kValueOffsetOffset + kEmbedderDataSlotSize;
  static constexpr int kInvocationOffset = kByteLengthOffset + kEmbedderDataSlotSize;
  static constexpr int kSize = kInvocationOffset + kEmbedderDataSlotSize;
  static_assert(kEmbedderDataSlotSize == kTaggedSize, "a field must be one tagged word");
};

// The map of a native context's views.
Handle<Map> MakeStoreViewMap(Isolate* isolate, Handle<JSObject> prototype);

}  // namespace internal
}  // namespace v8

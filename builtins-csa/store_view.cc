#include "src/shredder/store_view.h"

#include "src/heap/factory.h"
#include "src/objects/map-inl.h"
#include "src/objects/objects-inl.h"

namespace v8 {
namespace internal {

Handle<Map> MakeStoreViewMap(Isolate* isolate, Handle<JSObject> prototype) {
  // Frozen from the start, and of a type with fields that are no properties.
  Handle<Map> map = isolate->factory()->NewMap(JS_API_OBJECT_TYPE, StoreView::kSize,
                                               PACKED_FROZEN_ELEMENTS, 0);
  map->SetConstructor(*isolate->object_function());
  map->set_is_extensible(false);
  Map::SetPrototype(isolate, map, prototype);
  return map;
}

}  // namespace internal
}  // namespace v8

#include "builtins-csa/builtins/store_view.h"

#include "src/heap/factory.h"
#include "src/objects/map-inl.h"
#include "src/objects/objects-inl.h"

namespace v8 {
namespace internal {

Handle<Map> MakeStoreViewMap(Isolate* isolate, Handle<JSObject> prototype) {
  // Of a type with fields that are no properties, and frozen from the start: what Object.freeze
  // makes of such a type's elements.
  Handle<Map> map = isolate->factory()->NewMap(JS_API_OBJECT_TYPE, StoreView::kSize,
                                               TERMINAL_FAST_ELEMENTS_KIND, 0);
  map->set_elements_kind(HOLEY_FROZEN_ELEMENTS);
  map->SetConstructor(*isolate->object_function());
  map->set_is_extensible(false);
  Map::SetPrototype(isolate, map, prototype);
  return map;
}

}  // namespace internal
}  // namespace v8

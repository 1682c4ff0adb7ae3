// The globals that a tenant's code sees, and nothing beyond.
#pragma once

#include <v8.h>

namespace shredder::engine {

// Makes a context whose global object has the names of an allow-list only, and in which no code is
// made from strings. Empty when memory runs out.
v8::MaybeLocal<v8::Context> MakeTenantContext(v8::Isolate* isolate);

}  // namespace shredder::engine

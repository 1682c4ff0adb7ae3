// Indexes in a tenant's native context's embedder data, besides the store itself (table_layout.h):
// what the engine puts there for the builtins.
#pragma once

#include "builtins-csa/layout/table_layout.h"

namespace shredder {

// The object from which the module shredder:store takes its exports.
inline constexpr int kExportsEmbedderDataIndex = layout::kStoreEmbedderDataIndex + 1;
// Functions in C++ with the arguments of HTSet, HTDelete and HTAdd, for what those leave to C++.
inline constexpr int kSetEmbedderDataIndex = kExportsEmbedderDataIndex + 1;
inline constexpr int kDeleteEmbedderDataIndex = kSetEmbedderDataIndex + 1;
inline constexpr int kAddEmbedderDataIndex = kDeleteEmbedderDataIndex + 1;

}  // namespace shredder

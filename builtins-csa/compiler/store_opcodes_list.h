// The simplified operators that lookups become in optimised code, in the form of V8's own lists;
// the patch series adds these to SIMPLIFIED_OTHER_OP_LIST (src/compiler/opcodes.h). What each
// means: store_operators.h.
#pragma once

#define SHREDDER_OP_LIST(V)  \
  V(ShredderLookup)          \
  V(ShredderValueIs)         \
  V(ShredderValueLength)     \
  V(ShredderValueOffset)     \
  V(ShredderValueAddress)    \
  V(ShredderLoadHeaderField) \
  V(ShredderCopyValue)       \
  V(ShredderMakeString)

// Splits the iterations of counted loops over arrays and views in two: a main loop, of whose
// indexes all bounds are checked beforehand, by its limit, and which does several iterations a
// turn; and the loop as it was, for what remains.
//
//   for (; i < n; i += s) { check(i + c < m); body(i); }
//
//   limit = min(n, m - c) - 3 s;
//   for (; i < limit; i += 4 s) { body(i); body(i + s); body(i + 2 s); body(i + 3 s); }
//   for (; i < n; i += s) { check(i + c < m); body(i); }
//
// Nothing is speculated: an index that is out of bounds is met by the second loop, in its
// iteration, with its check. So is a way out of the loop from the middle of an iteration, which is
// done anew from its beginning then, and so must write nothing. Known as iteration splitting (S. P.
// Midkiff et al., "Optimizing array reference checking in Java programs", IBM Systems Journal 37/3,
// 1998), and as the pre-, main and post-loops of HotSpot's server compiler.
//
// It runs between simplified and generic lowering, when indexes are machine integers and checks are
// still single nodes.
#pragma once

#include "src/compiler/graph.h"

namespace v8 {
namespace internal {

class TickCounter;
class Zone;

namespace compiler {

class JSGraph;
class NodeOriginTable;
class SourcePositionTable;

void SplitCountedLoops(JSGraph* jsgraph, SourcePositionTable* source_positions,
                       NodeOriginTable* node_origins, TickCounter* tick_counter, Zone* temp_zone);

}  // namespace compiler
}  // namespace internal
}  // namespace v8

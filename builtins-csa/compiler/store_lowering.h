// Lowers the store's operators (store_operators.h) to machine operators, within effect-control
// linearisation: the same steps over the same bytes as builtins-csa/layout/table_lookup.h and
// table_lookup_assembler.h.
#pragma once

namespace v8 {
namespace internal {
namespace compiler {

class JSGraphAssembler;
class Node;

// The node that stands for `node`'s result. `frame_state` is what a deoptimisation goes back to.
Node* LowerStoreOperator(JSGraphAssembler* gasm, Node* node, Node* frame_state);

}  // namespace compiler
}  // namespace internal
}  // namespace v8

// Turns calls of the store's builtins, where the optimiser knows the target, into operators of the
// graph (store_operators.h), so that a lookup is part of the loop around it: no call, nothing
// tagged on the way.
//
// It runs with typed lowering, when the types of keys and indexes are known. Code is made for one
// native context, and only builtins of that context are reduced; its store is a constant of the
// code.
//
// Where something is assumed of an argument that its type does not say (a key is a key, an index
// lies in the value), the code deoptimises when that fails, and the call's feedback then says so
// (SpeculationMode): the next code assumes less, and leaves to the builtin what it cannot do. So no
// deoptimisation repeats.
#pragma once

#include "builtins-csa/compiler/store_operators.h"
#include "src/common/globals.h"
#include "src/compiler/graph-reducer.h"
#include "src/compiler/heap-refs.h"
#include "src/compiler/js-graph.h"

namespace v8 {
namespace internal {
namespace compiler {

class CompilationDependencies;
class JSHeapBroker;
class PresenceBranch;

class StoreCallReducer final : public AdvancedReducer {
 public:
  StoreCallReducer(Editor* editor, JSGraph* jsgraph, JSHeapBroker* broker,
                   CompilationDependencies* dependencies);
  const char* reducer_name() const override { return "StoreCallReducer"; }
  Reduction Reduce(Node* node) override;

 private:
  // A call that is being reduced: where its effects and its control have come to.
  struct Site;

  // Which of the context's builtins the node calls.
  Builtin BuiltinOf(Node* node) const;

  Reduction ReduceHas(Node* node);
  Reduction ReduceLength(Node* node);
  Reduction ReduceGet(Node* node);
  Reduction ReduceGetString(Node* node);
  Reduction ReduceElement(Node* node, ExternalArrayType element_type);
  Reduction ReduceView(Node* node);
  Reduction ReduceViewGetter(Node* node, ExternalArrayType element_type);
  Reduction ReduceViewByteLength(Node* node);

  // The value reference of a key; where it cannot be looked up here, deoptimises or falls back.
  Node* Lookup(Site* site, Node* key, bool marks_view);
  StoreKeyKind KeyKindOf(Node* key) const;
  // A key that is a constant string as the integer that it is, or with its hash.
  Node* ResolveConstant(Node* key, StoreKeyKind* kind, StoreLookupParameters* parameters);
  Node* IsAbsent(Node* reference);
  Node* LengthOrMinusOne(Node* reference);
  Node* ValueAddress(Node* reference);
  Node* AddressAt(Node* value_offset);
  // The index, checked to be a number from 0 to below `count`; deoptimises.
  Node* CheckIndex(Site* site, Node* index, Node* count);
  // An index of any type as an Unsigned32, without a deoptimisation; others fall back.
  Node* NarrowIndex(Site* site, Node* index);
  Node* LoadElement(Site* site, ExternalArrayType element_type, Node* address, Node* byte_offset,
                    Node* is_little_endian);

  Node* MakeView(Site* site, Node* reference);
  // Of a call whose result is tested at once, the view where there is one; replaces the call.
  Reduction MakeTestedView(Site* site, Node* reference, const PresenceBranch& tested);
  // In a loop a view's use may be visited before the call that makes the view. That call is reduced
  // first, then.
  void ReduceMakerOf(Node* receiver);
  // False where nothing says that the receiver is a view; else it is checked to be one of this
  // invocation.
  bool CheckView(Site* site, Node* receiver);
  bool CheckViewMap(Site* site, Node* receiver);
  Node* IsOfThisInvocation(Site* site, Node* view);
  // Whether this graph makes the view. Whoever has such a node runs in the invocation that made it:
  // an activation lies within one invocation, and what lives across a generator's suspension comes
  // back from the heap as another node.
  bool IsMadeHere(Node* view) const;
  MapRef ViewMap();

  // Leaves the call to the builtin unless the condition holds.
  void FallBackUnless(Site* site, Node* condition);
  // Joins what has come so far to `value` with another path.
  Node* Join(Site* site, Node* value, Node* other_value, Node* other_effect, Node* other_control);
  // Replaces the call. Where it may be left to the builtin, `builtin_type` is of what that returns.
  Reduction Finish(Site* site, Node* value, Type builtin_type = Type::Any());

  // The store of the native context that code is made for, or null.
  ::shredder::layout::StoreHeader* Store();

  JSGraph* jsgraph() const { return jsgraph_; }
  Graph* graph() const { return jsgraph_->graph(); }
  CommonOperatorBuilder* common() const { return jsgraph_->common(); }
  SimplifiedOperatorBuilder* simplified() const { return jsgraph_->simplified(); }
  JSHeapBroker* broker() const { return broker_; }

  JSGraph* const jsgraph_;
  JSHeapBroker* const broker_;
  CompilationDependencies* const dependencies_;
  StoreOperators operators_;
  ZoneSet<Node*> views_;  // that this graph makes
  ZoneSet<Node*> left_to_builtin_;
  bool store_is_known_ = false;
  ::shredder::layout::StoreHeader* store_ = nullptr;
};

}  // namespace compiler
}  // namespace internal
}  // namespace v8

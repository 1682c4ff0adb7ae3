#include "builtins-csa/compiler/loop_splitting.h"

#include "builtins-csa/compiler/split_loops.h"
#include "builtins-csa/compiler/store_operators.h"
#include "src/base/bits.h"
#include "src/compiler/access-builder.h"
#include "src/compiler/common-operator.h"
#include "src/compiler/compiler-source-position-table.h"
#include "src/compiler/js-graph.h"
#include "src/compiler/js-operator.h"
#include "src/compiler/loop-analysis.h"
#include "src/compiler/machine-operator.h"
#include "src/compiler/node-matchers.h"
#include "src/compiler/node-origin-table.h"
#include "src/compiler/node-properties.h"
#include "src/compiler/simplified-operator.h"
#include "src/zone/zone-containers.h"

namespace shredder {
std::atomic<uint64_t> split_loops = 0;
}

namespace v8 {
namespace internal {
namespace compiler {

namespace layout = ::shredder::layout;

namespace {

constexpr int64_t kMaxFactor =
    1 << 16;  // of steps and scales, so that products of two and a counter fit into 64 bits
constexpr int64_t kIndexEnd = int64_t{1} << 31;
constexpr int kMaxIndexDepth = 8;
constexpr int kMaxLoopNodes = 120;
constexpr int kMaxCopiedNodes = 4000;  // in one function

// Whether inline instructions do what the node does, and not so many that its checks of bounds
// count for nothing.
bool IsCheap(Node* node) {
  switch (node->opcode()) {
    case IrOpcode::kBranch:
    case IrOpcode::kIfTrue:
    case IrOpcode::kIfFalse:
    case IrOpcode::kMerge:
    case IrOpcode::kSelect:
    case IrOpcode::kPhi:
    case IrOpcode::kEffectPhi:
    case IrOpcode::kTypeGuard:
    case IrOpcode::kCheckpoint:
    case IrOpcode::kFrameState:
    case IrOpcode::kStateValues:
    case IrOpcode::kTypedStateValues:
    case IrOpcode::kObjectState:
    case IrOpcode::kTypedObjectState:
    case IrOpcode::kObjectId:
    case IrOpcode::kJSStackCheck:
    case IrOpcode::kCheckIf:
    case IrOpcode::kCheckMaps:
    case IrOpcode::kCheckFloat64Hole:
    case IrOpcode::kCheckNotTaggedHole:
    case IrOpcode::kLoadField:
    case IrOpcode::kLoadElement:
    case IrOpcode::kLoadTypedElement:
    case IrOpcode::kLoadDataViewElement:
    case IrOpcode::kStoreField:
    case IrOpcode::kStoreElement:
    case IrOpcode::kStoreTypedElement:
    case IrOpcode::kStoreDataViewElement:
    case IrOpcode::kChangeTaggedSignedToInt32:
    case IrOpcode::kChangeTaggedSignedToInt64:
    case IrOpcode::kChangeTaggedToInt32:
    case IrOpcode::kChangeTaggedToUint32:
    case IrOpcode::kChangeTaggedToFloat64:
    case IrOpcode::kChangeInt31ToTaggedSigned:
    case IrOpcode::kChangeTaggedToBit:
    case IrOpcode::kChangeBitToTagged:
    case IrOpcode::kTruncateTaggedToFloat64:
    case IrOpcode::kTruncateTaggedToWord32:
    case IrOpcode::kShredderLookup:
    case IrOpcode::kShredderValueIs:
    case IrOpcode::kShredderValueLength:
    case IrOpcode::kShredderValueOffset:
    case IrOpcode::kShredderValueAddress:
    case IrOpcode::kShredderLoadHeaderField:
      return true;
#define CASE(Name) case IrOpcode::k##Name:
      SIMPLIFIED_CHECKED_OP_LIST(CASE)
      MACHINE_OP_LIST(CASE)
#undef CASE
      return true;
    default:
      return false;
  }
}

// A load of an array of which it is known that its elements are outside of V8's heap, and which can
// be a DataView's load, too: no such load of a 64-bit integer is ever lowered.
bool IsOffHeapLoad(Node* node) {
  if (node->opcode() != IrOpcode::kLoadTypedElement) return false;
  const ExternalArrayType type = ExternalArrayTypeOf(node->op());
  return type != kExternalBigInt64Array && type != kExternalBigUint64Array &&
         Int64Matcher(node->InputAt(1)).Is(0);
}

// How many registers an access to memory takes in an iteration: the address too, where that is a
// sum. A lookup takes all.
int RegistersOfAccess(Node* node) {
  switch (node->opcode()) {
    case IrOpcode::kShredderLookup:
      return 8;
    case IrOpcode::kLoadDataViewElement:
      return 1;
    case IrOpcode::kLoadTypedElement:
      return IsOffHeapLoad(node) ? 1 : 2;
    case IrOpcode::kLoadField:
    case IrOpcode::kLoadElement:
    case IrOpcode::kStoreField:
    case IrOpcode::kStoreElement:
    case IrOpcode::kStoreTypedElement:
    case IrOpcode::kStoreDataViewElement:
      return 2;
    default:
      return 0;
  }
}

bool IsCheckedToInt32(Node* node) {
  switch (node->opcode()) {
    case IrOpcode::kCheckedInt64ToInt32:
    case IrOpcode::kCheckedUint32ToInt32:
    case IrOpcode::kCheckedUint64ToInt32:
    case IrOpcode::kCheckedTaggedToInt32:
    case IrOpcode::kCheckedTaggedSignedToInt32:
      return true;
    default:
      return false;
  }
}

class LoopSplitter {
 public:
  LoopSplitter(JSGraph* jsgraph, LoopTree* loop_tree, const LoopTree::Loop* loop,
               SourcePositionTable* source_positions, NodeOriginTable* node_origins, Zone* zone)
      : jsgraph_(jsgraph),
        loop_tree_(loop_tree),
        loop_(loop),
        source_positions_(source_positions),
        node_origins_(node_origins),
        zone_(zone),
        header_(zone),
        body_(zone),
        counters_(zone),
        bounds_(zone),
        proven_(zone),
        main_phis_(zone),
        now_(zone),
        copies_(zone) {}

  // Whether the loop is one to split; changes nothing.
  bool Analyze();
  void Split();
  int copied_nodes() const { return turns() * static_cast<int>(body_.size()); }

 private:
  // A phi of the header that grows by a constant in each iteration.
  struct Counter {
    Node* phi;
    int64_t step;
    bool is_used;  // by a bound
  };
  // scale * counter + offset, with scale > 0 and offset >= 0: no partial sum or product on the way
  // to it is greater, so where it is below 2^31, nothing has wrapped.
  struct Linear {
    Counter* counter;
    int64_t scale;
    int64_t offset;
  };
  // index < limit + slack, of which the limit is known before the loop.
  struct Bound {
    Linear index;
    Node* limit;
    enum Kind { kInt32, kUint32, kUint64 } kind;
    int64_t slack;
  };
  // What the header's nodes are at some point of the main loop.
  struct State {
    explicit State(Zone* zone) : values(zone) {}
    Node* control = nullptr;
    Node* effect = nullptr;
    ZoneUnorderedMap<Node*, Node*> values;
  };

  bool FindHeader();
  bool HasNoOtherExit();
  void FindCounters();
  bool FindLoopBound();
  // Whether a limit that the header converts is the same in every iteration: then the main loop
  // converts it once.
  bool IsConvertedInHeader(Node* limit) const;
  void FindIndexBounds();
  void AddBound(const Bound& bound);

  // What the node is of a counter; false if it is not linear in one, or needs too many steps to
  // tell.
  bool LinearOf(Node* node, Linear* linear, int depth = 0);
  bool LinearOfSum(Node* a, Node* b, Linear* linear, int depth);
  bool LinearOfProduct(Node* a, Node* b, Linear* linear, int depth);
  // The main loop needs no check on the way from the counter to the index.
  void MarkProven(Node* index);
  bool IsProven(Node* node) const { return proven_.count(node) != 0; }
  static bool Is64Bit(Node* node);

  bool IsInLoop(Node* node) const { return loop_tree_->Contains(loop_, node); }
  // Iterations in one turn of the main loop: several where they are short. A turn's loads come
  // first, as the scheduler orders them, and want registers.
  int turns() const { return registers_ <= 4 ? 4 : 1; }

  void MakeHeader();
  // Loads what finds a segment: nothing in the loop writes the store.
  Node* LoadDirectory(Node* effect);
  // The header's node as it is when the loop is entered.
  Node* Enter(Node* node);
  // What a counter must be below for a whole turn of the main loop, from 0 to 2^31 - 1.
  Node* LimitOf(const Counter& counter);
  Node* LimitOf(const Bound& bound);
  Node* Minimum(Node* a, Node* b);

  void CopyIteration(int turn);
  // Whether the iteration does without the node: what it checks is known, or is checked once a
  // turn.
  bool IsDropped(Node* node) const;
  // What stands for the node in the iteration.
  Node* MapValue(Node* node);
  Node* MapEffect(Node* node);
  Node* MapControl(Node* node);
  // A proven node's value, computed from the main loop's counter.
  Node* Proven(Node* node);
  Node* Proven64(const Linear& linear);
  // Lets the load that was copied take its index as a part of the address.
  void FoldIndex(Node* node, Node* copy);
  void GiveDirectory(Node* lookup);

  Graph* graph() const { return jsgraph_->graph(); }
  CommonOperatorBuilder* common() const { return jsgraph_->common(); }
  MachineOperatorBuilder* machine() const { return jsgraph_->machine(); }
  Node* Int32(int64_t value) { return jsgraph_->Int32Constant(static_cast<int32_t>(value)); }
  Node* Int64(int64_t value) { return jsgraph_->Int64Constant(value); }
  Node* Add64(Node* a, int64_t b) {
    return b == 0 ? a : graph()->NewNode(machine()->Int64Add(), a, Int64(b));
  }

  JSGraph* const jsgraph_;
  LoopTree* const loop_tree_;
  const LoopTree::Loop* const loop_;
  SourcePositionTable* const source_positions_;
  NodeOriginTable* const node_origins_;
  Zone* const zone_;

  // The loop.
  Node* loop_node_ = nullptr;
  Node* effect_phi_ = nullptr;
  NodeVector header_;  // its phis
  NodeVector body_;
  Node* branch_ = nullptr;
  Node* if_true_ = nullptr;
  int registers_ = 0;
  Node* lookup_ = nullptr;  // one of those in the body, which are all in one store
  Node* converted_limit_ = nullptr;
  ZoneVector<Counter> counters_;
  ZoneVector<Bound> bounds_;  // the loop's own first
  ZoneUnorderedMap<Node*, Linear> proven_;

  // The main loop.
  Node* main_loop_ = nullptr;
  Node* main_effect_phi_ = nullptr;
  ZoneUnorderedMap<Node*, Node*> main_phis_;
  Node* main_limit_ = nullptr;
  Node* directory_ = nullptr;
  Node* directory_shift_ = nullptr;
  Node* main_branch_ = nullptr;
  // The iteration that is being made, what it begins with, and its copies of the body.
  int turn_ = 0;
  State now_;
  ZoneUnorderedMap<Node*, Node*> copies_;
};

bool LoopSplitter::Analyze() {
  if (loop_->TotalSize() > kMaxLoopNodes || !FindHeader() || !HasNoOtherExit()) return false;
  for (Node* node : body_) {
    if (!IsCheap(node)) return false;
    if (node->opcode() == IrOpcode::kShredderLookup) lookup_ = node;
    registers_ += RegistersOfAccess(node);
  }
  FindCounters();
  if (counters_.empty() || !FindLoopBound()) return false;
  FindIndexBounds();
  // A loop that checks no bounds is left alone.
  return bounds_.size() > 1;
}

bool LoopSplitter::FindHeader() {
  for (Node* node : loop_tree_->HeaderNodes(loop_)) {
    if (node->opcode() == IrOpcode::kLoop) {
      loop_node_ = node;
    } else if (node->opcode() == IrOpcode::kEffectPhi) {
      if (effect_phi_ != nullptr) return false;
      effect_phi_ = node;
    } else if (node->opcode() == IrOpcode::kPhi) {
      header_.push_back(node);
    } else {
      return false;
    }
  }
  if (loop_node_ == nullptr || effect_phi_ == nullptr || loop_node_->InputCount() != 2)
    return false;
  for (Node* node : loop_tree_->BodyNodes(loop_)) body_.push_back(node);

  for (Node* use : loop_node_->uses()) {
    if (use->opcode() != IrOpcode::kBranch) continue;
    if (branch_ != nullptr) return false;
    branch_ = use;
  }
  if (branch_ == nullptr) return false;
  Node* if_false = nullptr;
  for (Node* use : branch_->uses()) {
    if (use->opcode() == IrOpcode::kIfTrue) if_true_ = use;
    if (use->opcode() == IrOpcode::kIfFalse) if_false = use;
  }
  return if_true_ != nullptr && if_false != nullptr && IsInLoop(if_true_) && !IsInLoop(if_false);
}

// Behind the main loop comes only the other: there is no way out of it but its limit.
bool LoopSplitter::HasNoOtherExit() {
  const auto leaves = [this](Node* node) {
    for (Edge edge : node->use_edges()) {
      Node* const use = edge.from();
      if (!NodeProperties::IsControlEdge(edge) || IsInLoop(use)) continue;
      if (use->opcode() == IrOpcode::kTerminate) continue;
      if (node == branch_ && use->opcode() == IrOpcode::kIfFalse) continue;
      return true;
    }
    return false;
  };
  if (leaves(loop_node_)) return false;
  for (Node* node : body_) {
    if (leaves(node)) return false;
  }
  return true;
}

void LoopSplitter::FindCounters() {
  // What is linear is so in a counter: each phi is taken for one until its step is known.
  for (Node* phi : header_) {
    if (PhiRepresentationOf(phi->op()) != MachineRepresentation::kWord32) continue;
    counters_.push_back({phi, 0, false});
  }
  ZoneVector<Counter> counters(zone_);
  for (const Counter& counter : counters_) {
    Linear next;
    if (!LinearOf(counter.phi->InputAt(1), &next) || next.counter->phi != counter.phi ||
        next.scale != 1 || next.offset < 1) {
      continue;
    }
    counters.push_back(counter);
    counters.back().step = next.offset;
  }
  counters_ = counters;
}

bool LoopSplitter::FindLoopBound() {
  Node* const condition = branch_->InputAt(0);
  Bound bound;
  switch (condition->opcode()) {
    case IrOpcode::kInt32LessThan:
      bound.kind = Bound::kInt32;
      bound.slack = 0;
      break;
    case IrOpcode::kInt32LessThanOrEqual:
      bound.kind = Bound::kInt32;
      bound.slack = 1;
      break;
    case IrOpcode::kUint32LessThan:
      bound.kind = Bound::kUint32;
      bound.slack = 0;
      break;
    case IrOpcode::kUint32LessThanOrEqual:
      bound.kind = Bound::kUint32;
      bound.slack = 1;
      break;
    default:
      return false;
  }
  bound.limit = condition->InputAt(1);
  if (!LinearOf(condition->InputAt(0), &bound.index)) return false;
  if (IsInLoop(bound.limit)) {
    if (!IsConvertedInHeader(bound.limit)) return false;
    converted_limit_ = bound.limit;
  }
  AddBound(bound);
  MarkProven(condition->InputAt(0));
  return true;
}

bool LoopSplitter::IsConvertedInHeader(Node* limit) const {
  for (Node* node = limit; node != effect_phi_; node = NodeProperties::GetEffectInput(node)) {
    // Before the inputs are asked for, which a pure node lacks.
    const bool is_constant = IsCheckedToInt32(node) && !IsInLoop(node->InputAt(0));
    if (!is_constant && node->opcode() != IrOpcode::kCheckpoint) return false;
    if (NodeProperties::GetControlInput(node) != loop_node_) return false;
  }
  return true;
}

void LoopSplitter::FindIndexBounds() {
  for (Node* node : body_) {
    Bound bound;
    if (node->opcode() == IrOpcode::kCheckedUint32Bounds) {
      bound.kind = Bound::kUint32;
    } else if (node->opcode() == IrOpcode::kCheckedUint64Bounds) {
      bound.kind = Bound::kUint64;
    } else {
      continue;
    }
    bound.slack = 0;
    bound.limit = node->InputAt(1);
    if (IsInLoop(bound.limit) || !LinearOf(node, &bound.index)) continue;
    AddBound(bound);
    MarkProven(node);
  }
  // A counter's own way from one iteration to the next.
  for (const Counter& counter : counters_) {
    if (counter.is_used) MarkProven(counter.phi->InputAt(1));
  }
  for (Node* node : body_) {
    const bool changes_width = node->opcode() == IrOpcode::kChangeInt32ToInt64 ||
                               node->opcode() == IrOpcode::kChangeUint32ToUint64 ||
                               node->opcode() == IrOpcode::kTruncateInt64ToInt32;
    Linear linear;
    if (changes_width && IsProven(node->InputAt(0)) && LinearOf(node, &linear)) {
      proven_.emplace(node, linear);
    }
  }
}

// Of two bounds that differ in the offset, the greater offset's implies the other.
void LoopSplitter::AddBound(const Bound& bound) {
  bound.index.counter->is_used = true;
  for (Bound& other : bounds_) {
    // The first is the loop's own, which has no check to spare.
    if (&other != &bounds_[0] && other.limit == bound.limit && other.kind == bound.kind &&
        other.index.counter == bound.index.counter && other.index.scale == bound.index.scale) {
      other.index.offset = std::max(other.index.offset, bound.index.offset);
      return;
    }
  }
  bounds_.push_back(bound);
}

bool LoopSplitter::LinearOf(Node* node, Linear* linear, int depth) {
  if (depth > kMaxIndexDepth) return false;
  for (Counter& counter : counters_) {
    if (counter.phi == node) {
      *linear = {&counter, 1, 0};
      return true;
    }
  }
  if (!IsInLoop(node)) return false;
  switch (node->opcode()) {
    // The same number, if it is one from 0 to 2^31 - 1 and the check, if there is one, holds.
    case IrOpcode::kTypeGuard:
    case IrOpcode::kChangeInt32ToInt64:
    case IrOpcode::kChangeUint32ToUint64:
    case IrOpcode::kTruncateInt64ToInt32:
    case IrOpcode::kCheckedUint32ToInt32:
    case IrOpcode::kCheckedUint64ToInt32:
    case IrOpcode::kCheckedInt64ToInt32:
    case IrOpcode::kCheckedUint32Bounds:
    case IrOpcode::kCheckedUint64Bounds:
      return LinearOf(node->InputAt(0), linear, depth + 1);
    case IrOpcode::kInt32Add:
    case IrOpcode::kInt64Add:
    case IrOpcode::kCheckedInt32Add:
    case IrOpcode::kCheckedInt64Add:
      return LinearOfSum(node->InputAt(0), node->InputAt(1), linear, depth) ||
             LinearOfSum(node->InputAt(1), node->InputAt(0), linear, depth);
    case IrOpcode::kInt32Mul:
    case IrOpcode::kInt64Mul:
    case IrOpcode::kCheckedInt32Mul:
    case IrOpcode::kCheckedInt64Mul:
      return LinearOfProduct(node->InputAt(0), node->InputAt(1), linear, depth) ||
             LinearOfProduct(node->InputAt(1), node->InputAt(0), linear, depth);
    case IrOpcode::kWord32Shl:
    case IrOpcode::kWord64Shl: {
      const Int64Matcher shift(node->InputAt(1));
      if (!shift.IsInRange(0, 16) || !LinearOf(node->InputAt(0), linear, depth + 1)) return false;
      linear->scale <<= shift.ResolvedValue();
      linear->offset <<= shift.ResolvedValue();
      return linear->scale <= kMaxFactor && linear->offset <= kIndexEnd;
    }
    default:
      return false;
  }
}

bool LoopSplitter::LinearOfSum(Node* a, Node* b, Linear* linear, int depth) {
  const Int64Matcher offset(b);
  if (!offset.IsInRange(0, kMaxFactor) || !LinearOf(a, linear, depth + 1)) return false;
  linear->offset += offset.ResolvedValue();
  return linear->offset <= kIndexEnd;
}

bool LoopSplitter::LinearOfProduct(Node* a, Node* b, Linear* linear, int depth) {
  const Int64Matcher scale(b);
  if (!scale.IsInRange(1, kMaxFactor) || !LinearOf(a, linear, depth + 1)) return false;
  linear->scale *= scale.ResolvedValue();
  linear->offset *= scale.ResolvedValue();
  return linear->scale <= kMaxFactor && linear->offset <= kIndexEnd;
}

void LoopSplitter::MarkProven(Node* index) {
  Linear linear;
  while (LinearOf(index, &linear)) {
    const bool is_bounds_check = index->opcode() == IrOpcode::kCheckedUint32Bounds ||
                                 index->opcode() == IrOpcode::kCheckedUint64Bounds;
    // A check against what changes within the loop stays.
    if (!is_bounds_check || !IsInLoop(index->InputAt(1))) proven_.emplace(index, linear);
    if (NodeProperties::IsPhi(index)) return;
    index = LinearOf(index->InputAt(0), &linear) ? index->InputAt(0) : index->InputAt(1);
  }
}

bool LoopSplitter::Is64Bit(Node* node) {
  switch (node->opcode()) {
    case IrOpcode::kTypeGuard:
      return Is64Bit(node->InputAt(0));
    case IrOpcode::kChangeInt32ToInt64:
    case IrOpcode::kChangeUint32ToUint64:
    case IrOpcode::kCheckedUint64Bounds:
    case IrOpcode::kInt64Add:
    case IrOpcode::kCheckedInt64Add:
    case IrOpcode::kInt64Mul:
    case IrOpcode::kCheckedInt64Mul:
    case IrOpcode::kWord64Shl:
      return true;
    default:
      return false;
  }
}

// --- The main loop -------------------------------------------------------------------------------

void LoopSplitter::Split() {
  MakeHeader();
  for (int turn = 0; turn < turns(); ++turn) CopyIteration(turn);

  main_loop_->ReplaceInput(1, now_.control);
  main_effect_phi_->ReplaceInput(1, now_.effect);
  for (Node* phi : header_) main_phis_[phi]->ReplaceInput(1, now_.values[phi]);

  Node* const if_done = graph()->NewNode(common()->IfFalse(), main_branch_);
  loop_node_->ReplaceInput(0, if_done);
  effect_phi_->ReplaceInput(0, main_effect_phi_);
  for (Node* phi : header_) phi->ReplaceInput(0, main_phis_[phi]);
}

void LoopSplitter::MakeHeader() {
  Node* entry_effect = effect_phi_->InputAt(0);
  if (converted_limit_ != nullptr) {
    entry_effect = main_limit_ = Enter(converted_limit_);
    copies_.clear();
  }
  if (lookup_ != nullptr) entry_effect = LoadDirectory(entry_effect);
  main_loop_ = graph()->NewNode(common()->Loop(2), loop_node_->InputAt(0), loop_node_->InputAt(0));
  main_effect_phi_ =
      graph()->NewNode(common()->EffectPhi(2), entry_effect, entry_effect, main_loop_);
  for (Node* phi : header_) {
    main_phis_[phi] = graph()->NewNode(phi->op(), phi->InputAt(0), phi->InputAt(0), main_loop_);
  }
  NodeProperties::MergeControlToEnd(
      graph(), common(), graph()->NewNode(common()->Terminate(), main_effect_phi_, main_loop_));

  // Unsigned, so that a counter that begins below 0 stays out of the main loop.
  Node* condition = nullptr;
  for (const Counter& counter : counters_) {
    if (!counter.is_used) continue;
    Node* const is_below =
        graph()->NewNode(machine()->Uint32LessThan(), main_phis_[counter.phi], LimitOf(counter));
    condition = condition == nullptr
                    ? is_below
                    : graph()->NewNode(machine()->Word32And(), condition, is_below);
  }
  main_branch_ = graph()->NewNode(branch_->op(), condition, main_loop_);
  now_.control = graph()->NewNode(common()->IfTrue(), main_branch_);
  now_.effect = main_effect_phi_;
  now_.values = main_phis_;
}

Node* LoopSplitter::LoadDirectory(Node* effect) {
  Node* const store = jsgraph_->ExternalConstant(ExternalReference::FromRawAddress(
      reinterpret_cast<Address>(StoreLookupParametersOf(lookup_->op()).store)));
  const auto load = [&](int offset) {
    return effect = graph()->NewNode(machine()->Load(MachineType::Uint64()), store, Int64(offset),
                                     effect, loop_node_->InputAt(0));
  };
  directory_ =
      graph()->NewNode(machine()->Int64Add(), store, load(layout::kHeaderOffset_directory_offset));
  directory_shift_ = load(layout::kHeaderOffset_directory_shift);
  return effect;
}

Node* LoopSplitter::Enter(Node* node) {
  if (node == loop_node_ || node == effect_phi_ ||
      (NodeProperties::IsPhi(node) && IsInLoop(node))) {
    return node->InputAt(0);
  }
  if (!IsInLoop(node)) return node;
  const auto copy = copies_.find(node);
  if (copy != copies_.end()) return copy->second;
  SourcePositionTable::Scope position(source_positions_,
                                      source_positions_->GetSourcePosition(node));
  Node* const entered = graph()->CloneNode(node);
  copies_[node] = entered;
  for (int i = 0; i < node->InputCount(); ++i) entered->ReplaceInput(i, Enter(node->InputAt(i)));
  return entered;
}

// All limits, as 64-bit numbers, are far from where sums of them would wrap.
Node* LoopSplitter::LimitOf(const Counter& counter) {
  Node* limit = Int64(kIndexEnd - turns() * counter.step);
  for (const Bound& bound : bounds_) {
    if (bound.index.counter == &counter) limit = Minimum(limit, LimitOf(bound));
  }
  Node* const is_positive =
      graph()->NewNode(machine()->Word64Xor(),
                       graph()->NewNode(machine()->Word64Sar(), limit, Int64(63)), Int64(-1));
  return graph()->NewNode(machine()->TruncateInt64ToInt32(),
                          graph()->NewNode(machine()->Word64And(), limit, is_positive));
}

// scale * (counter + last_turn * step) + offset < limit, solved for the counter.
Node* LoopSplitter::LimitOf(const Bound& bound) {
  const auto [counter, scale, offset] = bound.index;
  Node* limit = bound.limit == converted_limit_ ? main_limit_ : bound.limit;
  if (bound.kind == Bound::kInt32) {
    limit = graph()->NewNode(machine()->ChangeInt32ToInt64(), limit);
  } else if (bound.kind == Bound::kUint32) {
    limit = graph()->NewNode(machine()->ChangeUint32ToUint64(), limit);
  }
  limit = Add64(limit, bound.slack);
  // What the counter's own limit says of the index already.
  const bool is_small = bound.kind == Bound::kInt32 || (scale == 1 && offset <= counter->step);
  if (!is_small) limit = Minimum(limit, Int64(kIndexEnd));
  limit = Add64(limit, (scale - 1) - offset - scale * (turns() - 1) * counter->step);
  if (scale == 1) return limit;
  if (base::bits::IsPowerOfTwo(scale)) {
    return graph()->NewNode(machine()->Word64Sar(), limit,
                            Int64(base::bits::WhichPowerOfTwo(scale)));
  }
  return graph()->NewNode(machine()->Int64Div(), limit, Int64(scale), graph()->start());
}

Node* LoopSplitter::Minimum(Node* a, Node* b) {
  Node* const difference = graph()->NewNode(machine()->Int64Sub(), a, b);
  Node* const sign = graph()->NewNode(machine()->Word64Sar(), difference, Int64(63));
  return graph()->NewNode(machine()->Int64Add(), b,
                          graph()->NewNode(machine()->Word64And(), difference, sign));
}

// --- Its iterations ------------------------------------------------------------------------------

void LoopSplitter::CopyIteration(int turn) {
  turn_ = turn;
  copies_.clear();
  for (Node* node : body_) {
    if (IsDropped(node)) continue;
    SourcePositionTable::Scope position(source_positions_,
                                        source_positions_->GetSourcePosition(node));
    NodeOriginTable::Scope origin(node_origins_, "split loop", node);
    copies_[node] = graph()->CloneNode(node);
  }
  for (const auto& [node, copy] : copies_) {
    const int first_effect = NodeProperties::FirstEffectIndex(node);
    const int first_control = NodeProperties::FirstControlIndex(node);
    for (int i = 0; i < node->InputCount(); ++i) {
      Node* const input = node->InputAt(i);
      copy->ReplaceInput(i, i >= first_control  ? MapControl(input)
                            : i >= first_effect ? MapEffect(input)
                                                : MapValue(input));
    }
    FoldIndex(node, copy);
    if (node->opcode() == IrOpcode::kShredderLookup) GiveDirectory(copy);
  }
  State next(zone_);
  next.control = MapControl(loop_node_->InputAt(1));
  next.effect = MapEffect(effect_phi_->InputAt(1));
  for (Node* phi : header_) next.values[phi] = MapValue(phi->InputAt(1));
  now_ = next;
}

// Of an address, instruction selection folds the scale and the constant of the left addend into the
// load. What a DataView's load adds is the storage and the offset, in either order.
void LoopSplitter::FoldIndex(Node* node, Node* copy) {
  if (node->opcode() == IrOpcode::kLoadDataViewElement && IsProven(node->InputAt(2))) {
    Node* const storage = copy->InputAt(1);
    copy->ReplaceInput(1, copy->InputAt(2));
    copy->ReplaceInput(2, storage);
  }
  // Elements outside of V8's heap are such a storage.
  if (IsOffHeapLoad(node) && IsProven(node->InputAt(3))) {
    const ExternalArrayType type = ExternalArrayTypeOf(node->op());
    const int size_log2 = ElementSizeLog2Of(
        AccessBuilder::ForTypedArrayElement(type, true).machine_type.representation());
    Linear linear = proven_.at(node->InputAt(3));
    linear.scale <<= size_log2;
    linear.offset <<= size_log2;
    copy->ReplaceInput(1, Proven64(linear));
    copy->ReplaceInput(3, jsgraph_->Int32Constant(1));  // little-endian
    NodeProperties::ChangeOp(copy, jsgraph_->simplified()->LoadDataViewElement(type));
  }
}

void LoopSplitter::GiveDirectory(Node* lookup) {
  StoreLookupParameters parameters = StoreLookupParametersOf(lookup->op());
  parameters.has_directory = true;
  lookup->InsertInput(graph()->zone(), 1, directory_);
  lookup->InsertInput(graph()->zone(), 2, directory_shift_);
  NodeProperties::ChangeOp(lookup, StoreOperators(graph()->zone()).Lookup(parameters));
}

bool LoopSplitter::IsDropped(Node* node) const {
  if (node == branch_ || node == if_true_ || node == converted_limit_ || IsProven(node))
    return true;
  if (node == branch_->InputAt(0)) return node->UseCount() == 1;
  return node->opcode() == IrOpcode::kJSStackCheck && turn_ != turns() - 1;
}

Node* LoopSplitter::MapValue(Node* node) {
  if (IsProven(node)) return Proven(node);
  if (node == converted_limit_) return main_limit_;
  const auto value = now_.values.find(node);
  if (value != now_.values.end()) return value->second;
  const auto copy = copies_.find(node);
  return copy != copies_.end() ? copy->second : node;
}

Node* LoopSplitter::MapEffect(Node* node) {
  while (node != effect_phi_) {
    const auto copy = copies_.find(node);
    if (copy != copies_.end()) return copy->second;
    if (!IsInLoop(node)) return node;
    node = NodeProperties::GetEffectInput(node);
  }
  return now_.effect;
}

Node* LoopSplitter::MapControl(Node* node) {
  while (node != loop_node_ && node != if_true_) {
    const auto copy = copies_.find(node);
    if (copy != copies_.end()) return copy->second;
    if (!IsInLoop(node)) return node;
    node = NodeProperties::GetControlInput(node);
  }
  return now_.control;
}

Node* LoopSplitter::Proven(Node* node) {
  const Linear& linear = proven_.at(node);
  if (Is64Bit(node)) return Proven64(linear);
  const auto [counter, scale, offset] = linear;
  Node* value = main_phis_[counter->phi];
  if (scale != 1) value = graph()->NewNode(machine()->Int32Mul(), value, Int32(scale));
  const int64_t sum = offset + scale * counter->step * turn_;
  return sum == 0 ? value : graph()->NewNode(machine()->Int32Add(), value, Int32(sum));
}

Node* LoopSplitter::Proven64(const Linear& linear) {
  const auto [counter, scale, offset] = linear;
  Node* value = graph()->NewNode(machine()->ChangeUint32ToUint64(), main_phis_[counter->phi]);
  if (scale != 1) value = graph()->NewNode(machine()->Int64Mul(), value, Int64(scale));
  return Add64(value, offset + scale * counter->step * turn_);
}

}  // namespace

void SplitCountedLoops(JSGraph* jsgraph, SourcePositionTable* source_positions,
                       NodeOriginTable* node_origins, TickCounter* tick_counter, Zone* temp_zone) {
  LoopTree* const loop_tree = LoopFinder::BuildLoopTree(jsgraph->graph(), tick_counter, temp_zone);
  int copied_nodes = 0;
  for (const LoopTree::Loop* loop : loop_tree->inner_loops()) {
    LoopSplitter splitter(jsgraph, loop_tree, loop, source_positions, node_origins, temp_zone);
    if (!splitter.Analyze()) continue;
    copied_nodes += splitter.copied_nodes();
    if (copied_nodes > kMaxCopiedNodes) return;
    splitter.Split();
    ::shredder::split_loops.fetch_add(1, std::memory_order_relaxed);
  }
}

}  // namespace compiler
}  // namespace internal
}  // namespace v8

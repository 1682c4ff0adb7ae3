#include "builtins-csa/compiler/loop_splitting.h"

#include "builtins-csa/compiler/counted_loop.h"
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

constexpr int kMaxCopiedNodes = 4000;  // in one function

class LoopSplitter : public CountedLoop {
 public:
  LoopSplitter(JSGraph* jsgraph, LoopTree* loop_tree, const LoopTree::Loop* loop,
               SourcePositionTable* source_positions, NodeOriginTable* node_origins, Zone* zone)
      : CountedLoop(loop_tree, loop, zone),
        jsgraph_(jsgraph),
        source_positions_(source_positions),
        node_origins_(node_origins),
        main_phis_(zone),
        now_(zone),
        copies_(zone) {}

  // After Analyze.
  void Split();

 private:
  // What the header's nodes are at some point of the main loop.
  struct State {
    explicit State(Zone* zone) : values(zone) {}
    Node* control = nullptr;
    Node* effect = nullptr;
    ZoneUnorderedMap<Node*, Node*> values;
  };

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
  SourcePositionTable* const source_positions_;
  NodeOriginTable* const node_origins_;

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

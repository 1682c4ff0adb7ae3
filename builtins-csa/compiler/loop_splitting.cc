#include "builtins-csa/compiler/loop_splitting.h"

#include <algorithm>

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
        exits_(zone),
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
  // Leaves the main loop where V8 wants to interrupt it: by an exception, perhaps, which the other
  // loop throws.
  void AddInterruptExit();
  // Leaves it for the other loop at the beginning of the present iteration.
  void AddExit(Node* control);
  // Where all that leave the main loop enter the other.
  void EnterOtherLoop();
  // Loads what finds a segment: nothing in the loop writes the store.
  Node* LoadDirectory(Node* effect);
  // The header's node as it is when the loop is entered.
  Node* Enter(Node* node);
  // Whether the counter is where a whole turn of the main loop may begin.
  Node* IsWithin(const Counter& counter);
  // What it must be at least, and below, as 64-bit numbers.
  Node* LeastOf(const Counter& counter);
  Node* LimitOf(const Counter& counter);
  Node* LimitOf(const Bound& bound);
  bool IsBoundedBelow(const Counter& counter) const {
    return lower_bound_.limit != nullptr && lower_bound_.index.counter == &counter;
  }
  Node* To64Bit(Node* limit, Kind kind);
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
  // As they leave the main loop.
  ZoneVector<State> exits_;
  ZoneUnorderedMap<Node*, Node*> copies_;
};

// --- The main loop -------------------------------------------------------------------------------

void LoopSplitter::Split() {
  MakeHeader();
  if (has_catch_) AddInterruptExit();
  for (int turn = 0; turn < turns(); ++turn) CopyIteration(turn);

  main_loop_->ReplaceInput(1, now_.control);
  main_effect_phi_->ReplaceInput(1, now_.effect);
  for (Node* phi : header_) main_phis_[phi]->ReplaceInput(1, now_.values[phi]);

  EnterOtherLoop();
}

void LoopSplitter::EnterOtherLoop() {
  Node* control = graph()->NewNode(common()->IfFalse(), main_branch_);
  if (exits_.empty()) {
    loop_node_->ReplaceInput(0, control);
    effect_phi_->ReplaceInput(0, main_effect_phi_);
    for (Node* phi : header_) phi->ReplaceInput(0, main_phis_[phi]);
    return;
  }
  const int count = 1 + static_cast<int>(exits_.size());
  NodeVector inputs(graph()->zone());
  const auto gather = [&](Node* first, const auto& of_exit) {
    inputs.clear();
    inputs.push_back(first);
    for (State& exit : exits_) inputs.push_back(of_exit(exit));
  };
  gather(control, [](State& exit) { return exit.control; });
  Node* const merge = graph()->NewNode(common()->Merge(count), count, inputs.data());
  gather(main_effect_phi_, [](State& exit) { return exit.effect; });
  inputs.push_back(merge);
  effect_phi_->ReplaceInput(0,
                            graph()->NewNode(common()->EffectPhi(count), count + 1, inputs.data()));
  for (Node* phi : header_) {
    gather(main_phis_[phi], [&](State& exit) { return exit.values[phi]; });
    inputs.push_back(merge);
    phi->ReplaceInput(0, graph()->NewNode(common()->Phi(PhiRepresentationOf(phi->op()), count),
                                          count + 1, inputs.data()));
  }
  loop_node_->ReplaceInput(0, merge);
}

void LoopSplitter::AddInterruptExit() {
  Node* const limit = graph()->NewNode(
      machine()->Load(MachineType::Pointer()),
      jsgraph_->ExternalConstant(ExternalReference::address_of_jslimit(jsgraph_->isolate())),
      jsgraph_->IntPtrConstant(0), now_.effect, now_.control);
  Node* const goes_on = graph()->NewNode(
      machine()->StackPointerGreaterThan(StackCheckKind::kJSIterationBody), limit, limit);
  Node* const branch = graph()->NewNode(common()->Branch(BranchHint::kTrue), goes_on, now_.control);
  AddExit(graph()->NewNode(common()->IfFalse(), branch));
  now_.control = graph()->NewNode(common()->IfTrue(), branch);
  now_.effect = goes_on;
}

// What the iteration has read is read again: nothing is written before its end.
void LoopSplitter::AddExit(Node* control) {
  exits_.push_back(now_);
  exits_.back().control = control;
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

  Node* condition = nullptr;
  for (const Counter& counter : counters_) {
    if (!counter.is_used) continue;
    Node* const is_within = IsWithin(counter);
    condition = condition == nullptr
                    ? is_within
                    : graph()->NewNode(machine()->Word32And(), condition, is_within);
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

// One comparison of unsigned numbers, as of a counter below the least the difference is greater
// than any limit: one below 0, too, for no limit is above 2^31.
Node* LoopSplitter::IsWithin(const Counter& counter) {
  Node* const phi = main_phis_[counter.phi];
  Node* const least = LeastOf(counter);
  Node* size = graph()->NewNode(machine()->Int64Sub(), LimitOf(counter), least);
  Node* const is_positive = graph()->NewNode(
      machine()->Word64Xor(), graph()->NewNode(machine()->Word64Sar(), size, Int64(63)), Int64(-1));
  size = graph()->NewNode(machine()->TruncateInt64ToInt32(),
                          graph()->NewNode(machine()->Word64And(), size, is_positive));
  if (Int64Matcher(least).Is(0)) return graph()->NewNode(machine()->Uint32LessThan(), phi, size);
  Node* const distance = graph()->NewNode(
      machine()->Int32Sub(), phi, graph()->NewNode(machine()->TruncateInt64ToInt32(), least));
  return graph()->NewNode(machine()->Uint32LessThan(), distance, size);
}

// All limits, as 64-bit numbers, are far from where sums of them would wrap.
Node* LoopSplitter::LeastOf(const Counter& counter) {
  const int64_t way_down = counter.step < 0 ? -counter.step * (turns() - 1) : 0;
  Node* const least = Int64(counter.least + way_down);
  if (!IsBoundedBelow(counter)) return least;
  const auto& [index, limit, kind, slack] = lower_bound_;
  Node* const lower = Add64(To64Bit(limit, kind), slack - index.offset + way_down);
  // The greater of the two.
  Node* const sum = graph()->NewNode(machine()->Int64Add(), least, lower);
  return graph()->NewNode(machine()->Int64Sub(), sum, Minimum(least, lower));
}

Node* LoopSplitter::LimitOf(const Counter& counter) {
  const int64_t way_up = counter.step > 0 ? counter.step * turns() : 0;
  Node* limit = Int64(kIndexEnd - way_up - counter.excess);
  for (const Bound& bound : bounds_) {
    if (bound.index.counter == &counter) limit = Minimum(limit, LimitOf(bound));
  }
  return limit;
}

Node* LoopSplitter::To64Bit(Node* limit, Kind kind) {
  if (limit == converted_limit_) limit = main_limit_;
  switch (kind) {
    case kInt32:
      return graph()->NewNode(machine()->ChangeInt32ToInt64(), limit);
    case kUint32:
      return graph()->NewNode(machine()->ChangeUint32ToUint64(), limit);
    case kUint64:
      return limit;
  }
}

// scale * (counter + way_up) + offset < limit, solved for the counter.
Node* LoopSplitter::LimitOf(const Bound& bound) {
  const auto [counter, scale, offset, least, excess] = bound.index;
  Node* limit = Add64(To64Bit(bound.limit, bound.kind), bound.slack);
  // What the counter's own limit says of the index already.
  const bool is_small =
      excess == 0 &&
      (bound.kind == kInt32 || (scale == 1 && offset <= std::max<int64_t>(counter->step, 0)));
  if (!is_small) limit = Minimum(limit, Int64(kIndexEnd - excess));
  const int64_t way_up = counter->step > 0 ? counter->step * (turns() - 1) : 0;
  limit = Add64(limit, (scale - 1) - offset - scale * way_up);
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
  for (const auto& [branch, projection] : side_exits_) {
    AddExit(graph()->NewNode(projection->op(), copies_[branch]));
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
  if (node->opcode() == IrOpcode::kIfSuccess) return has_catch_;
  return node->opcode() == IrOpcode::kJSStackCheck && (has_catch_ || turn_ != turns() - 1);
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
  const auto [counter, scale, offset, least, excess] = linear;
  Node* value = main_phis_[counter->phi];
  if (scale != 1) value = graph()->NewNode(machine()->Int32Mul(), value, Int32(scale));
  const int64_t sum = offset + scale * counter->step * turn_;
  return sum == 0 ? value : graph()->NewNode(machine()->Int32Add(), value, Int32(sum));
}

Node* LoopSplitter::Proven64(const Linear& linear) {
  const auto [counter, scale, offset, least, excess] = linear;
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

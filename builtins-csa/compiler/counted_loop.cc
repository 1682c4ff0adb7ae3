#include "builtins-csa/compiler/counted_loop.h"

#include <algorithm>

#include "src/compiler/common-operator.h"
#include "src/compiler/machine-operator.h"
#include "src/compiler/node-matchers.h"
#include "src/compiler/node-properties.h"
#include "src/compiler/simplified-operator.h"

namespace v8 {
namespace internal {
namespace compiler {

namespace {

constexpr int64_t kMaxFactor =
    1 << 16;  // of steps and scales, so that products of two and a counter fit into 64 bits
constexpr int kMaxIndexDepth = 8;
constexpr int kMaxLoopNodes = 120;

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
    case IrOpcode::kIfSuccess:
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

}  // namespace

bool CountedLoop::Analyze() {
  if (loop_->TotalSize() > kMaxLoopNodes || !FindHeader() || !FindSideExits()) return false;
  for (Node* node : body_) {
    if (!IsCheap(node)) return false;
    if (node->opcode() == IrOpcode::kShredderLookup) lookup_ = node;
    registers_ += RegistersOfAccess(node);
  }
  if (!side_exits_.empty() && !CanBeginAnew()) return false;
  FindCounters();
  if (counters_.empty() || !FindLoopBound()) return false;
  FindIndexBounds();
  // A loop that checks no bounds is left alone.
  return std::any_of(bounds_.begin(), bounds_.end(),
                     [](const Bound& bound) { return bound.is_check; });
}

int CountedLoop::RegistersOfAccess(Node* node) {
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

bool CountedLoop::FindHeader() {
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

// False where a way out is none of those that are known.
bool CountedLoop::FindSideExits() {
  const auto find = [this](Node* node) {
    for (Edge edge : node->use_edges()) {
      Node* const use = edge.from();
      if (!NodeProperties::IsControlEdge(edge) || IsInLoop(use)) continue;
      if (use->opcode() == IrOpcode::kTerminate) continue;
      const bool is_projection =
          use->opcode() == IrOpcode::kIfTrue || use->opcode() == IrOpcode::kIfFalse;
      if (node->opcode() == IrOpcode::kBranch && is_projection) {
        if (node != branch_) side_exits_.push_back({node, use});
      } else if (node->opcode() == IrOpcode::kJSStackCheck &&
                 use->opcode() == IrOpcode::kIfException) {
        has_catch_ = true;
      } else {
        return false;
      }
    }
    return true;
  };
  return find(loop_node_) && std::all_of(body_.begin(), body_.end(), find);
}

bool CountedLoop::CanBeginAnew() const {
  return std::none_of(body_.begin(), body_.end(), [](Node* node) {
    switch (node->opcode()) {
      case IrOpcode::kEffectPhi:
      case IrOpcode::kCheckpoint:
      case IrOpcode::kJSStackCheck:  // the last thing in an iteration
        return false;
      default:
        return node->op()->EffectOutputCount() > 0 && !node->op()->HasProperty(Operator::kNoWrite);
    }
  });
}

void CountedLoop::FindCounters() {
  // What is linear is so in a counter: each phi is taken for one until its step is known.
  for (Node* phi : header_) {
    if (PhiRepresentationOf(phi->op()) != MachineRepresentation::kWord32) continue;
    counters_.push_back({phi, 0, 0, 0, false});
  }
  ZoneVector<Counter> counters(zone_);
  for (const Counter& counter : counters_) {
    Linear next;
    if (!LinearOf(counter.phi->InputAt(1), &next) || next.counter->phi != counter.phi ||
        next.scale != 1 || next.offset == 0) {
      continue;
    }
    counters.push_back(counter);
    counters.back().step = next.offset;
  }
  counters_ = counters;
}

bool CountedLoop::FindLoopBound() {
  Node* const condition = branch_->InputAt(0);
  Bound bound;
  switch (condition->opcode()) {
    case IrOpcode::kInt32LessThan:
      bound.kind = kInt32;
      bound.slack = 0;
      break;
    case IrOpcode::kInt32LessThanOrEqual:
      bound.kind = kInt32;
      bound.slack = 1;
      break;
    case IrOpcode::kUint32LessThan:
      bound.kind = kUint32;
      bound.slack = 0;
      break;
    case IrOpcode::kUint32LessThanOrEqual:
      bound.kind = kUint32;
      bound.slack = 1;
      break;
    default:
      return false;
  }
  bound.is_check = false;
  bound.limit = condition->InputAt(1);
  if (!LinearOf(condition->InputAt(0), &bound.index)) return FindLowerBound();
  if (bound.index.counter->step < 0) return false;
  if (!IsKnownBefore(bound.limit)) return false;
  AddBound(bound);
  MarkProven(condition->InputAt(0));
  return true;
}

// Of the same comparisons, with the counter on the other side.
bool CountedLoop::FindLowerBound() {
  Node* const condition = branch_->InputAt(0);
  const bool is_signed = condition->opcode() == IrOpcode::kInt32LessThan ||
                         condition->opcode() == IrOpcode::kInt32LessThanOrEqual;
  const bool is_strict = condition->opcode() == IrOpcode::kInt32LessThan ||
                         condition->opcode() == IrOpcode::kUint32LessThan;
  Linear linear;
  if (!LinearOf(condition->InputAt(1), &linear) || linear.scale != 1 || linear.counter->step > 0) {
    return false;
  }
  Node* const limit = condition->InputAt(0);
  if (!IsKnownBefore(limit)) return false;
  linear.counter->is_used = true;
  lower_bound_ = {linear, limit, is_signed ? kInt32 : kUint32, is_strict ? 1 : 0};
  MarkProven(condition->InputAt(1));
  return true;
}

bool CountedLoop::IsKnownBefore(Node* limit) {
  if (!IsInLoop(limit)) return true;
  for (Node* node = limit; node != effect_phi_; node = NodeProperties::GetEffectInput(node)) {
    // Before the inputs are asked for, which a pure node lacks.
    const bool is_constant = IsCheckedToInt32(node) && !IsInLoop(node->InputAt(0));
    if (!is_constant && node->opcode() != IrOpcode::kCheckpoint) return false;
    if (NodeProperties::GetControlInput(node) != loop_node_) return false;
  }
  converted_limit_ = limit;
  return true;
}

void CountedLoop::FindIndexBounds() {
  for (Node* node : body_) {
    Bound bound;
    if (node->opcode() == IrOpcode::kCheckedUint32Bounds) {
      bound.kind = kUint32;
    } else if (node->opcode() == IrOpcode::kCheckedUint64Bounds) {
      bound.kind = kUint64;
    } else {
      continue;
    }
    bound.slack = 0;
    bound.is_check = true;
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
      AddProven(node, linear);
    }
  }
}

// Of two bounds that differ in the offset, the greater offset's implies the other.
void CountedLoop::AddBound(const Bound& bound) {
  bound.index.counter->is_used = true;
  for (Bound& other : bounds_) {
    // The loop's own has no check to spare.
    if (other.is_check && other.limit == bound.limit && other.kind == bound.kind &&
        other.index.counter == bound.index.counter && other.index.scale == bound.index.scale) {
      other.index.offset = std::max(other.index.offset, bound.index.offset);
      other.index.excess = std::max(other.index.excess, bound.index.excess);
      return;
    }
  }
  bounds_.push_back(bound);
}

bool CountedLoop::LinearOf(Node* node, Linear* linear, int depth) {
  if (depth > kMaxIndexDepth) return false;
  for (Counter& counter : counters_) {
    if (counter.phi == node) {
      *linear = {&counter, 1, 0, 0, 0};
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
    case IrOpcode::kInt32Sub:
    case IrOpcode::kInt64Sub:
    case IrOpcode::kCheckedInt32Sub:
    case IrOpcode::kCheckedInt64Sub:
      return LinearOfSum(node->InputAt(0), node->InputAt(1), linear, depth, -1);
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

bool CountedLoop::LinearOfSum(Node* a, Node* b, Linear* linear, int depth, int sign) {
  const Int64Matcher addend(b);
  if (!addend.IsInRange(-kMaxFactor, kMaxFactor) || !LinearOf(a, linear, depth + 1)) return false;
  const int64_t offset = sign * addend.ResolvedValue();
  linear->offset += offset;
  if (offset < 0) linear->excess -= offset;
  // scale * least + offset >= 0.
  if (linear->offset < 0) {
    linear->least = std::max(linear->least, (linear->scale - 1 - linear->offset) / linear->scale);
  }
  return linear->offset <= kIndexEnd && linear->offset >= -kIndexEnd;
}

bool CountedLoop::LinearOfProduct(Node* a, Node* b, Linear* linear, int depth) {
  const Int64Matcher scale(b);
  if (!scale.IsInRange(1, kMaxFactor) || !LinearOf(a, linear, depth + 1)) return false;
  linear->scale *= scale.ResolvedValue();
  linear->offset *= scale.ResolvedValue();
  return linear->scale <= kMaxFactor && linear->offset <= kIndexEnd;
}

void CountedLoop::MarkProven(Node* index) {
  Linear linear;
  while (LinearOf(index, &linear)) {
    const bool is_bounds_check = index->opcode() == IrOpcode::kCheckedUint32Bounds ||
                                 index->opcode() == IrOpcode::kCheckedUint64Bounds;
    // A check against what changes within the loop stays.
    if (!is_bounds_check || !IsInLoop(index->InputAt(1))) AddProven(index, linear);
    if (NodeProperties::IsPhi(index)) return;
    index = LinearOf(index->InputAt(0), &linear) ? index->InputAt(0) : index->InputAt(1);
  }
}

void CountedLoop::AddProven(Node* node, const Linear& linear) {
  Counter& counter = *linear.counter;
  counter.least = std::max(counter.least, linear.least);
  // Those of a scale have a bound. The steps to the next iteration's counter are compared to
  // nothing.
  if (linear.scale == 1) {
    counter.excess = std::max(counter.excess, linear.excess + std::max<int64_t>(linear.offset, 0));
  }
  proven_.emplace(node, linear);
}

bool CountedLoop::IsOffHeapLoad(Node* node) {
  if (node->opcode() != IrOpcode::kLoadTypedElement) return false;
  const ExternalArrayType type = ExternalArrayTypeOf(node->op());
  return type != kExternalBigInt64Array && type != kExternalBigUint64Array &&
         Int64Matcher(node->InputAt(1)).Is(0);
}

bool CountedLoop::Is64Bit(Node* node) {
  switch (node->opcode()) {
    case IrOpcode::kTypeGuard:
      return Is64Bit(node->InputAt(0));
    case IrOpcode::kChangeInt32ToInt64:
    case IrOpcode::kChangeUint32ToUint64:
    case IrOpcode::kCheckedUint64Bounds:
    case IrOpcode::kInt64Add:
    case IrOpcode::kCheckedInt64Add:
    case IrOpcode::kInt64Sub:
    case IrOpcode::kCheckedInt64Sub:
    case IrOpcode::kInt64Mul:
    case IrOpcode::kCheckedInt64Mul:
    case IrOpcode::kWord64Shl:
      return true;
    default:
      return false;
  }
}

}  // namespace compiler
}  // namespace internal
}  // namespace v8

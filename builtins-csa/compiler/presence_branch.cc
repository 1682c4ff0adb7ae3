#include "builtins-csa/compiler/presence_branch.h"

#include "src/compiler/node-properties.h"

namespace v8 {
namespace internal {
namespace compiler {

namespace {
// Nodes that are looked at for one call: a function where uses lie further away is left as it is.
constexpr int kMaxSteps = 1000;
}  // namespace

PresenceBranch::PresenceBranch(Node* call, JSGraph* jsgraph, Zone* zone)
    : call_(call),
      jsgraph_(jsgraph),
      null_tests_(zone),
      present_uses_(zone),
      absent_uses_(zone),
      sides_(zone),
      steps_left_(kMaxSteps) {}

bool PresenceBranch::IsFound() { return FindBranch() && SortUses(); }

bool PresenceBranch::FindBranch() {
  Node* control = call_;
  for (Node* use : call_->uses()) {
    if (use->opcode() == IrOpcode::kIfSuccess) control = use;
  }
  // Nothing else may begin where the branch does.
  for (Edge edge : control->use_edges()) {
    if (!NodeProperties::IsControlEdge(edge) || edge.from()->opcode() == IrOpcode::kIfException) {
      continue;
    }
    if (edge.from()->opcode() != IrOpcode::kBranch || branch_ != nullptr) return false;
    branch_ = edge.from();
  }
  if (branch_ == nullptr) return false;
  Node* const condition = branch_->InputAt(0);
  const base::Optional<bool> meaning = MeaningOf(condition);
  if (!meaning || !condition->OwnedBy(branch_)) return false;
  is_true_where_present_ = *meaning;
  Node* projections[2];
  NodeProperties::CollectControlProjections(branch_, projections, 2);
  if_present_ = projections[is_true_where_present_ ? 0 : 1];
  if_absent_ = projections[is_true_where_present_ ? 1 : 0];
  return true;
}

base::Optional<bool> PresenceBranch::MeaningOf(Node* condition) const {
  switch (condition->opcode()) {
    case IrOpcode::kToBoolean:
      if (condition->InputAt(0) == call_) return true;
      break;
    case IrOpcode::kObjectIsUndetectable:
      if (condition->InputAt(0) == call_) return false;
      break;
    default:
      if (ComparesWith(condition, jsgraph_->UndefinedConstant())) return false;
      break;
  }
  return base::nullopt;
}

bool PresenceBranch::ComparesWith(Node* condition, Node* constant) const {
  if (condition->opcode() != IrOpcode::kReferenceEqual) return false;
  Node* const left = condition->InputAt(0);
  Node* const right = condition->InputAt(1);
  return (left == call_ && right == constant) || (left == constant && right == call_);
}

bool PresenceBranch::SortUses() {
  bool has_present_effect = false;
  bool has_present_value = false;
  for (Edge edge : call_->use_edges()) {
    // What takes the place of the call does not throw.
    if (NodeProperties::IsControlEdge(edge) || edge.from() == branch_->InputAt(0) ||
        edge.from()->opcode() == IrOpcode::kIfException) {
      continue;
    }
    if (ComparesWith(edge.from(), jsgraph_->NullConstant())) {
      null_tests_.push_back(edge.from());
      continue;
    }
    switch (SideOfUse(edge)) {
      case Side::kNeitherOrBoth:
        return false;
      case Side::kPresent:
        present_uses_.push_back(edge);
        (NodeProperties::IsEffectEdge(edge) ? has_present_effect : has_present_value) = true;
        break;
      case Side::kAbsent:
      case Side::kUnreachable:
        absent_uses_.push_back(edge);
        break;
    }
  }
  // Making a value is an effect, which something must follow.
  return has_present_effect || !has_present_value;
}

PresenceBranch::Side PresenceBranch::SideOfUse(Edge use) {
  if (--steps_left_ < 0) return Side::kNeitherOrBoth;
  Node* const user = use.from();
  if (NodeProperties::IsPhi(user)) {
    // Part of what comes before the merge.
    return SideOfControl(NodeProperties::GetControlInput(user)->InputAt(use.index()));
  }
  if (user->op()->ControlInputCount() > 0) {
    return SideOfControl(NodeProperties::GetControlInput(user));
  }
  // It may be anywhere before its own uses: what nobody uses is of either side.
  Side side = Side::kUnreachable;
  for (Edge further : user->use_edges()) side = Join(side, SideOfUse(further));
  return side;
}

PresenceBranch::Side PresenceBranch::Join(Side a, Side b) {
  if (a == b || b == Side::kUnreachable) return a;
  return a == Side::kUnreachable ? b : Side::kNeitherOrBoth;
}

PresenceBranch::Side PresenceBranch::SideOfControl(Node* control) {
  if (control == if_present_) return Side::kPresent;
  if (control == if_absent_) return Side::kAbsent;
  if (control == call_ || --steps_left_ < 0) return Side::kNeitherOrBoth;
  const auto known = sides_.find(control);
  if (known != sides_.end()) return known->second;
  Side side = Side::kNeitherOrBoth;
  if (control->opcode() == IrOpcode::kMerge) {
    side = Side::kUnreachable;
    for (int i = 0; i < control->InputCount(); ++i) {
      side = Join(side, SideOfControl(control->InputAt(i)));
    }
  } else if (control->opcode() == IrOpcode::kIfTrue &&
             control->InputAt(0)->opcode() == IrOpcode::kBranch &&
             ComparesWith(control->InputAt(0)->InputAt(0), jsgraph_->NullConstant())) {
    side = Side::kUnreachable;
  } else if (control->op()->ControlInputCount() > 0) {
    // Into a loop leads its first input.
    side = SideOfControl(NodeProperties::GetControlInput(control));
  }
  sides_[control] = side;
  return side;
}

}  // namespace compiler
}  // namespace internal
}  // namespace v8

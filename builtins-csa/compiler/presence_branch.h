// Functions that ask at once whether a call gave undefined:
//
//   const view = HTView(key);
//   if (view === undefined) return 0;
//   return view.getUint32(0, true);
//
// Each use of what the call gives lies on one side of that branch, where it is known which of the
// two it is. Merged to a view or undefined, the view would have to exist.
#pragma once

#include "src/compiler/graph-reducer.h"
#include "src/compiler/js-graph.h"
#include "src/zone/zone-containers.h"

namespace v8 {
namespace internal {
namespace compiler {

class PresenceBranch {
 public:
  // `zone` is for what is only needed here.
  PresenceBranch(Node* call, JSGraph* jsgraph, Zone* zone);

  // Whether such a branch follows the call, and each use lies on one of its sides. The rest is
  // valid only then, and for as long as the graph stays as it is.
  bool IsFound();

  Node* branch() const { return branch_; }
  // Whether the branch is true where the call gave something.
  bool is_true_where_present() const { return is_true_where_present_; }
  Node* if_present() const { return if_present_; }
  // Comparisons of what the call gave with null, which it never is: `view?.` makes one.
  const ZoneVector<Node*>& null_tests() const { return null_tests_; }
  // All other uses of the call's value and effect, but for the branch's condition.
  const ZoneVector<Edge>& present_uses() const { return present_uses_; }
  const ZoneVector<Edge>& absent_uses() const { return absent_uses_; }

 private:
  enum class Side : uint8_t { kNeitherOrBoth, kPresent, kAbsent, kUnreachable };

  bool FindBranch();
  // Of a condition: true where it holds for what is present; none where it says nothing of the
  // call.
  base::Optional<bool> MeaningOf(Node* condition) const;
  bool ComparesWith(Node* condition, Node* constant) const;
  bool SortUses();
  static Side Join(Side a, Side b);
  Side SideOfUse(Edge use);
  Side SideOfControl(Node* control);

  Node* const call_;
  JSGraph* const jsgraph_;
  Node* branch_ = nullptr;
  Node* if_present_ = nullptr;
  Node* if_absent_ = nullptr;
  bool is_true_where_present_ = false;
  ZoneVector<Node*> null_tests_;
  ZoneVector<Edge> present_uses_;
  ZoneVector<Edge> absent_uses_;
  ZoneMap<Node*, Side> sides_;  // of controls
  int steps_left_;
};

}  // namespace compiler
}  // namespace internal
}  // namespace v8

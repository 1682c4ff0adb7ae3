// What is to be known of a loop before it is split (loop_splitting.h): whether it counts, what its
// indexes are of its counters, and which bounds they are checked against.
#pragma once

#include "src/compiler/graph.h"
#include "src/compiler/loop-analysis.h"
#include "src/zone/zone-containers.h"

namespace v8 {
namespace internal {
namespace compiler {

class CountedLoop {
 public:
  CountedLoop(LoopTree* loop_tree, const LoopTree::Loop* loop, Zone* zone)
      : loop_tree_(loop_tree),
        loop_(loop),
        zone_(zone),
        header_(zone),
        body_(zone),
        side_exits_(zone),
        counters_(zone),
        bounds_(zone),
        proven_(zone) {}

  // Whether the loop is one to split; changes nothing.
  bool Analyze();
  int copied_nodes() const { return turns() * static_cast<int>(body_.size()); }

 protected:
  static constexpr int64_t kIndexEnd = int64_t{1} << 31;

  // A phi of the header that grows by a constant in each iteration, or, with a step below 0,
  // shrinks.
  struct Counter {
    Node* phi;
    int64_t step;
    int64_t least;   // that it must be for what is proven of it, in every iteration
    int64_t excess;  // by which sums that are proven exceed it at most, wherever no bound says so
    bool is_used;    // by a bound
  };
  // scale * counter + offset, with scale > 0. Each sum and product on the way to it is from 0 to
  // 2^31 - 1, so that nothing has wrapped, where the counter is at least `least`, and it is below
  // 2^31 - excess itself.
  struct Linear {
    Counter* counter;
    int64_t scale;
    int64_t offset;
    int64_t least;
    int64_t excess;
  };
  enum Kind { kInt32, kUint32, kUint64 };
  // index < limit + slack, of which the limit is known before the loop.
  struct Bound {
    Linear index;
    Node* limit;
    Kind kind;
    int64_t slack;
    bool is_check;  // of an index; else it is the loop's own
  };
  // index >= limit + slack, with a scale of 1: what ends a loop that counts down.
  struct LowerBound {
    Linear index;
    Node* limit = nullptr;  // null where the loop counts up
    Kind kind = kInt32;
    int64_t slack = 0;
  };

  // A way out of the loop from the middle of an iteration, as by `break`: the projection of a
  // branch in the body.
  struct SideExit {
    Node* branch;
    Node* projection;
  };

  bool IsInLoop(Node* node) const { return loop_tree_->Contains(loop_, node); }
  // Whether the main loop needs no check of the node, which is linear.
  bool IsProven(Node* node) const { return proven_.count(node) != 0; }
  static bool Is64Bit(Node* node);
  // A load of an array of which it is known that its elements are outside of V8's heap, and which
  // can be a DataView's load, too: no such load of a 64-bit integer is ever lowered.
  static bool IsOffHeapLoad(Node* node);
  // Iterations in one turn of the main loop: several where they are short. A turn's loads come
  // first, as the scheduler orders them, and want registers.
  int turns() const { return registers_ <= 4 ? 4 : 1; }

  LoopTree* const loop_tree_;
  const LoopTree::Loop* const loop_;
  Zone* const zone_;

  Node* loop_node_ = nullptr;
  Node* effect_phi_ = nullptr;
  NodeVector header_;  // its phis
  NodeVector body_;
  Node* branch_ = nullptr;
  Node* if_true_ = nullptr;
  ZoneVector<SideExit> side_exits_;
  // Whether the check for interrupts, at an iteration's end, may end the loop by an exception.
  bool has_catch_ = false;
  int registers_ = 0;
  Node* lookup_ = nullptr;  // one of those in the body, which are all in one store
  Node* converted_limit_ = nullptr;
  ZoneVector<Counter> counters_;
  ZoneVector<Bound> bounds_;
  LowerBound lower_bound_;
  ZoneUnorderedMap<Node*, Linear> proven_;

 private:
  // How many registers an access to memory takes in an iteration: the address too, where that is a
  // sum. A lookup takes all.
  static int RegistersOfAccess(Node* node);

  bool FindHeader();
  bool FindSideExits();
  // Whether doing the body up to its middle and then from its beginning is as doing it once.
  bool CanBeginAnew() const;
  void FindCounters();
  bool FindLoopBound();
  bool FindLowerBound();
  // Whether the loop's limit is the same in every iteration: one that the header converts, too,
  // which the main loop does once.
  bool IsKnownBefore(Node* limit);
  void FindIndexBounds();
  void AddBound(const Bound& bound);

  // What the node is of a counter; false if it is not linear in one, or needs too many steps to
  // tell.
  bool LinearOf(Node* node, Linear* linear, int depth = 0);
  bool LinearOfSum(Node* a, Node* b, Linear* linear, int depth, int sign = 1);
  bool LinearOfProduct(Node* a, Node* b, Linear* linear, int depth);
  // The main loop needs no check on the way from the counter to the index.
  void MarkProven(Node* index);
  void AddProven(Node* node, const Linear& linear);
};

}  // namespace compiler
}  // namespace internal
}  // namespace v8

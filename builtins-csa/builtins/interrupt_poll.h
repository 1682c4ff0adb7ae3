// Lets V8's interrupts, a termination above all, into loops in C++ that run as long as a script
// asks: over the length of an array-like, say, which is any number below 2**53. V8 itself looks for
// interrupts where JavaScript calls or loops, and such a loop need do neither.
//
// Thread: the isolate's.
#pragma once

#include "src/execution/isolate.h"
#include "src/execution/stack-guard.h"

namespace v8 {
namespace internal {

class InterruptPoll {
 public:
  // Looks once in `period` calls; what passes between two looks should take well below a
  // millisecond.
  explicit InterruptPoll(Isolate* isolate, uint32_t period = 1)
      : isolate_(isolate), period_(period), left_(period) {}

  // Handles interrupts that are requested. True where the run is terminated: its exception is
  // pending, and the caller must return to its own caller at once, as it does for any exception.
  // May collect garbage and call the embedder, not JavaScript: raw pointers into the heap do not
  // survive it, but what a script can see stays the same.
  V8_WARN_UNUSED_RESULT V8_INLINE bool Terminated() {
    if (V8_LIKELY(--left_ != 0)) return false;
    left_ = period_;
    return V8_UNLIKELY(Requested(isolate_)) &&
           isolate_->stack_guard()->HandleInterrupts().IsException(isolate_);
  }

  // Whether there is an interrupt to handle, for code that must leave its raw pointers first.
  static bool Requested(Isolate* isolate) {
    // Not a comparison with the stack's position: a stack that is nearly full is no interrupt.
    StackGuard* guard = isolate->stack_guard();
    return guard->climit() != guard->real_climit();
  }

 private:
  Isolate* const isolate_;
  const uint32_t period_;
  uint32_t left_;
};

}  // namespace internal
}  // namespace v8

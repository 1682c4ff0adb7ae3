// Who keeps a store's memory for the process that follows, and who knows its base. A store in a
// pool's slot may outgrow it and move to memory of its own, in a command that writes or between
// two; a new quota may move memory of its own to another base.
#pragma once

namespace shredder::store {

// Called on the shard's thread.
class MemoryOwner {
 public:
  virtual ~MemoryOwner() = default;
  // All that the store holds is now in the memory of `fd` as well, which stays the store's. True
  // where whoever starts the next process will surely give it this memory in place of the slot,
  // even if this process ends at once: what the store writes from here on is there alone. With
  // false, the store stays where it is, and the new memory goes.
  virtual bool OnNewMemory(int fd) = 0;
  // Store::header() is another from now on, and what was kept of the old one is of no use: the
  // engine's contexts, and optimised code, have it. A slot that was left may be freed.
  virtual void OnNewBase() = 0;
};

}  // namespace shredder::store

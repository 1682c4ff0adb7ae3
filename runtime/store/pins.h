// Bytes of values that are read on after the store has gone on: a reply that its peer takes slowly.
// While one is pinned, its block is not given to anybody else; what frees it leaves it reserved
// (Arena::Free), and counted, until nobody reads it. All of this is the process's own: another one
// that attaches the store finds no reader.
//
// Thread: the shard's own.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "runtime/store/memory.h"

namespace shredder::store {

class Pins;

class Pin : public std::enable_shared_from_this<Pin> {
 public:
  // Through Pins::Add.
  Pin(Pins* pins, uint64_t block, uint64_t at, uint64_t size, uint64_t received)
      : pins_(pins), block_(block), at_(at), size_(size), received_(received) {}
  Pin(const Pin&) = delete;
  Pin& operator=(const Pin&) = delete;
  ~Pin();

  // Valid until the next call of the store that is not const; the bytes are always the same. Of a
  // pin that receives, those that it has.
  std::string_view view() const { return {data(), received_}; }

  // Of one that receives: where the bytes go that have yet to come, as valid; and that so many have
  // been written there.
  std::span<char> rest() { return {const_cast<char*>(data()) + received_, size_ - received_}; }
  void Receive(uint64_t bytes) { received_ += bytes; }
  // Bytes that are not the store's any more, but here.
  uint64_t own_bytes() const { return pins_ == nullptr ? received_ : 0; }

 private:
  friend class Pins;
  const char* data() const;

  Pins* pins_;  // null once the bytes are here
  const uint64_t block_;
  const uint64_t at_;
  const uint64_t size_;
  uint64_t received_;
  std::unique_ptr<char[]> copy_;
};

class Pins {
 public:
  // Of an arena in this memory, wherever that is mapped.
  explicit Pins(const Memory* memory) : memory_(memory) {}
  Pins(const Pins&) = delete;
  Pins& operator=(const Pins&) = delete;
  // Whoever reads bytes of a block gets a copy of them; whoever receives some gets what has been
  // received, and receives the rest in the copy.
  ~Pins();

  // The `size` bytes at the offset `at`, in a block; shared with who reads them already.
  std::shared_ptr<const Pin> Add(uint64_t block, uint64_t at, uint64_t size);
  // The same of a block that nobody else has, whose bytes are to be received.
  std::shared_ptr<Pin> AddReceiving(uint64_t block, uint64_t at, uint64_t size);
  // Those that receive, and how much they have so far.
  using Receiving = std::vector<std::pair<std::shared_ptr<const Pin>, uint64_t>>;
  Receiving receiving() const;
  // Copies what they have received since then, to a copy of the memory.
  void CopyReceivedSince(const Receiving& then, char* copy) const;
  bool Holds(uint64_t block) const { return by_block_.contains(block); }

  // The block is freed once nobody reads it.
  void Reserve(uint64_t block) { reserved_.insert(block); }
  // So are all that are pinned, which are returned in order; and others are nobody's any more.
  std::vector<uint64_t> ReserveAll();
  // No more: it is the table's.
  void EndReservation(uint64_t block) { reserved_.erase(block); }
  // The block of a pin whose bytes are still there.
  std::optional<uint64_t> BlockOf(const Pin& pin) const {
    return pin.pins_ == this ? std::optional(pin.block_) : std::nullopt;
  }
  bool has_idle() const { return !idle_.empty(); }
  // Those that were reserved and that nobody reads any more; told once.
  std::vector<uint64_t> TakeIdle();

 private:
  friend class Pin;
  void Remove(const Pin& pin);

  const Memory* const memory_;
  std::unordered_multimap<uint64_t, Pin*> by_block_;
  std::unordered_set<uint64_t> reserved_;
  std::vector<uint64_t> idle_;
};

}  // namespace shredder::store

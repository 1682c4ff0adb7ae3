// The block of an entry that is no key's yet: its value is being received where it will lie.
// Another process that attaches the store finds nobody receiving, and frees the block.
//
// Thread: the shard's own. Outlives the store where it must.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

#include "runtime/store/pins.h"

namespace shredder::store {

class ReservedValue {
 public:
  // Through Store::ReserveValue.
  explicit ReservedValue(std::shared_ptr<Pin> pin) : pin_(std::move(pin)) {}

  // Where the bytes go that have yet to come; valid until the next call of the store that is not
  // const. Empty when all are there.
  std::span<char> rest() const { return pin_ == nullptr ? std::span<char>() : pin_->rest(); }
  // So many have been written there.
  void Receive(uint64_t bytes) { pin_->Receive(bytes); }
  // Those that have, as valid. Empty once the value is the store's.
  std::string_view received() const { return pin_ == nullptr ? std::string_view() : pin_->view(); }
  // Of these, what is in memory of the process, and not the store's any more.
  uint64_t own_bytes() const { return pin_ == nullptr ? 0 : pin_->own_bytes(); }

 private:
  friend class Store;
  std::shared_ptr<Pin> pin_;
};

}  // namespace shredder::store

// The block of an entry that is no key's yet: its value is being received where it will lie.
// Another process that attaches the store finds nobody receiving, and frees the block.
//
// Thread: the shard's own. Outlives the store where it must.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "runtime/store/pins.h"

namespace shredder::store {

class ReservedValue {
 public:
  // Through Store::ReserveValue.
  explicit ReservedValue(std::shared_ptr<Pin> pin) : pin_(std::move(pin)) {}

  // To be written to: always of the same size, and valid until the next call of the store that is
  // not const. Empty once the value is the store's.
  std::span<char> bytes() const { return pin_ == nullptr ? std::span<char>() : pin_->bytes(); }

 private:
  friend class Store;
  std::shared_ptr<Pin> pin_;
};

}  // namespace shredder::store

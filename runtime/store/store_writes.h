// What the calls of a store that write have in common; for its sources alone.
#pragma once

#include <cstdint>
#include <string_view>

#include "runtime/store/store.h"

namespace shredder::store {

class Store::Implicit {
 public:
  explicit Implicit(Store* store) : store_(store->in_transaction() ? nullptr : store) {
    store->RequireWritable();
    if (store_ != nullptr) store_->Open();
  }
  // What was refused has changed nothing, so that there is nothing to undo.
  ~Implicit() {
    if (store_ != nullptr) store_->Keep();
  }
  Implicit(const Implicit&) = delete;
  Implicit& operator=(const Implicit&) = delete;

  bool is_outermost() const { return store_ != nullptr; }

 private:
  Store* const store_;
};

template <typename Write>
auto Store::WithRoom(Write&& write, const Key& key, std::string_view bytes) {
  const auto status = write(key, bytes);
  using Status = decltype(write(key, bytes));
  if (status != Status::kOutOfMemory) [[likely]]
    return status;
  const char* const old_base = arena_.base();
  const uint64_t old_bytes = arena_.memory().bytes();
  if (!MoveForRoom()) return status;
  const auto moved = [&](std::string_view argument) {
    const auto offset = static_cast<uint64_t>(argument.data() - old_base);
    return offset < old_bytes ? std::string_view(arena_.base() + offset, argument.size())
                              : argument;
  };
  return write(key.is_integer() ? key : *Key::FromBytes(moved(key.bytes())), moved(bytes));
}

}  // namespace shredder::store

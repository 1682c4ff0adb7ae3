// For tests: changes of a store, stopped at each of their fault points, and what a successor finds.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <ostream>
#include <string>
#include <utility>

#include "runtime/store/store_test_support.h"

namespace shredder::store {

// All keys of the store, those that have expired included.
std::map<std::string, Visible> AllKeys(Store* store);

// The same in short: how many, and a hash of all keys, values and expiries.
struct Digest {
  uint64_t keys = 0;
  uint64_t hash = 0;
  bool operator==(const Digest&) const = default;
};
Digest DigestOf(Store* store);
void PrintTo(const Digest& digest, std::ostream* out);

// Where a successor would find a store: in a file, or in a slot of the pool that the file is.
struct StoreHome {
  int fd;
  std::optional<uint32_t> slot;
};

class StoreSweep {
 public:
  explicit StoreSweep(Store* store) : store_(store), kept_(DigestOf(store)) {}

  // Makes the change, which may begin or end a transaction, and at each of its fault points
  // attaches copies of the memory: a successor must find, whole and usable, what was kept before
  // the change, or, from some point on, what is kept after it. The attach is stopped at its points
  // as well. Returns the number of the change's points.
  uint64_t Change(const std::function<void()>& change);

  // For a store of many keys: from now on only points for which this is true are looked at, and
  // each with one copy, whose attach is stopped a few times.
  void LookOnlyAt(std::function<bool(uint64_t point)> is_looked_at) {
    is_looked_at_ = std::move(is_looked_at);
  }
  // Of a store whose home is not, or not always, its own descriptor.
  void LookIn(std::function<StoreHome()> home) { home_ = std::move(home); }

 private:
  Store* const store_;
  std::function<bool(uint64_t point)> is_looked_at_;
  std::function<StoreHome()> home_;
  Digest kept_;  // by the last transaction that has ended
};

}  // namespace shredder::store

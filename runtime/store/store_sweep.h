// For tests: changes of a store, stopped at each of their fault points, and what a successor finds.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "runtime/store/store_test_support.h"

namespace shredder::store {

// All keys of the store, those that have expired included.
std::map<std::string, Visible> AllKeys(Store* store);

class StoreSweep {
 public:
  explicit StoreSweep(Store* store) : store_(store), kept_(AllKeys(store)) {}

  // Makes the change, which may begin or end a transaction, and at each of its fault points
  // attaches copies of the memory: a successor must find, whole and usable, what was kept before
  // the change, or, from some point on, what is kept after it. The attach is stopped at its points
  // as well. Returns the number of the change's points.
  uint64_t Change(const std::function<void()>& change);

 private:
  using Keys = std::map<std::string, Visible>;

  Store* const store_;
  Keys kept_;  // by the last transaction that has ended
};

}  // namespace shredder::store

// Included before everything else where the store is built for tests that stop it: they see each
// place after which its process could end. See change_log.h.
#pragma once

namespace shredder::store {

class FaultWatch {
 public:
  virtual ~FaultWatch() = default;
  virtual void AtFaultPoint() = 0;
};

// The one that watches now, or null.
inline FaultWatch* fault_watch = nullptr;

inline void FaultPoint() {
  if (fault_watch != nullptr) fault_watch->AtFaultPoint();
}

}  // namespace shredder::store

#define SHREDDER_FAULT_POINT() ::shredder::store::FaultPoint()

// The cores that a thread may run on.
#pragma once

#include <sched.h>

#include <string>

namespace shredder::net::dpdk {

// The calling thread's affinity, given back when this goes; EAL pins whoever starts it.
class SavedAffinity {
 public:
  SavedAffinity();
  ~SavedAffinity();
  SavedAffinity(const SavedAffinity&) = delete;
  SavedAffinity& operator=(const SavedAffinity&) = delete;

  const cpu_set_t& cores() const { return cores_; }
  // Confines the calling thread to one core, for good; false where the system refuses.
  bool PinInstead(int core);

 private:
  cpu_set_t cores_;
  bool restores_ = true;
};

// "0-3,6"
std::string CoresText(const cpu_set_t& cores);

}  // namespace shredder::net::dpdk

// What the driver of memif leaves open between its threads. EAL's interrupt thread hears of a peer
// that is gone, and unmaps the rings that the peer shared, whatever another thread does with them:
// a client that ends would take the server with it.
#pragma once

#include <mutex>

namespace shredder::net::dpdk {

// Held for each burst of a memif. The rings are not unmapped meanwhile (--wrap of the linker's, in
// CMakeLists.txt), and a burst that begins later finds the link down.
std::mutex& MemifRings();

// Returns when EAL's interrupt thread has done what it was doing, so that nothing that has been
// stopped before is in use there.
void WaitForInterruptThread();

}  // namespace shredder::net::dpdk

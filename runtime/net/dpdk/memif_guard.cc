#include "runtime/net/dpdk/memif_guard.h"

#include <rte_alarm.h>

#include <chrono>
#include <future>
#include <memory>

struct rte_eth_dev;

// The driver's function, and what its calls from its other file come to instead.
extern "C" void __real_memif_free_regions(rte_eth_dev* device);
extern "C" void __wrap_memif_free_regions(rte_eth_dev* device) {
  const std::lock_guard lock(shredder::net::dpdk::MemifRings());
  __real_memif_free_regions(device);
}

namespace shredder::net::dpdk {

std::mutex& MemifRings() {
  static std::mutex mutex;
  return mutex;
}

void WaitForInterruptThread() {
  // Alarms are its work, too. Shared: one that comes after all must find something.
  using Done = std::shared_ptr<std::promise<void>>;
  auto* const done = new Done(std::make_shared<std::promise<void>>());
  std::future<void> future = (*done)->get_future();
  const auto ring = [](void* argument) {
    const std::unique_ptr<Done> owned(static_cast<Done*>(argument));
    (*owned)->set_value();
  };
  if (rte_eal_alarm_set(1, ring, done) != 0) {
    delete done;
    return;
  }
  future.wait_for(std::chrono::seconds(1));
}

}  // namespace shredder::net::dpdk

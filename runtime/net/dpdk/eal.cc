#include "runtime/net/dpdk/eal.h"

#include <rte_bus.h>
#include <rte_dev.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_mbuf_pool_ops.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <vector>

#include "runtime/net/dpdk/affinity.h"
#include "runtime/net/dpdk/device_facts.h"
#include "runtime/net/dpdk/eal_log.h"
#include "runtime/net/dpdk/ethdev.h"
#include "runtime/net/dpdk/frames.h"
#include "runtime/net/dpdk/memif_guard.h"

namespace shredder::net::dpdk {
namespace {

constexpr size_t kMinMemoryMb = 32;
constexpr size_t kMaxMemoryMb = 65'536;
constexpr unsigned kPoolCache = 256;
// What goes to a pool of all memory: the devices' own rings and EAL's records need some as well.
constexpr double kPoolShare = 0.8;
// Two rings, the queue of frames to send, and what lwIP holds back.
constexpr unsigned kMinBuffers = 8'192;
constexpr uint16_t kBufferBytes = RTE_MBUF_DEFAULT_BUF_SIZE;
constexpr unsigned kPoolFlags = RTE_MEMPOOL_F_NO_SPREAD;

// EAL would pin the caller to one core of a list; one lcore that may run on all of them stays as it
// is.
std::string LcoresArgument(const DpdkOptions& options, const cpu_set_t& cores) {
  return "0@(" + (options.core >= 0 ? std::to_string(options.core) : CoresText(cores)) + ")";
}

std::vector<std::string> EalArguments(const DpdkOptions& options, const DeviceName& device,
                                      const cpu_set_t& cores, bool huge_pages) {
  std::vector<std::string> arguments{"shredderd",
                                     "--lcores",
                                     LcoresArgument(options, cores),
                                     "-m",
                                     std::to_string(options.memory_mb),
                                     "--no-telemetry"};
  if (huge_pages) {
    arguments.emplace_back("--in-memory");
  } else {
    // The same of what --in-memory would do, with which --no-huge cannot go: no files for other
    // processes, over whose names two servers would fall out.
    arguments.emplace_back("--no-huge");
    arguments.emplace_back("--no-shconf");
  }
  if (device.kind == DeviceKind::kPci) {
    // The others of the machine stay whose they are.
    arguments.emplace_back("--allow");
    arguments.emplace_back(device.name + (device.arguments.empty() ? "" : "," + device.arguments));
  } else {
    arguments.emplace_back("--no-pci");
  }
  arguments.insert(arguments.end(), options.eal.begin(), options.eal.end());
  return arguments;
}

// Whether to use hugepages; false in *possible where they are needed and there are too few.
bool ChooseHugePages(const DpdkOptions& options, const DeviceName& device,
                     const HugePageFacts& facts, bool* possible) {
  const bool enough = facts.free_mb >= options.memory_mb;
  // A card writes to memory by addresses that only stay what they are in hugepages.
  const bool required =
      options.huge_pages == HugePages::kRequired ||
      (options.huge_pages == HugePages::kAutomatic && device.kind == DeviceKind::kPci);
  *possible = enough || !required;
  return enough && options.huge_pages != HugePages::kNone;
}

// Those that somebody has; the others were found when EAL started.
std::set<uint16_t> open_ports;

// As rte_pktmbuf_pool_create does, which spreads objects over a machine's channels of memory, and
// so does not let them fill pages.
rte_mempool* NewPool(unsigned buffers, uint16_t area, uint16_t room) {
  rte_mempool* const pool = rte_mempool_create_empty(
      "frames", buffers, static_cast<unsigned>(sizeof(rte_mbuf)) + area + room, kPoolCache,
      sizeof(rte_pktmbuf_pool_private), static_cast<int>(rte_socket_id()), kPoolFlags);
  if (pool == nullptr) return nullptr;
  rte_pktmbuf_pool_private sizes{};
  sizes.mbuf_data_room_size = room;
  sizes.mbuf_priv_size = area;
  if (rte_mempool_set_ops_byname(pool, rte_mbuf_best_mempool_ops(), nullptr) == 0) {
    rte_pktmbuf_pool_init(pool, &sizes);
    if (rte_mempool_populate_default(pool) >= 0) {
      rte_mempool_obj_iter(pool, rte_pktmbuf_init, nullptr);
      return pool;
    }
  }
  rte_mempool_free(pool);
  return nullptr;
}

}  // namespace

HugePageFacts ReadHugePages() {
  HugePageFacts facts;
  std::error_code failed;
  const std::filesystem::path root = "/sys/kernel/mm/hugepages";
  for (const auto& size : std::filesystem::directory_iterator(root, failed)) {
    // "hugepages-2048kB"
    const std::string name = size.path().filename();
    const size_t dash = name.find('-');
    if (dash == std::string::npos) continue;
    const uint64_t kb = std::strtoull(name.c_str() + dash + 1, nullptr, 10);
    uint64_t total = 0, free = 0;
    std::ifstream(size.path() / "nr_hugepages") >> total;
    std::ifstream(size.path() / "free_hugepages") >> free;
    facts.total_mb += total * kb / 1024;
    facts.free_mb += free * kb / 1024;
  }
  return facts;
}

Eal* Eal::Ensure(const DpdkOptions& options, const DeviceName& device, std::string* error) {
  // Lives as long as the process: frames that somebody still holds lie in its memory.
  static Eal* started = nullptr;
  // It cannot be tried again: what it has done until it failed stays done.
  static std::string failure;
  if (!failure.empty()) {
    *error = failure;
    return nullptr;
  }
  SavedAffinity affinity;
  const auto pin = [&] {
    if (options.core < 0 || affinity.PinInstead(options.core)) return true;
    *error = CoreFailure(options.core, CoresText(affinity.cores()));
    return false;
  };
  if (started != nullptr) {
    // Another thread than the one that started it has no number yet, by which it could have buffers
    // of its own at hand.
    if (rte_lcore_id() == LCORE_ID_ANY) rte_thread_register();
    return pin() ? started : nullptr;
  }
  if (options.memory_mb < kMinMemoryMb || options.memory_mb > kMaxMemoryMb) {
    *error = "memory-mb is " + std::to_string(options.memory_mb) + ", but must be from " +
             std::to_string(kMinMemoryMb) + " to " + std::to_string(kMaxMemoryMb);
    return nullptr;
  }
  if (options.core >= 0 && (options.core >= CPU_SETSIZE ||
                            !CPU_ISSET(static_cast<size_t>(options.core), &affinity.cores()))) {
    *error = CoreFailure(options.core, CoresText(affinity.cores()));
    return nullptr;
  }
  const HugePageFacts facts = ReadHugePages();
  bool possible = true;
  const bool huge_pages = ChooseHugePages(options, device, facts, &possible);
  if (!possible) {
    *error = TooFewHugePages(options.memory_mb, facts);
    return nullptr;
  }

  CaptureEalLog();
  ClearEalLog();
  std::vector<std::string> arguments = EalArguments(options, device, affinity.cores(), huge_pages);
  std::vector<char*> argv;
  for (std::string& each : arguments) argv.push_back(each.data());
  argv.push_back(nullptr);
  {
    const DropOutput quiet;
    if (rte_eal_init(static_cast<int>(arguments.size()), argv.data()) < 0) {
      failure = EalFailure(EalError());
      *error = failure;
      return nullptr;
    }
  }
  auto* const eal = new Eal;
  eal->has_pci_ = device.kind == DeviceKind::kPci;
  eal->memory_ = std::to_string(options.memory_mb) + " MiB " +
                 (huge_pages ? "of hugepages" : "without hugepages");
  if (!huge_pages && options.huge_pages == HugePages::kAutomatic) {
    eal->memory_ += " (" + TooFewHugePages(options.memory_mb, facts) + ")";
  }
  started = eal;
  if (!eal->MakePool(options.memory_mb, error) || !pin()) return nullptr;
  return eal;
}

bool Eal::MakePool(size_t memory_mb, std::string* error) {
  const uint16_t area = FrameAreaBytes();
  const auto object_bytes = [area](uint16_t room) {
    return rte_mempool_calc_obj_size(static_cast<uint32_t>(sizeof(rte_mbuf)) + area + room,
                                     kPoolFlags, nullptr);
  };
  // Without hugepages a page has one buffer, as none may lie across a boundary, and it fills the
  // page: AF_XDP's driver takes the pool to be as long as its objects together. Behind that are
  // buffers that the kernel drops frames of.
  uint16_t room = kBufferBytes;
  if (rte_eal_has_hugepages() == 0) {
    const auto page = static_cast<uint32_t>(sysconf(_SC_PAGESIZE));
    room = static_cast<uint16_t>(room + page - std::min(page, object_bytes(room)));
  }
  const auto buffers = static_cast<unsigned>(std::max<double>(
      kMinBuffers,
      static_cast<double>(memory_mb << 20) * kPoolShare / static_cast<double>(object_bytes(room))));
  pool_ = NewPool(buffers, area, room);
  if (pool_ != nullptr) return true;
  *error = "DPDK has no room for " + std::to_string(buffers) + " buffers in its " + memory_ +
           ": more memory-mb";
  return false;
}

bool Eal::Attach(const DeviceName& device, uint16_t* port, std::string* error) {
  if (pool_ == nullptr) {
    *error = "DPDK has no buffers in this process: see its first failure";
    return false;
  }
  if (rte_eth_dev_get_port_by_name(device.name.c_str(), port) == 0) {
    // A card that was allowed is there from the start.
    if (open_ports.insert(*port).second) return true;
    *error = device.name + " is open already in this process: name another";
    return false;
  }
  if (device.kind == DeviceKind::kAfXdp) {
    // The driver takes one that is down, and waits for ever.
    const InterfaceFacts facts = ReadInterface(*device.Argument("iface"));
    if (!facts.exists || !facts.up) {
      *error = AfXdpFailure(device, facts, "");
      return false;
    }
  }
  ClearEalLog();
  const bool in_use = PrepareSocket(device);
  if (!in_use) {
    const char* const bus = device.kind == DeviceKind::kPci ? "pci" : "vdev";
    std::string arguments = device.arguments;
    if (device.kind == DeviceKind::kMemif && !device.Argument("rsize")) {
      arguments += arguments.empty() ? "rsize=12" : ",rsize=12";
    }
    const bool failed = rte_eal_hotplug_add(bus, device.name.c_str(), arguments.c_str()) != 0;
    // A device that fails need not fail the call.
    if (!failed && rte_eth_dev_get_port_by_name(device.name.c_str(), port) == 0) {
      open_ports.insert(*port);
      return true;
    }
  }
  switch (device.kind) {
    case DeviceKind::kMemif:
      *error = MemifFailure(device, in_use, EalError());
      break;
    case DeviceKind::kAfXdp:
      *error = AfXdpFailure(device, ReadInterface(*device.Argument("iface")), EalError());
      break;
    case DeviceKind::kPci: {
      PciFacts facts = ReadPci(device.name);
      facts.allowed = has_pci_;
      *error = PciFailure(device.name, facts, EalError());
      break;
    }
  }
  return false;
}

void Eal::Detach(uint16_t port) {
  open_ports.erase(port);
  rte_eth_dev_info info{};
  rte_device* const device = rte_eth_dev_info_get(port, &info) == 0 ? info.device : nullptr;
  // A peer that has just gone may be on its way out there: both would close the same descriptors.
  WaitForInterruptThread();
  rte_eth_dev_stop(port);
  WaitForInterruptThread();
  if (device == nullptr || rte_dev_remove(device) != 0) rte_eth_dev_close(port);
}

}  // namespace shredder::net::dpdk

// What the tests of DPDK's device share.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "runtime/net/dpdk/dpdk_device.h"

namespace shredder::net::dpdk {

using Bytes = std::vector<uint8_t>;

// A frame of so many bytes with a number in it, and the rest made of that.
Bytes NumberedFrame(uint32_t number, size_t bytes);

// Whether the device took the frame, in a chain of pbufs of at most so many bytes each.
bool Send(DpdkDevice& device, const Bytes& frame, size_t piece = UINT16_MAX);

// Turns of both until the device has received so many frames, or seconds have passed. A memif's
// client makes room for frames by receiving, and the server keeps its own until then.
std::vector<Bytes> ReceiveAll(DpdkDevice& device, DpdkDevice& from, size_t count);

// Waits until it holds, at most ten seconds, and says whether it does.
template <typename Condition>
bool Eventually(Condition condition) {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + std::chrono::seconds(10);
  while (!condition()) {
    if (Clock::now() > end) return false;
  }
  return true;
}

// A folder that goes with the test.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Small, and without hugepages, which a machine for tests has none of.
DpdkOptions TestOptions(const std::string& device);
std::string MemifDevice(const std::string& name, const std::string& role, const std::string& socket,
                        const std::string& more = "");

// Two ends of a memif in this process.
struct MemifPair {
  explicit MemifPair(const DpdkOptions& common = TestOptions(""), const std::string& more = "");

  TemporaryFolder folder;
  std::string error;
  std::unique_ptr<DpdkDevice> server, client;
};

}  // namespace shredder::net::dpdk

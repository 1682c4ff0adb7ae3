// What a loop polls for frames and hands frames to: a network card, a ring in shared memory, a
// queue in a test. Knows nothing of what frames hold.
//
// Thread: the one that runs the stack.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "lwip/pbuf.h"
#include "runtime/net/lwip/stack.h"

namespace shredder::net::lwip {

// Since the device was opened.
struct DeviceCounters {
  uint64_t received = 0;  // frames
  uint64_t received_bytes = 0;
  uint64_t sent = 0;
  uint64_t sent_bytes = 0;
  uint64_t missed = 0;          // arrived while the device's ring was full
  uint64_t without_buffer = 0;  // arrived while no buffer was free
  uint64_t damaged = 0;         // arrived, and the device found them wrong
  uint64_t unsent = 0;          // refused by Transmit, or by the device afterwards
};

class PacketDevice : public NetworkDevice {
 public:
  // Puts at most so many frames that have arrived into `frames`, in their order, and returns how
  // many. Each has one reference, which passes to the caller.
  virtual size_t Receive(std::span<pbuf*> frames) = 0;
  // Hands on what Transmit has taken, as far as there is room; what is left waits for the next
  // call.
  virtual void Flush() = 0;
  virtual DeviceCounters counters() const = 0;

  // What an interface over it is to be like.
  virtual std::array<uint8_t, 6> mac() const = 0;
  virtual uint16_t mtu() const = 0;
  virtual Checksums checksums() const = 0;
  // One line for the log: device, driver, queue, offloads.
  virtual std::string description() const = 0;
};

// The options with what the device says.
inline InterfaceOptions InterfaceOver(InterfaceOptions options, const PacketDevice& device) {
  options.mac = device.mac();
  options.mtu = device.mtu();
  options.checksums = device.checksums();
  return options;
}

}  // namespace shredder::net::lwip

// lwIP as the runtime uses it: one stack a process, its interfaces, the frames that go in and out.
//
// How a loop runs it, once a turn:
//
//     stack.SetNow(now)           the time of the turn, for all that follows
//     interface.Input(frame)      for each frame that the device has received
//     ...                         what the callbacks have queued is served, and answered
//     stack.RunTimers()           retransmissions, delayed ACKs, keepalive, neighbours
//
// Input comes before RunTimers: after a turn that took long, the ACKs that wait in the device's
// ring must be seen before their segments are sent again.
//
// lwIP is not re-entrant. It calls back from inside Input and RunTimers (tcp_recv, tcp_sent,
// tcp_accept, tcp_err, tcp_poll), and a callback may do no more than keep what it is given (a pbuf
// passes to it) and mark its connection: whatever may run a handler, or call Input or RunTimers,
// waits until they have returned. Everything else of lwIP's raw API is called between them
// (tcp_write, tcp_output, tcp_recved, tcp_close, tcp_abort).
//
// A connection is made fit for requests by tcp_nagle_disable in its accept callback.
//
// Thread: one, for all of it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "lwip/ip_addr.h"
#include "lwip/netif.h"
#include "lwip/pbuf.h"
#include "lwip/tcp.h"

namespace shredder::net::lwip {

// The process's stack.
class LwipStack {
 public:
  // Made at the first call, with keys of its own.
  static LwipStack& Instance();
  LwipStack(const LwipStack&) = delete;
  LwipStack& operator=(const LwipStack&) = delete;

  // The time in milliseconds, from any start; must not go back.
  void SetNow(uint64_t now_ms);
  // Does what is due. Needed every 10 ms while there are connections, and never later than
  // NextTimer says; cheap where nothing is due.
  void RunTimers();
  // Milliseconds from the time that was set until RunTimers has something to do; 0 where it is due.
  uint32_t NextTimer() const;

 private:
  LwipStack();
};

// What the stack holds of a connection's streams, in bytes; its own structures and the rest of the
// buffers that bytes lie in come on top. What has been called back counts for whoever keeps it.
struct HeldBytes {
  size_t sending = 0;       // written, and not yet acknowledged by the peer
  size_t out_of_order = 0;  // received after a gap
};
// The connection is none that listens. Walks the segments that are out of order.
HeldBytes BytesHeld(const tcp_pcb& pcb);

// What sends frames: a network card, or a queue in a test. Outlives its interface.
class NetworkDevice {
 public:
  virtual ~NetworkDevice() = default;
  // Takes a frame, whose bytes are in a chain of pbufs that stay lwIP's: it is copied, or referred
  // to with pbuf_ref until it has been sent. False where there is no room for it: a segment then
  // waits for the next output of its connection, at the latest for its retransmission, and anything
  // else is lost. A device with a ring does better to keep what does not fit. Comes from inside
  // lwIP, and may not call it.
  virtual bool Transmit(pbuf& frame) = 0;
};

// Who computes checksums.
enum class Checksums {
  kSoftware,      // lwIP generates them all, and checks them all
  kGenerateOnly,  // what comes in has none that could be checked, as from a virtual link
  kNone,          // neither: the device does both, or the link is memory
};

struct InterfaceOptions {
  std::array<uint8_t, 6> mac{};
  std::string address;  // IPv4; empty: none
  std::string netmask = "255.255.255.0";
  std::string gateway;                     // IPv4; empty: none
  std::vector<std::string> ip6_addresses;  // each in a network of 64 bits; at most two
  uint16_t mtu = 1500;
  Checksums checksums = Checksums::kSoftware;
};

class Interface {
 public:
  // An interface that is up. Throws std::invalid_argument where an address is none.
  Interface(const InterfaceOptions& options, NetworkDevice& device);
  // Resets the connections over it.
  ~Interface();
  Interface(const Interface&) = delete;
  Interface& operator=(const Interface&) = delete;

  // A frame that was received; the pbuf passes to lwIP, as a custom one may (a device's own buffer,
  // given back by its free function, at any time until the peer's data has been consumed).
  void Input(pbuf* frame);
  // The same of a copy; false where there is no memory for it, or it is longer than 65,535 bytes.
  bool Input(std::span<const uint8_t> frame);

  netif* get() { return &netif_; }

 private:
  static err_t Initialize(netif* netif);
  static err_t Transmit(netif* netif, pbuf* frame);

  const InterfaceOptions options_;
  NetworkDevice& device_;
  netif netif_{};
};

}  // namespace shredder::net::lwip

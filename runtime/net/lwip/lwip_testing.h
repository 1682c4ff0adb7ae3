// What the tests of the stack share: two hosts on a link in one process, and connections that keep
// what is called back, as a loop's would.
//
// Both hosts are interfaces of the one stack that a process has, not two copies of lwIP with
// renamed symbols: what is tested is what ships, with its counters at hand, and nothing is built
// twice. What both ends would get wrong alike is seen by the tests that write frames themselves
// (wire_testing.h).
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "lwip/tcp.h"
#include "runtime/net/lwip/packet_queue.h"
#include "runtime/net/lwip/stack.h"

namespace shredder::net::lwip {

// A device that is one end of a link.
class LinkDevice final : public NetworkDevice {
 public:
  explicit LinkDevice(PacketQueue& out) : out_(out) {}
  bool Transmit(pbuf& frame) override;

  uint64_t segments = 0;  // of TCP over IPv4 that were sent

 private:
  PacketQueue& out_;
};

inline constexpr uint16_t kPort = 7379;

// A server's and a client's interface, joined; and the time, which only they let pass.
class TwoHosts {
 public:
  explicit TwoHosts(const LinkFaults& faults = {}, uint64_t seed = 1,
                    Checksums server_checksums = Checksums::kSoftware);
  ~TwoHosts();

  // Delivers what is on the way, and what that brings about, in this instant.
  void Deliver();
  // Lets a time pass, a millisecond at once, delivering frames at each.
  void Pass(uint64_t milliseconds);
  // Lets a time pass at once, as to a loop that comes late.
  void Skip(uint64_t milliseconds);
  // The same as Pass until something holds; false where it does not within that time.
  bool PassUntil(const std::function<bool()>& holds, uint64_t milliseconds = 120'000);
  static uint64_t now();

  ip_addr_t server_address(bool ip6 = false) const;
  ip_addr_t client_address(bool ip6 = false) const;

  PacketLink link;  // there: to the server
  LinkDevice server_device;
  LinkDevice client_device;
  Interface server;
  Interface client;
};

// One end of a connection. Callbacks only note what came.
class TestConnection {
 public:
  // Of a connection that has been accepted.
  explicit TestConnection(tcp_pcb* pcb) { Adopt(pcb); }
  // Connects.
  TestConnection(TwoHosts& hosts, uint16_t port, bool ip6 = false);
  // Resets it where it is still there.
  ~TestConnection();
  TestConnection(const TestConnection&) = delete;
  TestConnection& operator=(const TestConnection&) = delete;

  // Queues more of what is to be sent, and sends what the stack takes.
  void Send(std::string_view bytes);
  // Sends on what the stack had no room for, and consumes what has come unless told to hold it.
  void Work();
  // Ends our side of the stream once all has been sent.
  void Finish() { finish_ = true; }
  // Gives the connection up to the stack, which ends it in order.
  void Close();
  void Reset();
  // To be told where a test's own callback has given it up.
  void Forget() { pcb_ = nullptr; }

  tcp_pcb* pcb() const { return pcb_; }
  bool connected = false;
  bool ended = false;  // the peer has
  err_t error = ERR_OK;
  bool hold = false;  // leave what comes unconsumed: the window closes
  std::string received;

 private:
  void Adopt(tcp_pcb* pcb);
  static err_t OnReceived(void* self, tcp_pcb* pcb, pbuf* data, err_t error);
  static err_t OnConnected(void* self, tcp_pcb* pcb, err_t error);
  static void OnError(void* self, err_t error);

  tcp_pcb* pcb_ = nullptr;
  std::string unsent_;
  size_t sent_ = 0;
  bool finish_ = false;
  std::deque<pbuf*> arrived_;
};

// Listens at the server, and keeps what it accepts.
class TestListener {
 public:
  TestListener(TwoHosts& hosts, uint16_t port, bool ip6 = false);
  ~TestListener();

  std::vector<std::unique_ptr<TestConnection>> accepted;

 private:
  static err_t OnAccepted(void* self, tcp_pcb* pcb, err_t error);
  tcp_pcb* pcb_;
};

// Bytes that tell if one is lost, doubled or moved.
std::string Pattern(size_t bytes, uint64_t seed);

// How many connections the stack has, those in TIME_WAIT among them.
size_t CountConnections();

}  // namespace shredder::net::lwip

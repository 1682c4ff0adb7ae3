// The event loop over a network card that the process has to itself: polls it, and runs TCP in user
// space (lwip/stack.h), so that between a frame and the handler there is no kernel. Beside it goes
// on what the epoll loop does: listeners, sockets and descriptors of the kernel's, which are looked
// after every 100 us.
//
// One turn: frames in, which the stack works through, and whose callbacks only queue; then
// handlers; then the stack's timers; then frames out. A handler that polls the loop begins the next
// turn inside of this one. One that does not is all that happens: frames wait in the card's ring,
// and what finds no room there is lost, and sent again by its peer.
//
// A process has one such loop, as it has one stack.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "lwip/tcp.h"
#include "runtime/net/bypass/pcb_connection.h"
#include "runtime/net/epoll_loop.h"
#include "runtime/net/lwip/device.h"
#include "runtime/net/lwip/stack.h"

namespace shredder::net {

struct BypassOptions {
  // MAC, MTU and checksums are the device's.
  lwip::InterfaceOptions interface;
  // While nothing happens: whether the loop sleeps, 50 us at a time, or takes the whole core.
  bool sleeps = true;
  // The stack's clock; null: the monotonic one. For tests.
  uint64_t (*clock_ms)() = nullptr;
};

struct BypassCounters {
  lwip::DeviceCounters device;
  uint64_t busy_polls = 0;  // that found a frame, or something to serve
  uint64_t idle_polls = 0;
  uint64_t busy_ns = 0;        // in busy polls: the stack, handlers, the device
  uint64_t retransmitted = 0;  // segments
  uint64_t dropped = 0;        // by the stack: frames that are for nobody, or wrong
  uint64_t out_of_memory = 0;  // of the stack: what it could not take or make
  size_t stack_bytes = 0;      // that the stack has allocated
  size_t half_open = 0;
  size_t time_wait = 0;
};

class BypassLoop final : public EpollLoop {
 public:
  // The device outlives the loop. Null with a one-line reason in *error.
  static std::unique_ptr<BypassLoop> Create(const EventLoopOptions& options,
                                            const BypassOptions& bypass, lwip::PacketDevice* device,
                                            std::string* error);
  ~BypassLoop() override;

  // Listens at the interface's addresses, until StopListening. As ListenTcp otherwise.
  bool ListenBypass(uint16_t port, ConnectionHandler* handler, std::string* error);
  void StopListening() override;
  BypassCounters counters() const;

 protected:
  void HandleEvents(int timeout_ms) override;
  void Submit() override;

 private:
  friend class PcbConnection;

  struct BypassListener {
    BypassLoop* loop;
    ConnectionHandler* handler;
    tcp_pcb* pcb;
  };
  struct Accepted {
    std::unique_ptr<PcbConnection> connection;
    ConnectionHandler* handler;
  };

  BypassLoop(const EventLoopOptions& options, const BypassOptions& bypass,
             lwip::PacketDevice* device, Descriptors descriptors);

  // How many there were.
  size_t TakeFrames();
  void ServeQueues();
  void PrefetchDue();
  void RunTimers(uint64_t now_ms);
  void SendFrames();
  void Accept(Accepted accepted);
  void Rest();
  uint64_t ClockMs(uint64_t now_ns) const;

  static err_t OnAccepted(void* self, tcp_pcb* pcb, err_t error);

  // ---- For connections.

  void IsDue(ConnectionRef ref) { due_.push_back(ref); }
  void HasOutput(ConnectionRef ref) { output_.push_back(ref); }

  const BypassOptions options_;
  lwip::PacketDevice& device_;
  lwip::Interface interface_;
  std::vector<std::unique_ptr<BypassListener>> bypass_listeners_;
  std::deque<Accepted> accepted_;
  std::deque<ConnectionRef> due_;     // have something to tell
  std::deque<ConnectionRef> output_;  // have written something since their last output

  uint64_t look_at_kernel_ns_ = 0;
  uint64_t last_busy_ns_ = 0;
  uint64_t timers_ran_ms_ = 0;
  uint64_t busy_polls_ = 0;
  uint64_t idle_polls_ = 0;
  uint64_t busy_ns_ = 0;
};

}  // namespace shredder::net

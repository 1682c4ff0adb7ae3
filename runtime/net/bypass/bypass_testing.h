// For the tests of the event loop: a bypass loop whose device is a queue of frames in memory, and
// clients that are a host at its other end.
#pragma once

#include <memory>
#include <string>

#include "runtime/net/loop_testing.h"
#include "runtime/net/lwip/packet_queue.h"

namespace shredder::net {

// Clients may be used from other threads than the loop's: what they do happens in the loop's turns,
// as both hosts are of one stack. One network at a time.
class FrameNetwork final : public TestNetwork {
 public:
  // Frames arrive as they were sent.
  static std::unique_ptr<TestNetwork> Make();
  // Frames are lost, doubled, reordered, cut off and changed; time passes faster, so that nothing
  // waits long for what is sent again.
  static std::unique_ptr<TestNetwork> MakeFaulty();

  FrameNetwork(const lwip::LinkFaults& faults, uint64_t clock_speed);
  ~FrameNetwork() override;

  // Takes clients until StopListening.
  std::unique_ptr<EventLoop> CreateLoop(const EventLoopOptions& options, ConnectionHandler* handler,
                                        std::string* error) override;
  // Of another address than clients connect to.
  std::unique_ptr<EventLoop> CreateLoopAt(const std::string& address, std::string* error);
  TestClient Connect() override;
  std::string peer_prefix() const override { return "10.0.0.2:"; }

  // Of the device, whose frames have not been freed.
  size_t buffers_in_use() const;
  // What the stack has at the loop's end, those in TIME_WAIT apart.
  static size_t CountConnections();

 private:
  class Device;
  class Host;

  std::unique_ptr<Device> device_;
};

}  // namespace shredder::net

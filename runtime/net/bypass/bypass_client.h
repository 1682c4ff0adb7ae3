// A client over a network card of the process's own: connects to servers, and moves bytes, by
// polling. For a service that shares a machine, and memory, with its store (a memif device), and
// for the load generator.
//
//     BypassClient client(interface, device);
//     std::unique_ptr<ClientStream> stream = client.Connect("10.0.0.2", 7379, &error);
//     while (!done) {
//       client.Poll();                       // frames in, timers, frames out; never waits
//       while (ClientStream* stream = client.NextEvent()) ...   // bytes, room, an end, a failure
//     }
//
// A process has one such client or one BypassLoop, as it has one stack; all of it belongs to one
// thread.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "runtime/net/bypass/pcb_stream.h"
#include "runtime/net/lwip/device.h"
#include "runtime/net/lwip/stack.h"

namespace shredder::net {

class BypassClient;

class ClientStream final : public PcbStream {
 public:
  ~ClientStream() override;
  // Whether it is connected; Send may be called before.
  bool is_connected() const { return connected_; }
  // Takes as many bytes as there is room for, and has them sent by the next Poll; how many those
  // were. For the rest: PcbStream::AwaitRoom.
  size_t Send(std::string_view bytes);

  // Has NextEvent give it once more, for what was left.
  void Remind() { OnEvent(); }

  uint64_t tag = 0;  // whoever has many streams tells them by

 private:
  friend class BypassClient;

  ClientStream(BypassClient* client, tcp_pcb* pcb);
  void OnEvent() override;
  // By what lwIP's callbacks of it get; anything else may be given in its place.
  static void Prefetch(const void* arg);
  static err_t OnConnected(void* self, tcp_pcb* pcb, err_t error);

  BypassClient& client_;
  bool connected_ = false;
  bool has_event_ = false;  // in BypassClient::events_
};

class BypassClient {
 public:
  // The device outlives the client. MAC, MTU and checksums are the device's; throws
  // std::invalid_argument where an address is none.
  BypassClient(const lwip::InterfaceOptions& interface, lwip::PacketDevice* device);
  // Its streams go first.
  ~BypassClient();
  BypassClient(const BypassClient&) = delete;
  BypassClient& operator=(const BypassClient&) = delete;

  // Begins to connect. Null with a one-line reason in *error where that cannot be.
  std::unique_ptr<ClientStream> Connect(const std::string& address, uint16_t port,
                                        std::string* error);
  // Frames in, the stack's timers, frames out: how many came in.
  size_t Poll();
  // Hands on what has been sent, without waiting for the next Poll.
  void Flush();
  // A stream to which something has happened (it is connected; bytes, room, the end or a failure
  // have come), once however much that is; null where there is none.
  ClientStream* NextEvent();

 private:
  friend class ClientStream;

  lwip::PacketDevice& device_;
  lwip::Interface interface_;
  std::deque<ClientStream*> events_;
  size_t streams_ = 0;
  uint64_t timers_ran_ms_ = 0;
};

}  // namespace shredder::net

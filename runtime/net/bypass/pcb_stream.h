// The two streams of bytes of a TCP connection of lwIP's: what a connection of a loop and one of a
// client have in common. A PCB is lwIP's "protocol control block".
//
// Called outside of lwIP (lwip/stack.h), but for OnEvent.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lwip/tcp.h"
#include "runtime/net/loop_connection.h"

namespace shredder::net {

class PcbStream {
 public:
  // Takes the PCB over, which may have yet to connect.
  explicit PcbStream(tcp_pcb* pcb);
  // Resets it where it was not closed.
  virtual ~PcbStream();
  PcbStream(const PcbStream&) = delete;
  PcbStream& operator=(const PcbStream&) = delete;

  // Whether lwIP has it no more, or it was closed.
  bool is_gone() const { return pcb_ == nullptr; }
  // The peer has reset it, or lwIP has given it up.
  bool has_failed() const { return failed_; }
  // Whether Receive has something to say: bytes, or the end.
  bool has_arrived() const { return has_data() || peer_ended_; }
  // Of one that lwIP has: "10.0.0.2:50312", "[fd00::2]:50312".
  std::string PeerAddress() const;

  // As LoopConnection's. What was sent goes out with the next Output.
  Moved Send(std::span<const iovec> parts);
  Moved Receive(std::span<const iovec> parts);
  void ShutdownSending();
  // Half of what there can be room for is free, or there is no use in waiting.
  bool HasRoom() const;
  // Has OnEvent called once there is room; from inside this where there is.
  void AwaitRoom();
  // Makes segments of what was sent, and hands them to the device.
  void Output();

  // The first of the bytes that have arrived, where they lie in one piece in a buffer that nobody
  // has begun to receive; null where they do not. Whoever takes it frees it.
  pbuf* TakeWhole();
  // Lets go of the buffers of what waits to be received: of a card's there are not many, and a
  // window of bytes may come one by one, each in one of its own.
  void CopyWaiting();

  // Ends both streams; what was sent still goes to the peer, unless it takes nothing for long.
  // Where something waits to be received, the peer finds that it was reset, as with sockets;
  // `discard`: as if that had been received.
  void Close(bool discard = false);
  void Abort();

 protected:
  // Something has happened: bytes, an end, a failure, room. From inside lwIP, whose functions it
  // must not call.
  virtual void OnEvent() = 0;

 private:
  // What has arrived and was not received, besides arrived_, which is usually all.
  struct Waiting {
    std::string copied;  // before arrived_
    size_t copied_at = 0;
    std::vector<pbuf*> behind;  // arrived_; the first behind_at have been taken
    size_t behind_at = 0;
  };

  bool has_copied() const {
    return waiting_ != nullptr && waiting_->copied_at < waiting_->copied.size();
  }
  bool has_data() const { return arrived_ != nullptr || has_copied(); }
  Waiting& waiting();
  // arrived_, in whose place comes what is behind it.
  pbuf* TakeFirst();
  void FreeArrived();
  // From here on lwIP tells nothing.
  tcp_pcb* TakePcb();

  static err_t OnReceived(void* self, tcp_pcb* pcb, pbuf* data, err_t error);
  static err_t OnSent(void* self, tcp_pcb* pcb, uint16_t bytes);
  static err_t OnPoll(void* self, tcp_pcb* pcb);
  static void OnError(void* self, err_t error);

  // Together what each request touches: see LoopConnection.
  tcp_pcb* pcb_;
  bool failed_ = false;
  bool peer_ended_ = false;    // its last has arrived, behind all that waits to be received
  bool lacks_memory_ = false;  // which the last Send did, and of which lwIP tells nothing
  bool awaits_room_ = false;

  uint16_t used_ = 0;  // bytes of arrived_ that are received
  // The first of lwIP's buffers, which may be a chain.
  pbuf* arrived_ = nullptr;
  std::unique_ptr<Waiting> waiting_;  // null before there was anything
};

}  // namespace shredder::net

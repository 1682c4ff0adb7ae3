// A connection of the loop's over lwIP's TCP.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "runtime/net/bypass/pcb_stream.h"
#include "runtime/net/loop_connection.h"

namespace shredder::net {

class BypassLoop;

class PcbConnection final : public LoopConnection {
 public:
  // One that lwIP has accepted, from inside its callback.
  PcbConnection(BypassLoop* its_loop, tcp_pcb* pcb);

  Moved Send(std::span<const iovec> parts) override;
  void AwaitRoom() override { stream_.AwaitRoom(); }
  Moved Receive(std::span<const iovec> parts) override { return stream_.Receive(parts); }
  void UpdateReading() override;
  void ShutdownSending() override { stream_.ShutdownSending(); }
  void Detach() override { stream_.Close(); }

  // ---- For its loop.

  bool is_gone() const { return stream_.is_gone(); }
  std::string PeerAddress() const { return stream_.PeerAddress(); }
  // Instead of opening it: sends this, as far as there is room, and the end.
  void Refuse(std::string_view refusal);
  // Tells the loop what has happened. Calls handlers.
  void Serve();
  void Output();
  // Has the processor's cache ask for a connection, by what lwIP's callbacks of it get; anything
  // else may be given in its place.
  static void Prefetch(const void* arg);

 private:
  class Stream final : public PcbStream {
   public:
    Stream(PcbConnection* connection, tcp_pcb* pcb) : PcbStream(pcb), connection_(*connection) {}

   private:
    void OnEvent() override { connection_.Queue(); }
    PcbConnection& connection_;
  };

  // Has Serve called in this turn or the next one.
  void Queue();
  void Deliver();

  // In a line of the cache, the last one.
  alignas(kCacheLineBytes) Stream stream_;
  BypassLoop& loop_;
  bool queued_ = false;      // in BypassLoop::due_
  bool has_output_ = false;  // in BypassLoop::output_
};

}  // namespace shredder::net

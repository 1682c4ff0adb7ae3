#include "runtime/net/bypass/pcb_connection.h"

#include <utility>

#include "runtime/net/bypass/bypass_loop.h"
#include "runtime/prefetch.h"

namespace shredder::net {

PcbConnection::PcbConnection(BypassLoop* its_loop, tcp_pcb* pcb)
    : LoopConnection(its_loop), stream_(this, pcb), loop_(*its_loop) {}

Moved PcbConnection::Send(std::span<const iovec> parts) {
  const Moved moved = stream_.Send(parts);
  // Together with what else is sent in this turn.
  if (moved.bytes > 0 && !std::exchange(has_output_, true)) loop_.HasOutput(ref);
  return moved;
}

void PcbConnection::Output() {
  has_output_ = false;
  stream_.Output();
}

void PcbConnection::Prefetch(const void* arg) {
  // The stream begins the last line.
  static_assert(sizeof(Stream) + sizeof(&loop_) + sizeof(queued_) + sizeof(has_output_) <=
                kCacheLineBytes);
  constexpr size_t kBefore = sizeof(PcbConnection) - kCacheLineBytes;
  PrefetchBytes(static_cast<const char*>(arg) - kBefore, LoopConnection::kHotBytes);
  __builtin_prefetch(arg);
}

void PcbConnection::UpdateReading() {
  if (wants_reading() && (stream_.has_arrived() || stream_.has_failed())) Queue();
}

void PcbConnection::Queue() {
  // Before it is open, nothing is told of it.
  if (ref.generation != 0 && !std::exchange(queued_, true)) loop_.IsDue(ref);
}

void PcbConnection::Serve() {
  queued_ = false;
  if (!sends()) return;
  if (stream_.has_failed()) return loop_.Close(*this);
  if (awaits_room && stream_.HasRoom()) loop_.HasRoom(*this);
  Deliver();
  if (!wants_reading()) stream_.CopyWaiting();
  UpdateReading();
}

void PcbConnection::Deliver() {
  while (wants_reading() && stream_.has_arrived()) {
    // Small messages are looked at where they have arrived; parts of large ones go to their place.
    pbuf* const data = has_large_messages || missing() > 0 ? nullptr : stream_.TakeWhole();
    if (data == nullptr) {
      loop_.ReceiveAvailable(*this);
      break;  // others have their turn
    }
    loop_.Received(*this, {static_cast<const char*>(data->payload), data->len});
    pbuf_free(data);
  }
}

void PcbConnection::Refuse(std::string_view refusal) {
  const iovec part{.iov_base = const_cast<char*>(refusal.data()), .iov_len = refusal.size()};
  stream_.Send({&part, 1});
  // What is left unread would have lwIP reset it, and the peer not see the refusal.
  stream_.Close(/*discard=*/true);
}

}  // namespace shredder::net

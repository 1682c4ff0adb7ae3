// A connection as its loop sees it, and what carries its bytes: the seam between the two.
//
// LoopConnection is what all connections have in common, and knows no descriptor. A transport is a
// class derived from it, and what its loop does for it: a socket under epoll or io_uring, or
// anything else that moves two streams of bytes. Connections of several transports live side by
// side in one loop.
#pragma once

#include <sys/uio.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "runtime/cache_aligned.h"
#include "runtime/net/buffer_pool.h"
#include "runtime/net/event_loop.h"
#include "runtime/net/input_buffer.h"
#include "runtime/net/socket.h"
#include "runtime/prefetch.h"

namespace shredder::net {

class LoopBase;

// Names a connection for as long as it exists, and nothing afterwards.
struct ConnectionRef {
  uint32_t slot = 0;
  uint32_t generation = 0;
};

// Bytes of a connection's stream that are received elsewhere than in its input.
struct CutOut {
  std::shared_ptr<ReceivedBytes> bytes;  // null: none
  size_t offset = 0;                     // in the input: they would begin there

  size_t missing() const { return bytes == nullptr ? 0 : bytes->rest().size(); }
  size_t own_bytes() const { return bytes == nullptr ? 0 : bytes->own_bytes(); }
};

// What came of moving bytes of a stream.
struct Moved {
  enum class Outcome : uint8_t {
    kSome,     // `bytes` were; 0 only of those that were to be received: the peer has sent its last
    kBlocked,  // none can be now: there is no room for them, or none have arrived
    kFailed,   // none will be any more
  };
  Outcome outcome = Outcome::kSome;
  size_t bytes = 0;
};

// Open to the loops: handlers only see it as a Connection.
struct alignas(kCacheLineBytes) LoopConnection : public Connection, public CacheAligned {
  // The loop outlives it.
  explicit LoopConnection(LoopBase* its_loop);

  // ---- For transports to implement. The loop calls these, and hears of events by what LoopBase
  // has for transports to call. None of them calls that, but for Close where it says so.

  // Takes as many of the bytes as there is room for, without waiting: at least one, or kBlocked.
  // They may lie elsewhere as soon as this has returned.
  virtual Moved Send(std::span<const iovec> parts) = 0;
  // There is more to send, for which there is no room, or not in this turn: tells by
  // LoopBase::HasRoom, once, from this turn's events or a later one's, when there may be room, also
  // where there is some already. Not from inside this. May close the connection.
  virtual void AwaitRoom() = 0;
  // Moves bytes that have arrived to these places, the first first, without waiting. Where it does
  // not fill them, and there are more, it tells of those as of new ones.
  virtual Moved Receive(std::span<const iovec> parts) = 0;
  // Starts to tell what arrives, and the peer's last, by ReceiveAvailable or Received and
  // ReceivedEof, where wants_reading() and it does not do so yet; what has arrived already, too.
  // Not from inside this. It need not stop when this becomes unwanted before something has arrived,
  // but what arrives while it is unwanted waits where it pushes back on the peer. May close the
  // connection.
  virtual void UpdateReading() = 0;
  // The peer finds the end of the stream behind what Send has taken. Once, when all has been sent.
  virtual void ShutdownSending() = 0;
  // The connection is closed: ends whatever goes on, so that nothing is told any more. What Send
  // has taken still goes to the peer where that is possible. Once.
  virtual void Detach() = 0;
  // Whether nothing that goes on refers to the connection any more, after Detach or Withdraw. It is
  // not destroyed before; whoever returns false calls DestroyIfDone and ReleaseIfDone later.
  virtual bool Quiescent() const { return true; }

  // The two below are called only where it is.
  bool IsReleasable() const override { return false; }
  // Detach for one that is to be released: its descriptor stays as it is, and what arrives until it
  // is quiescent is still received.
  virtual void Withdraw() {}
  virtual UniqueFd TakeDescriptor() { return {}; }

  // ---- As its handler sees it

  void Flush() override;
  void CloseAfterFlush() override;
  void Close() override;
  void PauseReading() override;
  void ResumeReading() override;
  void Defer() override { deferred = true; }
  void EndDeferral() override;
  void ExpectBytes(size_t bytes) override { expected = bytes; }
  void ReceiveInto(size_t offset, std::shared_ptr<ReceivedBytes> bytes) override {
    next_cut_out = {std::move(bytes), offset};
  }
  bool Release() override;
  uint64_t id() const override { return connection_id; }
  const std::string& peer_address() const override { return peer; }

  enum class State : uint8_t {
    kOpen,
    kFinishing,  // closed when the output is sent; input is ignored
    kLingering,  // everything sent, our side shut down; input is discarded until the peer closes
    kReleasing,  // OnReleased is due once it is quiescent; input is kept for the adopter
    kClosed,     // OnClose is due or done, or OnReleased is done
  };

  bool paused() const { return reading_paused || output_paused; }
  // Whether OnData may be called.
  bool serveable() const { return state == State::kOpen && !paused() && !deferred; }
  // Whether bytes from the peer are welcome now.
  bool wants_reading() const {
    return !eof && !serving &&
           (state == State::kLingering || (state == State::kOpen && !paused() && !backlogged));
  }
  // Whether what the handler has not consumed is of use to anybody.
  bool keeps_input() const { return state == State::kOpen || state == State::kReleasing; }
  // Input and late input.
  size_t unread() const { return input.size() + (late_input ? late_input->size() : 0); }
  // Whether the loop still sends.
  bool sends() const { return state < State::kReleasing; }
  size_t all_unsent() const { return sending.size() - sent + unsent(); }
  // Of that, what is in memory of the connection's own.
  size_t own_unsent() const;
  // What must arrive before the handler can do anything.
  size_t missing() const { return cut_out.missing() + expected - std::min(expected, input.size()); }

  // Has the processor's cache ask for what output is written to and sent from, and what the handler
  // keeps of the connection begins with.
  void PrefetchBuffers() const {
    __builtin_prefetch(output_.data());
    __builtin_prefetch(sending.data());
    __builtin_prefetch(user_data_);
  }

  friend class LoopBase;  // for pieces_, output_ and the account

  // In the order of what each request touches, the rest behind: with thousands of connections each
  // line of it is one that the cache does not have.

  static constexpr size_t kHotBytes = 4 * kCacheLineBytes;

  LoopBase* const loop;
  ConnectionHandler* handler = nullptr;
  ConnectionRef ref;
  State state = State::kOpen;
  bool serving = false;         // inside the handler's OnOpen, OnData
  bool reading_paused = false;  // by PauseReading
  bool output_paused = false;   // until the peer has taken its replies
  bool deferred = false;        // by Defer
  bool backlogged = false;      // the handler has enough to consume
  bool eof = false;             // the peer has shut down its side
  bool ready = false;           // in LoopBase::ready_
  bool redeliver = false;       // OnData is due although no byte was consumed
  bool release_due = false;     // in LoopBase::released_
  bool awaits_room = false;     // AwaitRoom was called, and HasRoom not yet
  // Its messages are large: worth being received into the place where they are to be, by
  // ReceiveAvailable, where that has a cost of its own.
  bool has_large_messages = false;
  bool last_was_cut_out = false;  // some of the last message

  size_t expected = 0;  // of input, before OnData is called
  size_t sent = 0;      // bytes of `sending` that the transport has taken
  // Arrived while serving, when `input` must not move; null where nothing has.
  std::unique_ptr<InputBuffer> late_input;
  // Being sent, before pieces_ and output_, which the handler may append to meanwhile.
  std::string sending;
  CutOut cut_out;
  CutOut next_cut_out;  // asked for by the OnData that runs
  InputBuffer input;

  uint64_t connection_id = 0;
  std::string peer;
};

}  // namespace shredder::net

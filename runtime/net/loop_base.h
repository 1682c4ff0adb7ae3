// What the io_uring and the epoll loop share: the connections' states, the delivery of input,
// limits, closing, the timer. A backend moves bytes and says what happened.
//
// Turns nest: a handler may call PollOnce, and the inner turn goes on where the outer one stands.
// So nothing here keeps an iterator or an unguarded pointer across a handler's call: queues are
// popped one element at a time, connections are named by slot and generation, and one whose handler
// is running is never delivered to or destroyed.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/net/buffer_pool.h"
#include "runtime/net/event_loop.h"
#include "runtime/net/input_buffer.h"
#include "runtime/net/socket.h"

namespace shredder::net {

class LoopBase;

// From so many bytes on, what moving them takes is much beside what waking a thread does.
inline constexpr size_t kMuchBytes = 8 * 1024;
// In so many turns the rest of a large message arrives, or its reply is sent.
inline constexpr uint32_t kTurnsOfMessage = 2;

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

// Open to the loops: handlers only see it as a Connection.
struct LoopConnection final : public Connection {
  explicit LoopConnection(BufferPool* buffers) : input(buffers), late_input(buffers) {}

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
  // Whether the loop still sends.
  bool sends() const { return state < State::kReleasing; }
  size_t all_unsent() const { return sending.size() - sent + unsent(); }
  // Of that, what is in memory of the connection's own.
  size_t own_unsent() const;
  // What must arrive before the handler can do anything.
  size_t missing() const { return cut_out.missing() + expected - std::min(expected, input.size()); }

  friend class LoopBase;  // for id and peer address

  LoopBase* loop = nullptr;
  ConnectionHandler* handler = nullptr;
  UniqueFd fd;
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

  // Of input, before OnData is called.
  size_t expected = 0;
  CutOut cut_out;
  CutOut next_cut_out;  // asked for by the OnData that runs
  // Its messages are large, so that they are received by system calls into the place where they are
  // to be.
  bool receives_directly = false;
  bool last_was_cut_out = false;  // some of the last message

  InputBuffer input;
  InputBuffer late_input;  // arrived while serving, when `input` must not move

  // Being sent, before pieces_ and output_, which the handler may append to meanwhile.
  std::string sending;
  size_t sent = 0;  // bytes of `sending` that the kernel has taken

  // epoll
  bool registered = false;
  uint32_t epoll_events = 0;
  bool send_blocked = false;
  // io_uring
  enum class Receive : uint8_t { kIdle, kArmed, kCancelling, kPolling };
  Receive receive = Receive::kIdle;
  bool awaits_sendable = false;
};

class LoopBase : public EventLoop {
 public:
  bool ListenTcp(const std::string& address, uint16_t port, ConnectionHandler* handler,
                 std::string* error) override;
  bool ListenUnix(const std::string& path, ConnectionHandler* handler, std::string* error) override;
  bool AdoptListener(UniqueFd fd, ConnectionHandler* handler, std::string* error) override;
  uint16_t bound_port() const override { return bound_port_; }
  void StopListening() override;
  void Adopt(ReleasedConnection released, ConnectionHandler* handler, void* user_data) override;
  bool Watch(int fd, std::function<void()> on_readable, std::string* error) override;
  void Unwatch(int fd) override;
  void SetTimer(uint64_t interval_ms, std::function<void()> callback) override;
  void RestTimer(uint64_t ms) override;
  void Run() override;
  void Stop() override;
  void Drain(uint64_t timeout_ms) override;
  void PollOnce() override;
  void SetIdle(std::function<bool()> callback) override { idle_ = std::move(callback); }
  void WantIdle() override { wants_idle_ = idle_ != nullptr; }
  void SetTurnEnd(std::function<void()> callback) override { turn_end_ = std::move(callback); }
  size_t connection_count() const override { return connection_count_; }
  const std::string& backend_note() const override { return note_; }
  void set_backend_note(std::string note) { note_ = std::move(note); }

 protected:
  struct Listener {
    std::optional<ListeningSocket> socket;  // none once it is closed
    ConnectionHandler* handler;
    bool shared;             // with other loops
    bool accepting = false;  // armed in the backend
    bool stopped = false;    // by StopListening
  };
  // A descriptor that Watch was called for. Its id is never used again.
  struct Watched {
    uint32_t id;
    int fd;
    std::function<void()> on_readable;
    bool running = false;  // inside on_readable
  };

  LoopBase(const EventLoopOptions& options, UniqueFd wake_fd);

  // ---- For backends to implement.

  // Handles events, at most a bounded number; waits for the first one up to `timeout_ms` (-1: for
  // ever, 0: not at all).
  virtual void HandleEvents(int timeout_ms) = 0;
  // Hands everything queued to the kernel; called at the end of PollOnce.
  virtual void Submit() = 0;
  // Arms a listener that is not accepting.
  virtual void StartAccepting(size_t listener) = 0;
  // Ends that, if it has been armed. False where the kernel lets go of the socket only later: then
  // CloseListener follows.
  virtual bool StopAccepting(size_t listener) = 0;
  // Tells by OnWatched when the descriptor is readable: for as long as it is, or once, and again
  // after the next ArmWatch. False with errno.
  virtual bool StartWatching(const Watched& watched) = 0;
  virtual void ArmWatch(const Watched& watched) = 0;
  virtual void StopWatching(const Watched& watched) = 0;
  // Ends what is going on with a connection's descriptor.
  virtual void Detach(LoopConnection& connection) = 0;
  // The same for one that is to be released: its descriptor stays as it is, and what arrives until
  // it is quiescent is still received.
  virtual void Withdraw(LoopConnection& connection) = 0;
  // Whether no operation of the kernel refers to the connection any more.
  virtual bool Quiescent(const LoopConnection& connection) const = 0;
  // Starts reading where wants_reading() and it has not been started. Reading need not stop when it
  // becomes unwanted before something has arrived.
  virtual void UpdateReading(LoopConnection& connection) = 0;
  // Sends what is unsent, or starts to. May call Close.
  virtual void StartSending(LoopConnection& connection) = 0;
  // Whether the backend needs its connections' sockets non-blocking, or blocking.
  virtual bool nonblocking_sockets() const = 0;

  // ---- For backends to call.

  // There are events, before any is handled: a timer that rests ticks again.
  void FoundEvents();
  void Accepted(size_t listener, UniqueFd fd);
  // Accepts a bounded number of those that wait, without waiting. False where resources are
  // wanting.
  bool AcceptWaiting(size_t listener);
  // Accepting failed for want of resources: tries again a little later.
  void AcceptFailed(size_t listener);
  // The kernel has let go of a listener that was stopped.
  void CloseListener(size_t listener);
  // Ignores ids that are not watched any more.
  void OnWatched(uint32_t id);
  void Received(LoopConnection& connection, std::string_view bytes);
  void ReceivedEof(LoopConnection& connection);
  // Sends what is unsent, and acts on what is left: also for when the kernel has taken more.
  void FlushOutput(LoopConnection& connection);
  void Close(LoopConnection& connection);
  // For the backend's destructor: tells all handlers, then destroys what is quiescent.
  void CloseAll();
  // Destroys a closed connection once OnClose was called and it is quiescent.
  void DestroyIfDone(LoopConnection& connection);
  // Queues OnReleased for a connection that is being released, once it is quiescent.
  void ReleaseIfDone(LoopConnection& connection);
  // Whether a large message, or a large part of one, was moved since one of the last few calls.
  bool HasMovedMuch() {
    turns_since_much_ = moved_much_ ? 0 : turns_since_much_ + 1;
    moved_much_ = false;
    return turns_since_much_ <= kTurnsOfMessage;
  }
  bool has_connections() const { return free_slots_.size() < slots_.size(); }

  enum class SendResult { kDrained, kBlocked, kBudgetSpent, kFailed };
  // Sends with direct system calls, at most about 1 MiB. The kernel never reads memory of ours
  // outside of a call, as shared bytes move.
  SendResult SendDirectly(LoopConnection& connection);
  // Receives with direct system calls what is there, at most about 1 MiB: where the handler wants
  // it, into the connection's input where much is missing there, else once into memory of the turn.
  void ReceiveDirectly(LoopConnection& connection);

  LoopConnection* Find(ConnectionRef ref) const;
  LoopConnection* FindSlot(uint32_t slot) const { return slots_[slot].get(); }
  Listener& listener(size_t index) { return *listeners_[index]; }
  int wake_fd() const { return wake_fd_.get(); }

 private:
  friend struct LoopConnection;

  bool Listen(ListeningSocket socket, ConnectionHandler* handler, bool shared);
  LoopConnection& NewConnection(UniqueFd fd, ConnectionHandler* handler, uint64_t id,
                                std::string peer);
  void CallOnOpen(LoopConnection& connection);
  // Waits for the first event at most until then (of the monotonic clock, in ms).
  void Turn(uint64_t until_ms);
  int WaitMilliseconds(uint64_t until_ms) const;
  void RunTimer();
  void ResumeAccepting();

  void ServeInput(LoopConnection& connection);
  size_t CallOnData(LoopConnection& connection, std::string_view bytes);
  bool Keep(LoopConnection& connection, InputBuffer* buffer, std::string_view bytes);
  // Takes what belongs to the connection's cut-out, and returns the rest.
  static std::string_view FillCutOut(LoopConnection& connection, std::string_view bytes);
  void KeepRest(LoopConnection& connection, std::string_view rest);
  void ConsumeInput(LoopConnection& connection, size_t bytes);
  bool ExceedsLimit(const LoopConnection& connection, size_t more_bytes) const;
  void Settle(LoopConnection& connection, bool progressed);
  void CheckOutput(LoopConnection& connection);
  // Takes note of whether the handler, which could consume what is unread, has enough of it.
  void UpdateBacklog(LoopConnection& connection, bool could_consume);
  // Brings the connection's account up to date; closes the connection and returns false where it
  // has brought that over its limit.
  bool Account(LoopConnection& connection);
  // Takes note of bytes that the kernel took.
  void TookFromOutput(LoopConnection& connection, size_t bytes);
  void Finish(LoopConnection& connection);
  void FinishAfterEof(LoopConnection& connection);
  void QueueReady(LoopConnection& connection);
  void ServeReady();
  void ReapClosed();
  void ReapLingering();
  void ContinueReading(LoopConnection& connection);
  bool StartRelease(LoopConnection& connection);
  void DeliverReleased();

  // Of a connection's turn: handed to OnData in place. A nested turn takes one of its own: the
  // outer turn's is in use. So there are as many as turns have ever nested.
  std::vector<std::unique_ptr<char[]>> receive_buffers_;
  size_t turn_depth_ = 0;
  bool moved_much_ = false;
  uint32_t turns_since_much_ = kTurnsOfMessage;
  BufferPool buffers_;  // outlives the connections
  uint64_t gave_back_ms_ = 0;

  const EventLoopOptions options_;
  std::string note_;
  UniqueFd wake_fd_;  // an eventfd that Stop writes to
  std::atomic<bool> stop_{false};
  bool draining_ = false;

  std::vector<std::unique_ptr<Listener>> listeners_;
  uint16_t bound_port_ = 0;
  uint64_t accept_again_at_ms_ = 0;  // 0: no listener waits

  std::vector<std::unique_ptr<LoopConnection>> slots_;
  std::vector<uint32_t> free_slots_;
  uint32_t next_generation_ = 1;
  uint64_t next_id_ = 1;
  size_t connection_count_ = 0;  // not closed

  std::deque<ConnectionRef> ready_;     // have input that OnData is to see again
  std::deque<ConnectionRef> closed_;    // OnClose is due
  std::deque<ConnectionRef> released_;  // OnReleased is due
  struct Lingering {
    ConnectionRef ref;
    uint64_t deadline_ms;
  };
  std::deque<Lingering> lingering_;  // by deadline

  // Shared, so that one that is unwatched from inside its callback outlives it.
  std::vector<std::shared_ptr<Watched>> watched_;
  uint32_t next_watch_id_ = 0;

  std::function<void()> turn_end_;
  std::function<void()> timer_;
  uint64_t timer_interval_ms_ = 0;
  uint64_t timer_at_ms_ = 0;
  bool timer_rests_ = false;
  std::function<bool()> idle_;
  bool wants_idle_ = false;
  bool found_events_ = false;  // in the running turn, or the last one
};

}  // namespace shredder::net

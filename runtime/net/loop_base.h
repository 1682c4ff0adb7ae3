// What all loops share: the connections' states, the delivery of input, limits, closing, the timer.
// Knows no descriptor: connections move their bytes themselves (loop_connection.h), and a backend
// says what happened. Sockets are SocketLoop's.
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
#include "runtime/net/loop_connection.h"

namespace shredder::net {

// From so many bytes on, what moving them takes is much beside what waking a thread does.
inline constexpr size_t kMuchBytes = 8 * 1024;
// In so many turns the rest of a large message arrives, or its reply is sent.
inline constexpr uint32_t kTurnsOfMessage = 2;
inline constexpr uint64_t kForEver = UINT64_MAX;
// From so many connections on what they touch is more than the processor's caches keep.
inline constexpr size_t kManyConnections = 512;
// The same where what they ask for touches much besides (ConnectionHandler::TouchesMuch).
inline constexpr size_t kManyCallers = 64;
inline constexpr unsigned kSampledEvents = 4;

class LoopBase : public EventLoop {
 public:
  void SetTimer(uint64_t interval_ms, std::function<void()> callback) override;
  void RestTimer(uint64_t ms) override;
  void TrimBuffers() override { receive_buffers_.clear(); }
  void Run() override;
  void Stop() override;
  void Drain(uint64_t timeout_ms) override;
  void PollOnce() override;
  void SetIdle(std::function<std::optional<uint64_t>(uint64_t)> callback) override {
    idle_ = std::move(callback);
  }
  void WantIdle(uint64_t quiet_ms) override {
    if (idle_) idle_quiet_ms_ = std::min(quiet_ms, idle_quiet_ms_.value_or(quiet_ms));
  }
  void SetTurnEnd(std::function<void()> callback) override { turn_end_ = std::move(callback); }
  size_t connection_count() const override { return connection_count_; }
  const std::string& backend_note() const override { return note_; }
  void set_backend_note(std::string note) { note_ = std::move(note); }

 protected:
  explicit LoopBase(const EventLoopOptions& options);

  // The monotonic clock.
  static uint64_t NowMs();

  // ---- For backends to implement.

  // Handles events, at most a bounded number; waits for the first one up to `timeout_ms` (-1: for
  // ever, 0: not at all), or less. It is called again inside of itself, by handlers: the inner call
  // goes on where the outer one stands.
  virtual void HandleEvents(int timeout_ms) = 0;
  // Hands on everything queued, to the kernel or whoever else takes it; called at the end of
  // PollOnce.
  virtual void Submit() = 0;
  // Has HandleEvents return soon, from any thread; async-signal-safe.
  virtual void Wake() = 0;
  // When the backend has something to do though no event comes (NowMs), and the time to do it, once
  // a turn.
  virtual uint64_t due_ms() const { return kForEver; }
  virtual void RunDue() {}

  // ---- For backends to call.

  // There are events, before any is handled: a timer that rests ticks again.
  void FoundEvents();
  // Null where it is gone.
  LoopConnection* Find(ConnectionRef ref) const;
  LoopConnection* FindSlot(uint32_t slot) const { return slots_[slot].get(); }
  bool has_connections() const { return free_slots_.size() < slots_.size(); }
  bool has_many_connections() const { return connection_count_ >= kManyConnections; }
  // Steps of asking the processor's cache for what serving a connection will touch: two for the
  // connection itself, then those of ConnectionHandler::Prefetch.
  static constexpr unsigned kPrefetchSteps = ConnectionHandler::kPrefetchSteps + 2;
  // Nothing where there is no connection in the slot.
  static constexpr uint32_t kNoSlot = UINT32_MAX;
  // Whether the next steps will ask for anything.
  bool Prefetch(uint32_t slot, unsigned step) const;
  bool TouchesMuch(uint32_t slot) const;
  // Before each of a row of `ready` events is handled: makes each step for an event that is handled
  // one sooner than that of the step before, so that between two steps of one there is the time
  // that another one takes. Before the `is_first` of a row, those of the nearest, itself included,
  // for which no time is left. `slot_of` gives the slot of an event by how many are handled before.
  template <typename SlotOf>
  void PrefetchAhead(unsigned ready, bool is_first, const SlotOf& slot_of) {
    if (is_first) {
      prefetches_ = has_many_connections();
      if (!prefetches_ && connection_count_ >= kManyCallers) {
        // A few of the row stand for all.
        for (unsigned event = 0; event < std::min(ready, kSampledEvents); ++event) {
          prefetches_ |= TouchesMuch(slot_of(event));
        }
      }
    }
    if (!prefetches_) return;
    for (unsigned before = is_first ? kPrefetchSteps : 0;; --before) {
      for (unsigned step = 0; step < kPrefetchSteps && kPrefetchSteps - step >= before; ++step) {
        const unsigned event = kPrefetchSteps - step - before;
        if (event < ready) Prefetch(slot_of(event), step);
      }
      if (before == 0) break;
    }
  }
  // Whether a large message, or a large part of one, was moved since one of the last few calls.
  bool HasMovedMuch() {
    turns_since_much_ = moved_much_ ? 0 : turns_since_much_ + 1;
    moved_much_ = false;
    return turns_since_much_ <= kTurnsOfMessage;
  }
  // What Adopt does, with a connection made of the descriptor, which `released` has not any more.
  void TakeIn(std::unique_ptr<LoopConnection> connection, ReleasedConnection released,
              ConnectionHandler* handler, void* user_data);
  // For the destructor, while what carries the connections is still there: tells all handlers, then
  // destroys what is quiescent.
  void CloseAll();

  // ---- For transports to call, from HandleEvents. They call handlers, which may turn the loop.
  // The connection that is named is still there afterwards, others may be gone.

  // Whether one more connection is let in. Where it is not, its peer is to get refusal(), as far as
  // there is room, and the end.
  bool Admits();
  const std::string& refusal() const { return options_.refusal; }
  // Takes in one that a peer has made and Admits has let in: gives it its `ref`, calls OnOpen,
  // sends and reads.
  void Open(std::unique_ptr<LoopConnection> connection, ConnectionHandler* handler,
            std::string peer);
  // Something has arrived: has Receive move it, at most about 1 MiB, to where the handler wants it,
  // to the connection's input where much is missing there, else once to memory of the turn. Only
  // where wants_reading(). What is left is to be told of again.
  void ReceiveAvailable(LoopConnection& connection);
  // These bytes have arrived, and stay where they are until this returns: spares small ones a copy.
  // They are kept where reading has become unwanted meanwhile.
  void Received(LoopConnection& connection, std::string_view bytes);
  // The peer has sent its last, and all of it has been received.
  void ReceivedEof(LoopConnection& connection);
  // There may be room, as AwaitRoom has asked: sends on.
  void HasRoom(LoopConnection& connection);

  // ---- For transports to call from anywhere.

  // The connection has failed. OnClose comes from the next turn.
  void Close(LoopConnection& connection);
  // Destroys a closed connection once OnClose was called and it is quiescent.
  void DestroyIfDone(LoopConnection& connection);
  // Queues OnReleased for a connection that is being released, once it is quiescent.
  void ReleaseIfDone(LoopConnection& connection);

 private:
  friend struct LoopConnection;

  LoopConnection& Add(std::unique_ptr<LoopConnection> connection, ConnectionHandler* handler,
                      uint64_t id, std::string peer);
  void CallOnOpen(LoopConnection& connection);
  // Waits for the first event at most until then (of the monotonic clock, in ms).
  void Turn(uint64_t until_ms);
  int WaitMilliseconds(uint64_t until_ms) const;
  void RunTimer();

  void ServeInput(LoopConnection& connection);
  InputBuffer* LateInput(LoopConnection& connection);
  size_t CallOnData(LoopConnection& connection, std::string_view bytes);
  bool Keep(LoopConnection& connection, InputBuffer* buffer, std::string_view bytes);
  // Takes what belongs to the connection's cut-out, and returns the rest.
  static std::string_view FillCutOut(LoopConnection& connection, std::string_view bytes);
  void KeepRest(LoopConnection& connection, std::string_view rest);
  void ConsumeInput(LoopConnection& connection, size_t bytes);
  bool ExceedsLimit(const LoopConnection& connection, size_t more_bytes) const;
  void Settle(LoopConnection& connection, bool progressed);
  // Sends what is unsent, and acts on what is left.
  void FlushOutput(LoopConnection& connection);
  void StartSending(LoopConnection& connection);
  enum class SendResult { kDrained, kBlocked, kBudgetSpent, kFailed };
  // At most about 1 MiB.
  SendResult SendUnsent(LoopConnection& connection);
  void CheckOutput(LoopConnection& connection);
  // Takes note of whether the handler, which could consume what is unread, has enough of it.
  void UpdateBacklog(LoopConnection& connection, bool could_consume);
  // Brings the connection's account up to date; closes the connection and returns false where it
  // has brought that over its limit.
  bool Account(LoopConnection& connection);
  // Takes note of bytes that the transport took.
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
  std::atomic<bool> stop_{false};
  bool draining_ = false;

  std::vector<std::unique_ptr<LoopConnection>> slots_;
  std::vector<uint32_t> free_slots_;
  uint32_t next_generation_ = 1;
  uint64_t next_id_ = 1;
  size_t connection_count_ = 0;  // not closed
  bool prefetches_ = false;      // before the events of the row that is handled

  std::deque<ConnectionRef> ready_;     // have input that OnData is to see again
  std::deque<ConnectionRef> closed_;    // OnClose is due
  std::deque<ConnectionRef> released_;  // OnReleased is due
  struct Lingering {
    ConnectionRef ref;
    uint64_t deadline_ms;
  };
  std::deque<Lingering> lingering_;  // by deadline

  std::function<void()> turn_end_;
  std::function<void()> timer_;
  uint64_t timer_interval_ms_ = 0;
  uint64_t timer_at_ms_ = 0;
  bool timer_rests_ = false;
  std::function<std::optional<uint64_t>(uint64_t)> idle_;
  std::optional<uint64_t> idle_quiet_ms_;  // none while nothing wants to be done
  bool found_events_ = false;              // in the running turn, or the last one
};

}  // namespace shredder::net

// A single-threaded event loop over non-blocking sockets: io_uring where the kernel grants it,
// epoll otherwise, behind one interface. Knows no protocol.
//
// Thread: everything here belongs to the thread that calls Run or PollOnce, Stop apart, which is
// async-signal-safe; another thread may create the loop and add its listeners before.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/net/socket.h"

namespace shredder::net {

class Connection;

// A connection that has left its loop, on its way to another loop, in this process or another one.
// Nothing of the two streams is missing or doubled: the peer's goes on with `unread`, then with
// what is read from `fd`; ours with `unsent`, then with new output.
struct ReleasedConnection {
  UniqueFd fd;
  std::string unread;  // received and not consumed by OnData
  std::string unsent;  // output that the kernel has not taken
  uint64_t id = 0;
  std::string peer;
};

// What happens on connections. One object serves all connections of the listeners that it was given
// to.
class ConnectionHandler {
 public:
  virtual ~ConnectionHandler() = default;
  virtual void OnOpen(Connection& connection) = 0;
  // `unread` is everything received and not yet consumed; returns how many of its bytes are
  // consumed. Called when bytes arrive (see Connection::ExpectBytes), after
  // Connection::ResumeReading, and, when it has consumed some bytes but not all, once more in a
  // later turn: so it may stop early for fairness, or when unsent() is large (the call waits until
  // the peer has taken its replies).
  virtual size_t OnData(Connection& connection, std::string_view unread) = 0;
  // OnData will likely be called for the connection soon: asks the processor's cache for what it
  // will touch (runtime/prefetch.h), and changes nothing. `step` counts up to kPrefetchSteps; each
  // may read what the one before has asked for. Other connections are served in between, so that
  // the connection may be another one by the next step. Returns whether the next steps will ask
  // for anything, as far as is known.
  virtual bool Prefetch(const Connection& connection, size_t step) const {
    static_cast<void>(connection);
    static_cast<void>(step);
    return false;
  }
  static constexpr size_t kPrefetchSteps = 12;
  // Whether OnData will likely touch much more for the connection than the connection itself.
  virtual bool TouchesMuch(const Connection& connection) const {
    static_cast<void>(connection);
    return false;
  }
  // The connection is gone (the peer closed it, an error, a limit, or Close); `connection` is
  // destroyed after this returns.
  virtual void OnClose(Connection& connection) = 0;
  // The connection has left the loop, as Connection::Release asked; comes from a turn, never from
  // inside Release. `connection` still names the one that was (its id, its user data), can do
  // nothing, and is destroyed after this returns; OnClose does not come. The descriptor is closed
  // with `released`. The peer, or the socket, may have ended meanwhile: whoever reads from it finds
  // out.
  virtual void OnReleased(Connection& connection, ReleasedConnection released) {
    static_cast<void>(connection);
    static_cast<void>(released);
  }
};

struct ConnectionLimits {
  size_t max_unread_bytes = 1ull << 30;  // unconsumed input; beyond it the connection is closed
  size_t max_unsent_bytes = 1ull << 30;  // output not taken by the peer; beyond it, the same
  // Reading pauses until the peer has taken its replies.
  size_t pause_reading_at_unsent_bytes = 1ull << 20;
  // Reading pauses while the handler, turn after turn, has so much left that it could consume.
  size_t pause_reading_at_unread_bytes = 1ull << 20;
};

// What several connections hold together: bytes that have been received and not consumed, and
// output that the kernel has not taken. A connection whose bytes bring it over the limit is closed.
struct ByteAccount {
  uint64_t bytes = 0;
  uint64_t limit = UINT64_MAX;
  uint64_t closed = 0;  // connections, for the limit
};

// Bytes for output that are sent from where they lie.
class SharedBytes {
 public:
  virtual ~SharedBytes() = default;
  // Always the same bytes, which may lie elsewhere each time: valid until anybody does anything.
  virtual std::string_view view() const = 0;
};

// Where bytes of the stream are received that are to stay there.
class ReceivedBytes {
 public:
  virtual ~ReceivedBytes() = default;
  // The place of those that have yet to come, which may lie elsewhere each time: valid until the
  // next call of anything. Empty when all are there.
  virtual std::span<char> rest() = 0;
  // So many have been written there.
  virtual void Receive(size_t bytes) = 0;
  // Those that have; valid as the place is.
  virtual std::string_view received() const = 0;
  // How many of these count for the connection, as nothing else counts them.
  virtual size_t own_bytes() const = 0;
};

class Connection {
 public:
  virtual ~Connection() = default;
  // Where the connection's bytes count from now on, beside its own limits; null: nowhere. The
  // account outlives the connection or its place there.
  void SetAccount(ByteAccount* account) {
    if (account_ != nullptr) account_->bytes -= accounted_bytes_;
    account_ = account;
    if (account_ != nullptr) account_->bytes += accounted_bytes_;
  }
  // Replies are appended here; the loop sends what is there after OnData, and whenever Flush is
  // called from elsewhere.
  std::string& output() { return output_; }
  // Puts some of the bytes behind what has been appended, and what is appended from now on behind
  // them; output() is empty then.
  void AppendShared(std::shared_ptr<const SharedBytes> bytes, size_t offset, size_t size) {
    pieces_.push_back({std::exchange(output_, {}), std::move(bytes), offset, offset + size});
  }
  // Output that the loop has not begun to send.
  size_t unsent() const;
  // The same as bytes, which are to be sent by somebody else.
  std::string TakeOutput();
  virtual void Flush() = 0;
  virtual void CloseAfterFlush() = 0;  // no more OnData; closed when everything in output() is sent
  virtual void Close() = 0;            // at once; OnClose follows before the loop's next turn
  // Between Pause and Resume OnData is not called; what arrives waits within bounds (the kernel's
  // buffer pushes back on the peer). ResumeReading never calls OnData itself: the loop's next turn
  // does.
  virtual void PauseReading() = 0;
  virtual void ResumeReading() = 0;
  // From inside an OnData that consumes nothing: it is not called again before EndDeferral, though
  // what is unread could be consumed. What arrives meanwhile waits within bounds. EndDeferral never
  // calls OnData itself: the loop's next turn does.
  virtual void Defer() = 0;
  virtual void EndDeferral() = 0;
  // From inside OnData, of a handler that can do nothing before there are so many bytes, those
  // included that it leaves: it need not be called before. They are received in one piece, at
  // little cost for many; memory for them is taken as they arrive, some MiB ahead at most.
  virtual void ExpectBytes(size_t bytes) = 0;
  // The same where bytes are among them, from `offset` (1 at least) of what it leaves on: they are
  // received into `bytes`, and are no part of `unread` any more. OnData is called when all are
  // there, with what comes before and behind them; ExpectBytes does not count them. `bytes` is let
  // go of once OnData has consumed something behind them, or the connection is gone.
  virtual void ReceiveInto(size_t offset, std::shared_ptr<ReceivedBytes> bytes) = 0;
  // Takes the connection out of the loop. No OnData any more; what OnData does not consume, when it
  // is inside OnData that this is called, is unread. OnReleased follows once the kernel has let go
  // of the connection, within a turn or two; until then output() may be appended to, and Close
  // still ends the connection, with OnClose in the place of OnReleased. The same when memory for
  // what arrives meanwhile is exhausted, or the loop destroyed. False where it is closing already,
  // and OnClose comes as ever, or where no descriptor carries it: then it goes on as it was.
  virtual bool Release() = 0;
  // Whether it can: another process can take it over, as a descriptor carries it.
  virtual bool IsReleasable() const = 0;

  virtual uint64_t id() const = 0;                      // see EventLoopOptions::next_id
  virtual const std::string& peer_address() const = 0;  // "127.0.0.1:50312", or "unix:<path>"
  void set_user_data(void* data) { user_data_ = data; }
  void* user_data() const { return user_data_; }

 protected:
  // Bytes of its own, then a part of shared ones, which may be empty.
  struct Piece {
    std::string before;
    std::shared_ptr<const SharedBytes> shared;
    size_t from = 0;
    size_t to = 0;
  };

  void* user_data_ = nullptr;
  ByteAccount* account_ = nullptr;
  uint64_t accounted_bytes_ = 0;
  std::string output_;
  std::vector<Piece> pieces_;  // in front of output_
};

enum class Backend { kAuto, kIoUring, kEpoll };

struct EventLoopOptions {
  Backend backend = Backend::kAuto;
  ConnectionLimits limits;
  size_t max_connections = 10000;  // beyond it a new connection gets `refusal` and is closed
  std::string refusal;             // sent as it is, e.g. "-ERR max number of clients reached\r\n"
  // Asked last for each accepted connection: true is followed by OnOpen, false refuses as
  // max_connections does. Without it all are admitted.
  std::function<bool()> admit;
  // The id of an accepted connection; without it they count from 1. Several loops that hand
  // connections to each other need ids that are unique over all of them: an adopted one keeps its
  // own.
  std::function<uint64_t()> next_id;
};

class EventLoop {
 public:
  // Null with a one-line reason in *error.
  static std::unique_ptr<EventLoop> Create(const EventLoopOptions& options, std::string* error);
  virtual ~EventLoop() = default;

  // The listeners' handler must outlive the loop. False with a one-line reason (address, cause,
  // remedy) in *error. `port` 0 picks a free one; bound_port() tells.
  virtual bool ListenTcp(const std::string& address, uint16_t port, ConnectionHandler* handler,
                         std::string* error) = 0;
  virtual bool ListenUnix(const std::string& path, ConnectionHandler* handler,
                          std::string* error) = 0;
  // Accepts from a socket, TCP or Unix, that somebody else has bound and listens on; several loops,
  // in several processes, may accept from the same one, each through a descriptor of its own. A
  // connection waits in the kernel's queue until a loop is at hand to serve it, so that none waits
  // for a loop that is held up. The socket's status flags belong to all of them: it becomes
  // non-blocking here and must stay so, so that it is not a socket that another loop got by
  // ListenTcp or ListenUnix. A Unix socket's file stays when the loop goes.
  virtual bool AdoptListener(UniqueFd fd, ConnectionHandler* handler, std::string* error) = 0;
  // The port of the TCP socket added last.
  virtual uint16_t bound_port() const = 0;
  // Closes the listeners within the next turn: no new connections. Those that are open stay, and
  // listeners may be added again.
  virtual void StopListening() = 0;

  // Takes over a connection that another loop, of whichever backend, has released: calls OnOpen,
  // with `user_data` already in the connection so that OnOpen can tell it from an accepted one;
  // then sends `unsent` before new output, delivers `unread` from a later turn, as if it had just
  // arrived, and reads on. The limits on its bytes hold; max_connections and `admit` are not asked.
  // The handler must outlive the connection. Other processes must not use the descriptor any more.
  virtual void Adopt(ReleasedConnection released, ConnectionHandler* handler, void* user_data) = 0;

  // Calls `on_readable` from turns, PollOnce included, as long as the descriptor (a socket, a pipe,
  // an eventfd) is readable, at its end, or failed: what it does not read is told again in the next
  // turn. Never from inside itself. For a few descriptors, each watched once. The descriptor stays
  // the caller's, who unwatches it before closing it. False with a one-line reason in *error.
  virtual bool Watch(int fd, std::function<void()> on_readable, std::string* error) = 0;
  // Also from inside `on_readable`. The kernel may hold on to the descriptor until the next turn.
  virtual void Unwatch(int fd) = 0;

  // Calls `callback` about every `interval_ms` from Run.
  virtual void SetTimer(uint64_t interval_ms, std::function<void()> callback) = 0;
  // From inside the timer's callback, which has nothing to do for so long as nothing happens: the
  // next call comes after `ms`, or an interval after the next turn in which something does.
  virtual void RestTimer(uint64_t ms) = 0;
  // From inside the timer's callback: gives back to the kernel what is kept for the next messages,
  // up to 4 MiB that have to be faulted in again. For once there has been no request for a second.
  virtual void TrimBuffers() = 0;

  // Calls `callback` from Run, for work that can wait, in pieces that are short: where nothing was
  // to do for `quiet_ms`, the least for which WantIdle was called; then for as long as the call
  // before has returned, until one returns nothing. With 0 the loop looks for events between two
  // calls, and does not wait for any; with 1 who asks again as soon as it has its reply meets no
  // piece.
  virtual void SetIdle(std::function<std::optional<uint64_t>(uint64_t quiet_ms)> callback) = 0;
  virtual void WantIdle(uint64_t quiet_ms) = 0;

  // Called at the end of each turn, PollOnce's included, from outside of all handlers of that turn:
  // what it resumes is served in the next one, which then does not wait.
  virtual void SetTurnEnd(std::function<void()> callback) = 0;

  virtual void Run() = 0;   // until Stop
  virtual void Stop() = 0;  // Run returns after its current turn; async-signal-safe
  // After Run: stops listening, and ends every connection once what is in its output() is sent; no
  // OnData. Returns when all are gone, or after `timeout_ms`.
  virtual void Drain(uint64_t timeout_ms) = 0;
  // One non-blocking turn: accepts, reads, calls OnData, sends. May be called from inside a
  // handler's call for connections other than the one being served (that one is skipped).
  virtual void PollOnce() = 0;

  virtual Backend backend() const = 0;  // kIoUring or kEpoll
  // Why the backend is what it is, one line for the log: "io_uring", "epoll: io_uring_setup:
  // Operation not permitted".
  virtual const std::string& backend_note() const = 0;
  virtual size_t connection_count() const = 0;
};

}  // namespace shredder::net

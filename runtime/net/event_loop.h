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
#include <string>
#include <string_view>

namespace shredder::net {

class Connection;

// What happens on connections. One object serves all connections of the listeners that it was given
// to.
class ConnectionHandler {
 public:
  virtual ~ConnectionHandler() = default;
  virtual void OnOpen(Connection& connection) = 0;
  // `unread` is everything received and not yet consumed; returns how many of its bytes are
  // consumed. Called when bytes arrive, after Connection::ResumeReading, and, when it has consumed
  // some bytes but not all, once more in a later turn: so it may stop early for fairness, or when
  // output() is large (the call waits until the peer has taken its replies).
  virtual size_t OnData(Connection& connection, std::string_view unread) = 0;
  // The connection is gone (the peer closed it, an error, a limit, or Close); `connection` is
  // destroyed after this returns.
  virtual void OnClose(Connection& connection) = 0;
};

struct ConnectionLimits {
  size_t max_unread_bytes = 1ull << 30;  // unconsumed input; beyond it the connection is closed
  size_t max_unsent_bytes = 1ull << 30;  // output not taken by the peer; beyond it, the same
  // Reading pauses until the peer has taken its replies.
  size_t pause_reading_at_unsent_bytes = 1ull << 20;
};

class Connection {
 public:
  virtual ~Connection() = default;
  // Replies are appended here; the loop sends what is there after OnData, and whenever Flush is
  // called from elsewhere.
  std::string& output() { return output_; }
  virtual void Flush() = 0;
  virtual void CloseAfterFlush() = 0;  // no more OnData; closed when everything in output() is sent
  virtual void Close() = 0;            // at once; OnClose follows before the loop's next turn
  // Between Pause and Resume OnData is not called; what arrives waits within bounds (the kernel's
  // buffer pushes back on the peer). ResumeReading never calls OnData itself: the loop's next turn
  // does.
  virtual void PauseReading() = 0;
  virtual void ResumeReading() = 0;

  uint64_t id() const { return id_; }                        // unique in the loop's life, from 1
  const std::string& peer_address() const { return peer_; }  // "127.0.0.1:50312", or "unix:<path>"
  void set_user_data(void* data) { user_data_ = data; }
  void* user_data() const { return user_data_; }

 protected:
  std::string output_;
  uint64_t id_ = 0;
  std::string peer_;
  void* user_data_ = nullptr;
};

enum class Backend { kAuto, kIoUring, kEpoll };

struct EventLoopOptions {
  Backend backend = Backend::kAuto;
  ConnectionLimits limits;
  size_t max_connections = 10000;  // beyond it a new connection gets `refusal` and is closed
  std::string refusal;             // sent as it is, e.g. "-ERR max number of clients reached\r\n"
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
  virtual uint16_t bound_port() const = 0;

  // Calls `callback` about every `interval_ms` from Run.
  virtual void SetTimer(uint64_t interval_ms, std::function<void()> callback) = 0;

  virtual void Run() = 0;   // until Stop
  virtual void Stop() = 0;  // Run returns after its current turn; async-signal-safe
  // After Run: ends every connection once what is in its output() is sent; no OnData, and no new
  // connections. Returns when all are gone, or after `timeout_ms`.
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

// What the loops over the kernel's sockets share: listeners, accepted and adopted connections,
// watched descriptors, and how another thread wakes them. A backend says how it hears of events.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/net/loop_base.h"
#include "runtime/net/socket.h"

namespace shredder::net {

class SocketLoop : public LoopBase {
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

  // `wake_fd` is an eventfd, which the backend reads when it is readable.
  SocketLoop(const EventLoopOptions& options, UniqueFd wake_fd);

  void Wake() override;
  uint64_t due_ms() const override { return accept_again_at_ms_; }
  void RunDue() override;

  // ---- For backends to implement.

  // A connection over this socket.
  virtual std::unique_ptr<LoopConnection> NewSocket(UniqueFd fd) = 0;
  // Whether the backend needs its connections' sockets non-blocking, or blocking.
  virtual bool nonblocking_sockets() const = 0;
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

  // ---- For backends to call.

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
  Listener& listener(size_t index) { return *listeners_[index]; }
  int wake_fd() const { return wake_fd_.get(); }

 private:
  bool Listen(ListeningSocket socket, ConnectionHandler* handler, bool shared);

  UniqueFd wake_fd_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  uint16_t bound_port_ = 0;
  uint64_t accept_again_at_ms_ = kForEver;  // no listener waits

  // Shared, so that one that is unwatched from inside its callback outlives it.
  std::vector<std::shared_ptr<Watched>> watched_;
  uint32_t next_watch_id_ = 0;
};

}  // namespace shredder::net

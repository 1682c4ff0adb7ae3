// The event loop over epoll, level-triggered: runs on every Linux. A loop that has connections of
// another transport beside those over sockets derives from it: its HandleEvents calls this one's,
// and its destructor CloseAll.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "runtime/net/socket_loop.h"

namespace shredder::net {

class EpollLoop : public SocketLoop {
 public:
  // Null with a one-line reason in *error.
  static std::unique_ptr<EpollLoop> Create(const EventLoopOptions& options, std::string* error);
  ~EpollLoop() override;

  Backend backend() const override { return Backend::kEpoll; }

 protected:
  // What a loop is made of.
  struct Descriptors {
    UniqueFd wake;
    UniqueFd epoll;
  };
  // None with a one-line reason in *error.
  static std::optional<Descriptors> OpenDescriptors(std::string* error);
  EpollLoop(const EventLoopOptions& options, Descriptors descriptors);

  void HandleEvents(int timeout_ms) override;
  void Submit() override {}
  void StartAccepting(size_t listener) override;
  bool StopAccepting(size_t listener) override;
  bool StartWatching(const Watched& watched) override;
  void ArmWatch(const Watched&) override {}
  void StopWatching(const Watched& watched) override;
  std::unique_ptr<LoopConnection> NewSocket(UniqueFd fd) override;
  bool nonblocking_sockets() const override { return true; }

 private:
  class Socket;

  void Accept(size_t listener);

  UniqueFd epoll_fd_;
};

}  // namespace shredder::net
